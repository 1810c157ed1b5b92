package access

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"ideco-agent/agent"
)

const (
	phoneMAC = "02:00:00:00:00:0a"
	otherMAC = "02:00:00:00:00:0b"
)

// setMAC gives addresses a MAC in the neighbour table.
func (g *gateway) setMAC(mac string, addrs ...netip.Addr) {
	g.fakeFirewall.mu.Lock()
	defer g.fakeFirewall.mu.Unlock()
	for _, a := range addrs {
		g.fakeFirewall.macs[a] = mac
	}
}

// wantJoin checks the answer of JoinSession. It first advances the clock, so that the look-up is not limited.
func (g *gateway) wantJoin(a netip.Addr, want bool) {
	g.t.Helper()
	advance(2 * lookupEvery)
	if got := g.JoinSession(context.Background(), g.peer(a)); got != want {
		g.t.Errorf("%v joins: %v", a, got)
	}
	g.checkInvariants()
}

// TestJoinSession: another address of the computer with a browser's session becomes a further address of the session.
func TestJoinSession(t *testing.T) {
	own4 := netip.MustParseAddr(lanPeer)
	subtest(t, "IPv6 beside IPv4", func(g *gateway) {
		e := g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, own4, further1)
		g.wantJoin(further1, true)
		g.wantFurther(e, further1)
		if !g.IsConnected(further1) {
			g.t.Errorf("the address is not connected")
		}
		if got := g.events.find("address_proved"); len(got) != 1 || got[0]["further"] != "fd00::1" || got[0]["session"] != e.Session.ID {
			g.t.Errorf("%v", got)
		}
		g.wantJoin(own4, false) // has access without it
		g.wantJoin(further2, false)
		if err := g.LogoutAddress(context.Background(), g.peer(further1)); err != nil {
			g.t.Errorf("%v", err)
		}
		g.wantLive()
		if g.fakeFirewall.cuts[further1] != 1 || g.IsConnected(further1) {
			g.t.Errorf("cuts %v", g.fakeFirewall.cuts)
		}
		g.wantJoin(further1, false)
	})
	subtest(t, "one IPv4 address beside IPv6", func(g *gateway) {
		e := g.beginWeb("petr", "fd00::1")
		second4 := netip.MustParseAddr("192.168.1.11")
		g.setMAC(phoneMAC, own4, second4, further1)
		g.wantJoin(own4, true)
		g.wantJoin(second4, true)
		g.wantFurther(e, second4)
	})
	subtest(t, "up to the limit", func(g *gateway) {
		e := g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, own4)
		var all []netip.Addr
		for a := further1; len(all) < agent.MaxIPv6+3; a = a.Next() {
			g.setMAC(phoneMAC, a)
			g.wantJoin(a, true)
			all = append(all, a)
		}
		g.wantFurther(e, all[3:]...)
	})
	subtest(t, "the idle session ends", func(g *gateway) {
		defer g.record()()
		e := g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, own4, further1)
		g.wantJoin(further1, true)
		advance(DefaultWebIdle)
		g.wantLive()
		if g.reason(e) != agent.ReasonIdle || len(g.fakeFirewall.further) > 0 {
			g.t.Errorf("%s, %v", g.reason(e), g.fakeFirewall.further)
		}
	})
	subtest(t, "after a restart it is proved again", func(g *gateway) {
		e := g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, own4, further1)
		g.wantJoin(further1, true)
		g.restart()
		g.wantFurther(e)
		g.setMAC(otherMAC, further1)
		g.wantJoin(further1, false)
		g.setMAC(phoneMAC, further1)
		g.wantJoin(further1, true)
		g.wantFurther(e, further1)
	})
}

