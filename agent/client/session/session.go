// Package session keeps the access of one person at a time, and is what a window controls it through. There are two kinds
// of sessions, alike for the window: Local, in the window's own process, and pipe.Remote, in the Windows service, which
// several windows of several people share. In both a Manager does the work.
//
//	control  what it means for this window
//	free     nobody has access; whoever logs in first gets it
//	yours    the access is that of this window's Windows session
//	other    somebody else's; who it is stays hidden, and only an administrator may end it (CanEnd)
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package session

import "ideco-agent/agent/client"

// Session is what a window controls. Its methods may be called from any goroutine and wait for nothing, except Close. All
// texts are in the language that the session was made with.
type Session interface {
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
	// End ends the access of whoever has it, where Status.CanEnd permits.
	End()

	// Status is all that there is to show now.
	Status() Status
	// Watch returns a channel that holds one element after every change, and a function that ends the watch.
	Watch() (<-chan struct{}, func())
	// Close is what Exit does: it ends the window's own access and the session. It may be called again.
	Close()
}

// States besides those of package client.
const (
	Resting client.State = "resting" // nothing is wanted
	Ready   client.State = "ready"   // the gateway answers and waits for a login
)

// Status is the access as one window may see it, whole at every change. The service sends it as it is.
type Status struct {
	client.Status `json:"status"` // Resting and without a word about the person while Control is Other
	Control       Control         `json:"control,omitempty"`
	CanEnd        bool            `json:"can_end,omitempty"` // the access is somebody else's and this window may End it
	// Problem is why the last request was not taken, or cannot be; it comes before Message. nil = none.
	Problem *Problem `json:"problem,omitempty"`
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
