// Package session manages the access of one person at a time, and defines the Session through which a window controls
// it. There are two implementations: Local runs in the window's own process, pipe.Remote in the Windows service,
// which windows of several people share. Both use a Manager.
package session

import "ideco-agent/agent/client"

// Session is the access as a window controls it. Its methods are safe for concurrent use and return at once, except
// Close. All texts are in the language that the session was made with.
type Session interface {
	// Probe probes the gateway until it answers. It does nothing while there is access.
	Probe()
	// StopProbing stops probing, as when the window is hidden. Access continues.
	StopProbing()
	// Login logs in. It replaces the window's own access.
	Login(login, password string)
	// ChangePassword changes the password: over the window's own access, which goes on, otherwise before it logs in. The result
	// comes in the status, see client.Status.PasswordChanges.
	ChangePassword(login, password, newPassword string)
	// LoginSSO logs in with the person's Kerberos tickets. It replaces the window's own access.
	LoginSSO()
	// Extend asks for a longer session; when password is empty, with the password or the tickets of the login.
	Extend(password string)
	// Logout ends the window's own access, or the attempt to get it.
	Logout()
	// End ends the access, also another person's when Status.CanEnd is set.
	End()

	// Status returns the current status.
	Status() Status
	// Watch returns a channel that holds one element after every change, and a function that ends the watch.
	Watch() (<-chan struct{}, func())
	// Close ends the window's own access and the session. It may be called again.
	Close()
}

// States besides those of package client.
const (
	Idle  client.State = "resting" // no probe and no login
	Ready client.State = "ready"   // the gateway answers
)

// Status is the status for one window, complete at every change. It is sent through the pipe as it is.
type Status struct {
	client.Status `json:"status"` // Idle, without data of the person, while Holder is Other
	Holder        Holder          `json:"control,omitempty"`
	CanEnd        bool            `json:"can_end,omitempty"` // End may end another person's access
	// ChangesPasswords is set when the session has ChangePassword. A service of an older version does not.
	ChangesPasswords bool `json:"changes_passwords,omitempty"`
	// Problem says why the last request was or would be refused. It is shown instead of Message. nil = none.
	Problem *Problem `json:"problem,omitempty"`
}

// Holder is the holder of the access, as seen from one window.
type Holder string

// Values of Holder. The texts cannot change: during an update, window and service have different versions.
const (
	Nobody Holder = "free"  // there is no access; anyone may log in
	You    Holder = "yours" // the access belongs to the window's person
	Other  Holder = "other" // the access belongs to another person; only an administrator may end it
)

// Codes of ends that were caused neither by the person nor by the gateway.
const (
	EndedLocally = "taken"   // by an administrator of this computer, or because the person has left
	ServiceStops = "stopped" // because the service stops; it may return soon
)
