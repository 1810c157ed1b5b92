// Package seat is the place from which a person at this computer drives the access: what a window can ask for and what
// it has to show. There are two seats, alike for the window: Local, over a keeper in the window's own process, and the
// one of package pipe, over the keeper in the Windows service, which several windows of several people share.
//
//	control  what it means for this window
//	free     nobody has access; whoever logs in first takes the seat
//	yours    the access is that of this window's Windows session
//	other    somebody else's; who it is stays hidden, and only an administrator may end it (CanEnd)
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package seat

import (
	"ideco-agent/agent/client/keeper"
)

// Seat is what a window drives. Its methods may be called from any goroutine and wait for nothing, except Close. All
// texts are in the language that the seat was made with.
type Seat interface {
	// Probe probes the gateway again and again until it answers. While there is access it changes nothing.
	Probe()
	// Rest stops probing: nobody looks at the window any more. Access goes on.
	Rest()
	// Login asks for access, in place of the window's own access before it.
	Login(login, password string)
	// Extend asks for a longer session, with the password of the login when the given one is empty.
	Extend(password string)
	// Logout ends the window's own access, or the attempt to get it.
	Logout()
	// End ends the access of whoever has it, where View.CanEnd permits.
	End()

	// View is all that there is to show now.
	View() View
	// Watch gives a channel that holds one element after every change, and a function that gives it back.
	Watch() (<-chan struct{}, func())
	// Close is what Exit does: it ends the window's own access and leaves the seat. It may be called again.
	Close()
}

// View is all that there is to show, whole at every change.
type View struct {
	keeper.Status // Resting and without a word about the person while Control is Other
	Control       Control
	CanEnd        bool     // the access is somebody else's and this window may End it
	Problem       *Problem // why the last wish was not taken, or cannot be; it comes before Status.Message. nil = none
}

// Control tells whose the access is.
type Control string

// Controls.
const (
	Free  Control = "free"
	Yours Control = "yours"
	Other Control = "other"
)

// Codes of ends that were neither the person's wish nor the gateway's.
const (
	Taken   = "taken"   // an administrator of this computer ended the access, or the person had left
	Stopped = "stopped" // the service stops, and may soon be there again
)

// Problem is something that the gateway knows nothing of.
type Problem struct {
	Code    string // one of those below
	Message string // what to show
}

// Codes of problems. With the last two there is no seat at all for now; it is looked for again and again.
const (
	Busy             = "busy"              // somebody else has access
	NoGateway        = "no_gateway"        // no place names a gateway
	BadSettings      = "bad_settings"      // what names the gateway is malformed or cannot be read
	ServiceStopped   = "service_stopped"   // the service does not answer
	ServiceUntrusted = "service_untrusted" // what answers is not the service
)
