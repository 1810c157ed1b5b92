package access

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestIsConnected: only an address in the LAN with a connected session is connected.
func TestIsConnected(t *testing.T) {
	subtest(t, "an address", func(g *gateway) {
		is := func(what, address string, want bool) {
			g.t.Helper()
			if got := g.IsConnected(netip.MustParseAddr(address)); got != want {
				g.t.Errorf("%s: %s is connected: %v", what, address, got)
			}
		}
		is("no session", lanPeer, false)
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.begin(passwordAttempt("olga", outsidePeer, "a"))
		is("logged in", lanPeer, true)
		is("logged in", "::ffff:"+lanPeer, true)
		is("another address", "192.168.1.11", false)
		is("the outside address of a VPN session", outsidePeer, false)
		g.Lost(e.Session.ID, e.Connection)
		is("in the grace period", lanPeer, false)
		advance(time.Hour)
		is("after the grace period", lanPeer, false)
		e = g.begin(passwordAttempt("ivan", lanPeer, "a"))
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
		is("ended", lanPeer, false)
	})
}

// TestSession: a session is found by its ID as long as it lives.
func TestSession(t *testing.T) {
	subtest(t, "a session", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.begin(passwordAttempt("olga", outsidePeer, "a"))
		if live, found := g.Session(e.Session.ID); !found || live.Login != "ivan" || live.State != agent.StateConnected {
			g.t.Errorf("%v, %+v", found, live)
		}
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
		if live, found := g.Session(e.Session.ID); found {
			g.t.Errorf("after its end: %+v", live)
		}
	})
}
