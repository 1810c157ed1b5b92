// Package window is the agent's face on Windows: a small window and an icon in the notification area.
//
//	Desk   what happens when a person types, clicks, comes and goes; no pixel in it
//	Paint  from a Scene, which is all that there is to know, to a Face, which is all that there is to show
//	Tell   from two views to the notifications that are due
//	keys   which control has the keyboard when a Face takes the place of another one
//	Run    the window itself, on Windows only: it shows the Face and hands on to the Desk
//
// The access is had from a seat (package seat). Where the Windows service runs and the gateway is the one that the
// computer's administrators named, that is the service's; in every other case, as at a start from a share, it is a keeper
// in this process, which gets access in the local network only and ends with the window.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package window

import (
	"time"

	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Config is what a Desk works with.
type Config struct {
	Lang     locale.Lang
	Line     settings.Values          // what the command line names
	Registry func() settings.Registry // read again whenever it may have changed
	Personal settings.PersonalStore
	Safe     Safe
	// HasService tells whether the Windows service is installed, and Service takes a seat in it. Both nil = it never is.
	HasService func() bool
	Service    func() seat.Seat
	// Keeper is for the seat in this process. Tunnel and NoTunnel are the window's to set.
	Keeper keeper.Config
	// Traffic is what has gone through the VPN since it came up. ok is false where that is not known; nil = it never is.
	Traffic func() (t Traffic, ok bool)
	// Changed is called from any goroutine when Refresh has something to do.
	Changed func()
	Log     func(text string) // from any goroutine
	Now     func() time.Time  // nil = time.Now
}