// TestJoinSessionRefuses: these addresses do not become further addresses of a browser's session.
func TestJoinSessionRefuses(t *testing.T) {
	own4 := netip.MustParseAddr(lanPeer)
	for name, c := range map[string]struct {
		at      netip.Addr
		prepare func(*gateway)
	}{
		"another computer":        {further1, func(g *gateway) { g.setMAC(otherMAC, further1) }},
		"an unknown MAC":          {further1, func(g *gateway) { g.setMAC("", further1) }},
		"a second IPv4 address":   {netip.MustParseAddr("192.168.1.11"), func(*gateway) {}},
		"a link-local address":    {netip.MustParseAddr("fe80::1"), func(*gateway) {}},
		"an address outside":      {netip.MustParseAddr(outsidePeer), func(*gateway) {}},
		"an address of the VPN":   {netip.MustParseAddr("10.128.0.2"), func(*gateway) {}},
		"no browser sign-in":      {further1, func(g *gateway) { g.configure(func(s *agent.Settings) { s.BrowserSignIn = lanNets[:1] }) }},
		"switched off":            {further1, func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) }},
		"the firewall fails":      {further1, func(g *gateway) { g.fakeFirewall.broken = true }},
		"the firewall refuses":    {further1, func(g *gateway) { g.fakeFirewall.other[further1] = true }},
		"the firewall is off":     {further1, func(g *gateway) { g.firewall = nil }},
		"two sessions on one MAC": {further1, func(g *gateway) { g.beginWeb("olga", "192.168.1.11") }},
		"a session with a rule": {further1, func(g *gateway) {
			g.End(context.Background(), g.Sessions()[0].ID, agent.ReasonAdmin)
			g.SetStatic(context.Background(), []StaticSession{{User: petr, Address: own4, MAC: phoneMAC}})
		}},
		"an agent's session":     {further1, func(g *gateway) { g.begin(passwordAttempt("petr", lanPeer, "a")) }},
		"an address of an agent": {further1, func(g *gateway) { g.begin(passwordAttempt("petr", "fd00::1", "a")) }},
		"an address of another browser": {further1, func(g *gateway) {
			g.setMAC(otherMAC, further1)
			g.beginWeb("olga", "fd00::1")
			g.setMAC(phoneMAC, further1)
		}},
		"an address with a rule of an account that is switched off": {further1, func(g *gateway) {
			g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
			g.SetStatic(context.Background(), []StaticSession{{User: ivan, Address: further1}})
		}},
	} {
		subtest(t, name, func(g *gateway) {
			g.configure(func(s *agent.Settings) {
				s.LocalNetworks = append(s.LocalNetworks, netip.MustParsePrefix("fe80::/10"))
				s.BrowserSignIn = append(s.BrowserSignIn, netip.MustParsePrefix("fe80::/10"))
			})
			g.beginWeb("petr", lanPeer)
			g.setMAC(phoneMAC, own4, netip.MustParseAddr("192.168.1.11"), c.at)
			c.prepare(g)
			ids := func() (list []string) {
				for _, s := range g.Sessions() {
					list = append(list, s.ID)
				}
				return list
			}
			before := ids()
			// join must refuse too, because the state can change after the checks of JoinSession.
			if peer := g.peer(c.at); g.JoinSession(context.Background(), peer) || g.firewall != nil && g.join(context.Background(), peer) {
				g.t.Errorf("%v joined", c.at)
			}
			if after := ids(); !slices.Equal(after, before) || len(g.fakeFirewall.further) > 0 {
				g.t.Errorf("%s, before %s; %v", after, before, g.fakeFirewall.further)
			}
			g.firewall, g.fakeFirewall.broken = g.fakeFirewall, false
		})
	}
}

