// Package netwatch notices that this computer has moved: to another network, or through a time in which it slept.
// The connection to the gateway is then worth a try at once, instead of when it is missed.
//
// It looks at the computer's addresses and clock every few seconds. Windows and Linux would both tell of changes by
// themselves, each in its own way and several times for one; looking is the same everywhere, and costs nothing that could
// be measured.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package netwatch

import (
	"context"
	"net"
	"sort"
	"strings"
	"time"

	"ideco-agent/agent/client"
)

const (
	every = 3 * time.Second
	// nap is how much longer than every a pause has to be to pass for sleep.
	nap = 15 * time.Second
	// settling is how many times in a row the addresses may differ before the change is told all the same.
	settling = 3
)

// Config says what to watch. Clock and Log may be nil.
type Config struct {
	Changed func()            // called after a change, never twice at a time
	Own     []string          // names of the tunnel's interfaces, which come and go with the connection itself
	Log     func(text string) // told why
	Clock   client.Clock

	look func(own []string) string // replaced by tests
}

// Watch watches until ctx is done.
func Watch(ctx context.Context, c Config) {
	if c.Clock == nil {
		c.Clock = client.SystemClock
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.look == nil {
		c.look = addresses
	}
	w := watch{told: c.look(c.Own), at: c.Clock.Now()}
	w.seen = w.told
	for {
		over, stop := c.Clock.Timer(every)
		select {
		case <-over:
		case <-ctx.Done():
			stop()
			return
		}
		if why := w.look(c.look(c.Own), c.Clock.Now()); why != "" {
			c.Log(why)
			c.Changed()
		}
	}
}

// watch is what was seen so far.
type watch struct {
	told    string // addresses at the last change that was told
	seen    string // addresses at the last look
	unquiet int    // looks in a row that saw something new
	at      time.Time
}

// look tells why the computer has moved; empty = it has not, or is still on its way: an address that comes is often one
// of several.
func (w *watch) look(now string, at time.Time) string {
	slept := at.Round(0).Sub(w.at.Round(0)) > every+nap // by the wall clock: the other one may stand still in sleep
	w.at = at
	if now != w.seen {
		w.unquiet++
	} else {
		w.unquiet = 0
	}
	w.seen = now
	switch {
	case slept:
		w.told, w.unquiet = now, 0
		return "this computer has slept, or its clock was set"
	case now != w.told && (w.unquiet == 0 || w.unquiet >= settling):
		w.told, w.unquiet = now, 0
		return "the network has changed: " + now
	}
	return ""
}

// addresses are those by which this computer may reach others, in one line that is equal as long as they are.
func addresses(own []string) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return "" // it looks again soon
	}
	var list []string
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || isOwn(own, i.Name) {
			continue
		}
		all, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range all {
			list = append(list, i.Name+" "+a.String())
		}
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

func isOwn(own []string, name string) bool {
	for _, o := range own {
		if o == name {
			return true
		}
	}
	return false
}
