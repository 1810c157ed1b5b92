// Package window is what the person sees of the agent on Windows: a small window and an icon in the notification area.
//
//	Controller    handles what the person does; it draws nothing
//	BuildContent  makes a Content, which is everything that is shown, from an Input
//	Tell          compares two statuses and returns the notifications that are due
//	nextFocus     returns the control that gets the focus after the content has changed
//	Run           shows the Content in a window, on Windows only, and passes what the person does to the Controller
//
// The Controller controls a session (package session). Where the Windows service runs and the gateway is the one that the
// computer's administrators named, that is one in the service; in every other case, as at a start from a share, it is one
// in this process, which gets access in the local network only and ends with the window.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package window

import (
	"time"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Config is what a Controller works with.
type Config struct {
	Lang     locale.Lang
	Line     settings.Values          // what the command line names
	Registry func() settings.Registry // read again whenever it may have changed
	Personal settings.PersonalStore
	Safe     Safe
	// HasService tells whether the Windows service is installed, and Service starts a session in it. Both nil = it never is.
	HasService func() bool
	Service    func() session.Session
	// Local is for the session in this process. Tunnel and NoTunnel are the window's to set.
	Local session.Config
	// Traffic is what has gone through the VPN since it came up. ok is false where that is not known; nil = it never is.
	Traffic func() (t Traffic, ok bool)
	// Changed is called from any goroutine when Refresh has something to do.
	Changed func()
	Log     func(text string) // from any goroutine
	Now     func() time.Time  // nil = time.Now
}
