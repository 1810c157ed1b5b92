package access

import (
	"context"
	"errors"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestTunnelAddress: a tunnel address is let through while its session has a peer, and revoked before the peer is removed
// (see fakeTunnel.Release).
func TestTunnelAddress(t *testing.T) {
	up := func(g *gateway, e testSession, key byte) error {
		config, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{key})
		if err != nil && config != (agent.TunnelConfig{}) {
			g.t.Errorf("a refusal with %+v", config)
		}
		return err
	}
	is := func(g *gateway, what string, e testSession, open, peer bool) {
		g.t.Helper()
		_, has := g.fakeTunnel.keys[e.Session.ID]
		if holder := g.fakeFirewall.granted[e.Session.Address]; (holder == e.Session.ID) != open || has != peer {
			g.t.Errorf("%s: let through %q, has a peer: %t", what, holder, has)
		}
		g.checkInvariants()
	}
	subtest(t, "from the peer to the end", func(g *gateway) {
		one, two := g.begin(passwordAttempt("ivan", outsidePeer, "a")), g.begin(passwordAttempt("olga", outsidePeer, "b"))
		is(g, "reserved", one, false, false)
		for range 2 { // the second peer takes the place of the first
			if err := up(g, one, 1); err != nil {
				g.t.Fatalf("%v", err)
			}
			is(g, "with a peer", one, true, true)
		}
		is(g, "another session", two, false, false)
		if err := g.End(context.Background(), one.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Fatalf("%v", err)
		}
		is(g, "ended", one, false, false)
	})
	subtest(t, "the firewall fails", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.fakeFirewall.broken = true
		if err := up(g, e, 1); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
		is(g, "refused", e, false, true)
		g.fakeFirewall.broken = false
		if err := up(g, e, 1); err != nil {
			g.t.Errorf("asked again: %v", err)
		}
		is(g, "asked again", e, true, true)
		g.fakeFirewall.broken = true
		if err := up(g, e, 1); !errors.Is(err, errFake) {
			g.t.Errorf("in place of a peer: %v", err)
		}
		is(g, "a grant that fails is revoked", e, false, true)
		advance(tunnelWait)
		g.wantLive()
		if g.reason(e) != agent.ReasonIdle {
			g.t.Errorf("ended with %s", g.reason(e))
		}
	})
	subtest(t, "after a restart", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		advance(time.Second)
		g.restart()
		is(g, "restored", e, true, false)
		e = g.back(e)
		if err := up(g, e, 1); err != nil {
			g.t.Fatalf("%v", err)
		}
		is(g, "the agent is back", e, true, true)
		g.Logout(e.Session.ID, e.Connection)
		is(g, "logged out", e, false, false)
	})
}
