// Package window is the user interface of the agent on Windows: a small window and a tray icon.
//
//	Controller    handles the person's actions; it draws nothing
//	BuildContent  makes a Content, everything that is shown, from an Input
//	Notifications compares two statuses and returns the notifications for the change
//	nextFocus     returns the control that gets the focus after the content has changed
//	Run           shows the Content in a window, on Windows only, and passes actions to the Controller
//
// The Controller controls a session (package session). When the Windows service is installed and the gateway is the
// one that the computer's administrators named, the session is in the service. Otherwise, as after a start from a
// share, it is in this process: it gets access in the local network only and ends with the window.
package window

import (
	"time"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Config configures a Controller.
type Config struct {
	Lang        locale.Lang
	CommandLine settings.Setting         // from the command line
	Registry    func() settings.Registry // called whenever the settings may have changed
	Personal    settings.PersonalStore
	Passwords   PasswordStore
	// HasService reports whether the Windows service is installed; Service starts a session in it. Both nil = no service.
	HasService func() bool
	Service    func() session.Session
	// Local configures the session in this process. The Controller sets Tunnel and NoTunnel.
	Local session.Config
	// Traffic returns the traffic of the VPN since it came up. ok is false when it is not known; nil = never known.
	Traffic func() (t Traffic, ok bool)
	// Changed is called, from any goroutine, when Refresh is to be called.
	Changed func()
	Log     func(text string) // from any goroutine
	Now     func() time.Time  // nil = time.Now
}