// TestJoinedAddressMoves: when another computer takes over a further address, the session loses the address, and the other computer
// can sign in. The session also loses it when its network has no browser sign-in any more.
func TestJoinedAddressMoves(t *testing.T) {
	own4 := netip.MustParseAddr(lanPeer)
	joined := func(g *gateway) testSession {
		e := g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, own4, further1)
		g.wantJoin(further1, true)
		g.setMAC(otherMAC, further1)
		return e
	}
	subtest(t, "the other computer opens a page", func(g *gateway) {
		e := joined(g)
		g.wantJoin(further1, false)
		g.wantFurther(e)
		g.wantLive(e)
	})
	subtest(t, "another person signs in", func(g *gateway) {
		e := joined(g)
		other := g.beginWeb("olga", further1.String())
		g.wantFurther(e)
		g.wantLive(e, other)
	})
	subtest(t, "the same person signs in", func(g *gateway) {
		e := joined(g)
		other := g.beginWeb("petr", further1.String())
		g.wantLive(e, other)
		if g.fakeFirewall.granted[further1] != other.Session.ID {
			g.t.Errorf("%v", g.fakeFirewall.granted)
		}
	})
	subtest(t, "the same computer extends its session", func(g *gateway) {
		e := joined(g)
		g.setMAC(phoneMAC, further1)
		again := g.beginWeb("petr", further1.String())
		if again.Session.ID != e.Session.ID {
			g.t.Errorf("%+v", again.Session)
		}
		g.wantFurther(e, further1)
		_, err := g.signInBrowser("olga", further1.String())
		g.wantCode(err, agent.CodeAddressBusy)
	})
	subtest(t, "its network has no browser sign-in any more", func(g *gateway) {
		e := joined(g)
		g.configure(func(s *agent.Settings) { s.BrowserSignIn = lanNets[:1] })
		g.Apply(context.Background())
		g.wantLive(e)
		g.wantFurther(e)
	})
}

// TestJoinSessionLimits: many requests cause few look-ups, whether from one address or from many.
func TestJoinSessionLimits(t *testing.T) {
	subtest(t, "one address", func(g *gateway) {
		g.beginWeb("petr", lanPeer)
		g.setMAC(otherMAC, further1)
		for range 1000 {
			g.JoinSession(context.Background(), g.peer(further1))
		}
		if n := g.fakeFirewall.lookups; n != 1 {
			g.t.Errorf("%d look-ups", n)
		}
		advance(lookupEvery)
		g.JoinSession(context.Background(), g.peer(further1))
		if n := g.fakeFirewall.lookups; n != 2 {
			g.t.Errorf("%d look-ups after %v", n, lookupEvery)
		}
	})
	subtest(t, "many addresses", func(g *gateway) {
		for a, n := further1, 0; n < 3000; a, n = a.Next(), n+1 {
			g.JoinSession(context.Background(), g.peer(a))
		}
		if n := g.fakeFirewall.lookups; n > allLookups.burst {
			g.t.Errorf("%d look-ups", n)
		}
		advance(2 * lookupEvery)
		g.JoinSession(context.Background(), g.peer(further2))
		if n := len(g.lookups.latest); n != 1 {
			g.t.Errorf("%d addresses are remembered", n)
		}
	})
	subtest(t, "a computer with changing addresses", func(g *gateway) {
		g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, netip.MustParseAddr(lanPeer))
		joined, a := 0, further1
		for range 2 * proofBurst {
			g.setMAC(phoneMAC, a)
			if g.JoinSession(context.Background(), g.peer(a)) {
				joined++
			}
			a = a.Next()
		}
		if joined != proofBurst {
			g.t.Errorf("%d joined", joined)
		}
		advance(lookupEvery)
		g.wantJoin(a.Prev(), true)
	})
	subtest(t, "requests in parallel", func(g *gateway) {
		g.beginWeb("petr", lanPeer)
		g.setMAC(phoneMAC, netip.MustParseAddr(lanPeer), further1)
		for range 10 { // requests that began before the address had access
			if !g.JoinSession(context.Background(), g.peer(further1)) {
				g.t.Errorf("it has not joined")
			}
		}
		if n := g.fakeFirewall.lookups; n != 1 {
			g.t.Errorf("%d look-ups", n)
		}
	})
}
