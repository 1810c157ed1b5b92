// Package netwatch detects that this computer has moved to another network or slept. The agent then tests its
// connection to the gateway at once.
//
// It polls the computer's addresses and clock every few seconds. The notifications of Windows and Linux differ and come
// several times for one change; polling costs almost nothing.
package netwatch

import (
	"context"
	"net"
	"sort"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
)

const (
	checkEvery = 3 * time.Second
	// sleepThreshold is how much longer than checkEvery a pause must be to count as sleep.
	sleepThreshold = 15 * time.Second
	// maxUnsettled is the number of consecutive checks with new addresses after which the change is reported anyway.
	maxUnsettled = 3
)

// Config configures Watch. Clock and Log may be nil.
type Config struct {
	Changed func()            // called after a change, never twice at a time
	Own     []string          // names of the tunnel's interfaces, which are ignored
	Log     func(text string) // receives the reason of each call of Changed
	Clock   client.Clock

	addresses func(own []string) string // replaced by tests
}

// Watch watches until ctx is done.
func Watch(ctx context.Context, c Config) {
	if c.Clock == nil {
		c.Clock = client.SystemClock
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.addresses == nil {
		c.addresses = addresses
	}
	w := watch{reported: c.addresses(c.Own), at: c.Clock.Now()}
	w.seen = w.reported
	for {
		over, stop := c.Clock.Timer(checkEvery)
		select {
		case <-over:
		case <-ctx.Done():
			stop()
			return
		}
		if why := w.check(c.addresses(c.Own), c.Clock.Now()); why != "" {
			c.Log(why)
			c.Changed()
		}
	}
}

// watch is the state of Watch.
type watch struct {
	reported  string // addresses when a change was last reported
	seen      string // addresses at the last check
	unsettled int    // consecutive checks with new addresses
	at        time.Time
}

// check returns why to report a change; "" = not now. A new address is not reported at once, because several often
// appear together.
func (w *watch) check(now string, at time.Time) string {
	slept := at.Round(0).Sub(w.at.Round(0)) > checkEvery+sleepThreshold // by the wall clock: the monotonic clock may stop during sleep
	w.at = at
	if now != w.seen {
		w.unsettled++
	} else {
		w.unsettled = 0
	}
	w.seen = now
	switch {
	case slept:
		w.reported, w.unsettled = now, 0
		return "this computer has slept, or its clock was set"
	case now != w.reported && (w.unsettled == 0 || w.unsettled >= maxUnsettled):
		w.reported, w.unsettled = now, 0
		return "the network has changed: " + now
	}
	return ""
}

// addresses returns the computer's addresses, except loopback and own, as a sorted text.
func addresses(own []string) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	var list []string
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || agent.Contains(own, i.Name) {
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
