package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestTakeover: the rules for addresses and devices hold for two attempts in the LAN, outside, and one in each.
func TestTakeover(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second Attempt
		waiting       bool         // whether the first has lost its connection
		refused       agent.Code   // code of the refusal of the second
		reason        agent.Reason // why the first ends; empty = it stays
	}{
		{"same person, address, device", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", lanPeer, "a"), false, "", agent.ReasonReplaced},
		{"same person and address, another device", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("Ivan", lanPeer, "b"), false, "", agent.ReasonReplaced},
		{"same person and address, no devices", passwordAttempt("ivan", lanPeer, ""), passwordAttempt("ivan", lanPeer, ""), false, "", agent.ReasonReplaced},
		{"same person, address, device, waiting", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", lanPeer, "a"), true, "", agent.ReasonReplaced},
		{"same person, another address and device", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", "192.168.1.11", "b"), false, "", ""},
		{"same person and device, another address", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", "192.168.1.11", "a"), false, "", agent.ReasonReplaced},
		{"same person, another address, no devices", passwordAttempt("ivan", lanPeer, ""), passwordAttempt("ivan", "192.168.1.11", ""), false, "", ""},
		{"same device, from the LAN to outside", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", outsidePeer, "a"), false, "", agent.ReasonReplaced},
		{"same device, from outside to the LAN", passwordAttempt("ivan", outsidePeer, "a"), passwordAttempt("ivan", lanPeer, "a"), false, "", agent.ReasonReplaced},
		{"same device, outside", passwordAttempt("ivan", outsidePeer, "a"), passwordAttempt("ivan", "203.0.113.8", "a"), false, "", agent.ReasonReplaced},
		{"another device in the LAN and outside", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("ivan", outsidePeer, "b"), false, "", ""},
		{"two devices behind one outer address", passwordAttempt("ivan", outsidePeer, "a"), passwordAttempt("ivan", outsidePeer, "b"), false, "", ""},
		{"two people behind one outer address", passwordAttempt("ivan", outsidePeer, "a"), passwordAttempt("olga", outsidePeer, "a"), false, "", ""},
		{"another person, connected", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("olga", lanPeer, "b"), false, agent.CodeAddressBusy, ""},
		{"another person, same device, connected", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("olga", lanPeer, "a"), false, agent.CodeAddressBusy, ""},
		{"another person, waiting", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("olga", lanPeer, "a"), true, "", agent.ReasonLost},
		{"another person, same device, another address", passwordAttempt("ivan", lanPeer, "a"), passwordAttempt("olga", "192.168.1.11", "a"), false, "", ""},
	} {
		subtest(t, c.name, func(g *gateway) {
			first := g.begin(c.first)
			if c.waiting {
				g.Lost(first.Session.ID, first.Connection)
			}
			advance(time.Second)
			if c.refused != "" {
				refusal := g.wantRefusal(c.second, c.refused)
				g.wantLive(first)
				busy := g.events.find("address_busy")
				if refusal.Address != lanPeer || refusal.Ref == "" || len(busy) != 1 || busy[0]["ref"] != refusal.Ref ||
					busy[0]["holder"] != first.Session.ID || busy[0]["session"] == "" || refusal.Wait == 0 {
					g.t.Errorf("%+v, log %v", refusal, busy)
				}
				return
			}
			second := g.begin(c.second)
			told := "[]"
			if c.reason == "" {
				g.wantLive(first, second)
			} else {
				g.wantLive(second)
				if !c.waiting {
					told = fmt.Sprint([]agent.Reason{c.reason})
				}
			}
			if g.reason(first) != c.reason || first.endReasons() != told || second.endReasons() != "[]" {
				g.t.Errorf("reason %q, want %q; told %s and %s", g.reason(first), c.reason, first.endReasons(), second.endReasons())
			}
			sameAddress := first.Session.Address == second.Session.Address && first.Session.Kind == agent.KindLAN
			if cuts := g.fakeFirewall.cuts[first.Session.Address]; sameAddress && first.Session.UserID == second.Session.UserID && cuts != 0 {
				g.t.Errorf("a person's own takeover cut the address")
			} else if sameAddress && first.Session.UserID != second.Session.UserID && cuts != 1 {
				g.t.Errorf("another person inherited open connections")
			}
		})
	}
}

// TestFullPool: in a full pool, a person gets the address of their own displaced session, and its key is removed.
func TestFullPool(t *testing.T) {
	ctx := context.Background()
	begin := func(g *gateway, a Attempt, key byte) testSession {
		e := g.begin(a)
		if _, err := g.TunnelUp(ctx, e.Session.ID, e.Connection, agent.Key{key}); err != nil {
			g.t.Fatalf("%v", err)
		}
		return e
	}
	for _, waiting := range []bool{false, true} {
		subtest(t, fmt.Sprint("the device logs in anew, waiting: ", waiting), func(g *gateway) {
			g.fakeTunnel.size = 1
			first := begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
			if waiting {
				g.Lost(first.Session.ID, first.Connection)
			}
			second := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
			g.wantLive(second)
			if second.Session.Address != first.Session.Address || len(g.fakeTunnel.keys) != 0 {
				g.t.Errorf("%v, then %v, keys %v", first.Session.Address, second.Session.Address, g.fakeTunnel.keys)
			}
			if _, err := g.TunnelUp(ctx, second.Session.ID, second.Connection, agent.Key{1}); err != nil {
				g.t.Errorf("%v", err)
			}
			g.wantRefusal(passwordAttempt("olga", outsidePeer, "b"), agent.CodePoolExhausted)
		})
	}
	subtest(t, "the oldest device is evicted", func(g *gateway) {
		g.fakeTunnel.size = 1
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 1 })
		first := begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
		g.wantLive(g.begin(passwordAttempt("ivan", outsidePeer, "b")))
		if first.endReasons() != "[evicted]" {
			g.t.Errorf("told %s", first.endReasons())
		}
	})
	subtest(t, "from the LAN on a device that has a tunnel on another one", func(g *gateway) {
		g.fakeTunnel.size = 1
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 2 })
		begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
		lan := g.begin(passwordAttempt("ivan", lanPeer, "b"))
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 1 })
		g.wantLive(g.begin(lan.fromPeer(outsidePeer).withToken(lan.ResumeToken)))
	})
	subtest(t, "another person on the same connection", func(g *gateway) {
		g.fakeTunnel.size = 1
		first := begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
		a := first.Attempt
		a.Login, a.Current = "olga", first.Session.ID
		g.wantRefusal(a, agent.CodePoolExhausted)
		g.wantLive(first)
	})
	subtest(t, "the disk is full", func(g *gateway) {
		g.fakeTunnel.size = 1
		first := begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
		g.memoryStore.failOn("SaveSession")
		if _, err := g.Authorize(ctx, passwordAttempt("ivan", outsidePeer, "a")); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
		g.memoryStore.failOn("")
		g.wantLive(first)
		if len(g.fakeTunnel.keys) != 1 {
			g.t.Errorf("keys %v", g.fakeTunnel.keys)
		}
	})
	// The tunnel cannot remove the old peer yet, so its address stays reserved.
	for _, size := range []int{1, 2} {
		subtest(t, fmt.Sprint("the old peer is stuck, addresses: ", size), func(g *gateway) {
			g.fakeTunnel.size = size
			first := begin(g, passwordAttempt("ivan", outsidePeer, "a"), 1)
			g.fakeTunnel.stuck = true
			defer delete(g.fakeTunnel.addresses, first.Session.ID) // removed late
			if size == 1 {
				_, err := g.Authorize(ctx, passwordAttempt("ivan", outsidePeer, "a"))
				var refusal *agent.Error
				if !errors.As(err, &refusal) || refusal.Code != agent.CodePoolExhausted || len(g.Sessions()) != 0 {
					g.t.Errorf("%v, %v", err, g.Sessions())
				}
				return
			}
			grant, err := g.Authorize(ctx, passwordAttempt("ivan", outsidePeer, "a"))
			if err != nil || grant.Session.Address == first.Session.Address {
				g.t.Errorf("%v, then %v (%v)", first.Session.Address, grant.Session.Address, err)
			}
			if kept := g.memoryStore.session(grant.Session.ID); kept.Address != grant.Session.Address {
				g.t.Errorf("the store holds %v, want %v", kept.Address, grant.Session.Address)
			}
		})
	}
}

// TestTakesOver checks the rule for every pair of kinds on one address.
func TestTakesOver(t *testing.T) {
	for _, c := range []struct {
		next, holder agent.Kind
		same         bool // person
		waiting      bool
		reason       agent.Reason
		ok           bool
	}{
		{agent.KindLAN, agent.KindLAN, true, false, agent.ReasonReplaced, true},
		{agent.KindLAN, agent.KindWeb, true, false, agent.ReasonReplaced, true},
		{agent.KindWeb, agent.KindWeb, true, false, agent.ReasonReplaced, true},
		{agent.KindWeb, agent.KindLAN, true, false, agent.ReasonReplaced, false},
		{agent.KindWeb, agent.KindLAN, true, true, agent.ReasonReplaced, false},
		{agent.KindLAN, agent.KindLAN, false, false, "", false},
		{agent.KindLAN, agent.KindLAN, false, true, agent.ReasonLost, true},
		{agent.KindWeb, agent.KindLAN, false, true, agent.ReasonLost, true},
		{agent.KindLAN, agent.KindWeb, false, true, "", false},
		{agent.KindLAN, agent.KindStatic, true, true, agent.ReasonReplaced, true},
		{agent.KindLAN, agent.KindStatic, false, true, "", false},
		{agent.KindWeb, agent.KindStatic, true, true, "", false},
		{agent.KindWeb, agent.KindStatic, false, true, "", false},
	} {
		holder := &session{Session: agent.Session{UserID: ivan, Kind: c.holder}, connection: &agentConnection{}}
		next := agent.Session{UserID: olga, Kind: c.next}
		if c.same {
			next.UserID = ivan
		}
		if c.waiting {
			holder.connection = nil
		}
		if reason, ok := takesOver(next, holder); ok != c.ok || ok && reason != c.reason {
			t.Errorf("%+v: %q, %v", c, reason, ok)
		}
	}
}

func TestDeviceLimit(t *testing.T) {
	// fill begins as many sessions as allowed, half of them outside, a second apart.
	fill := func(g *gateway) (list []testSession) {
		for i := range g.Settings().DevicesPerUser {
			peer := fmt.Sprintf("192.168.1.%d", 20+i)
			if i%2 == 1 {
				peer = outsidePeer
			}
			list = append(list, g.begin(passwordAttempt("ivan", peer, fmt.Sprint("device", i))))
			if list[i].NeedTunnel {
				if _, err := g.TunnelUp(context.Background(), list[i].Session.ID, list[i].Connection, agent.Key{byte(i)}); err != nil {
					g.t.Fatalf("%v", err)
				}
			}
			advance(time.Second)
		}
		return list
	}
	refuse := func(s *agent.Settings) { s.DevicePolicy = agent.DeviceRefuse }

	subtest(t, "the oldest is evicted", func(g *gateway) {
		list := fill(g)
		sixth := g.begin(passwordAttempt("ivan", lanPeer, "sixth"))
		g.wantLive(append(list[1:], sixth)...)
		if list[0].endReasons() != "[evicted]" || g.reason(list[0]) != agent.ReasonEvicted {
			g.t.Errorf("told %s", list[0].endReasons())
		}
		g.wantRefusal(list[0].withToken(list[0].ResumeToken), agent.CodeSessionOver)
	})
	subtest(t, "the newcomer is refused", func(g *gateway) {
		g.configure(refuse)
		list := fill(g)
		g.wantRefusal(passwordAttempt("ivan", lanPeer, "sixth"), agent.CodeDeviceLimit)
		g.wantRefusal(passwordAttempt("ivan", outsidePeer, ""), agent.CodeDeviceLimit)
		g.wantLive(list...)
		g.begin(passwordAttempt("olga", lanPeer, "sixth"))
	})
	for name, policy := range map[string]func(*agent.Settings){"evict": func(*agent.Settings) {}, "refuse": refuse} {
		subtest(t, "a replaced session does not count: "+name, func(g *gateway) {
			g.configure(policy)
			list := fill(g)
			device := g.begin(passwordAttempt("ivan", outsidePeer, "device2"))
			address := g.begin(passwordAttempt("ivan", "192.168.1.20", "new"))
			g.wantLive(list[1], list[3], list[4], device, address)
		})
		subtest(t, "a resumed session does not count twice: "+name, func(g *gateway) {
			g.configure(policy)
			list := fill(g)
			for _, i := range []int{1, 2} {
				g.Lost(list[i].Session.ID, list[i].Connection)
				list[i] = g.begin(list[i].withToken(list[i].ResumeToken))
			}
			g.wantLive(list...)
		})
	}
	subtest(t, "waiting sessions count", func(g *gateway) {
		g.configure(refuse)
		list := fill(g)
		for _, e := range list {
			g.Lost(e.Session.ID, e.Connection)
		}
		g.wantRefusal(passwordAttempt("ivan", lanPeer, "sixth"), agent.CodeDeviceLimit)
		advance(30 * time.Second)
		g.begin(passwordAttempt("ivan", lanPeer, "sixth"))
	})
	subtest(t, "a resumed ended session counts", func(g *gateway) {
		first := g.begin(passwordAttempt("ivan", lanPeer, "first"))
		g.Lost(first.Session.ID, first.Connection)
		advance(time.Minute)
		list := fill(g)
		g.configure(refuse)
		g.wantRefusal(first.withToken(first.ResumeToken), agent.CodeDeviceLimit)
		g.configure(func(s *agent.Settings) { s.DevicePolicy = agent.DeviceEvict })
		back := g.begin(first.withToken(first.ResumeToken))
		g.wantLive(append(list[1:], back)...)
	})
	subtest(t, "a lower limit applies to new logins", func(g *gateway) {
		list := fill(g)
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 2 })
		if n := g.WouldEnd(g.Settings()) + g.Apply(context.Background()); n != 0 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(list...)
		g.wantLive(list[4], g.begin(passwordAttempt("ivan", lanPeer, "sixth")))
	})
}

func TestFits(t *testing.T) {
	lan := &session{Session: agent.Session{Kind: agent.KindLAN, Address: netip.MustParseAddr(lanPeer),
		ExternalIP: netip.MustParseAddr(lanPeer)}, inside: true}
	web := &session{Session: agent.Session{Kind: agent.KindWeb, Address: lan.Address, ExternalIP: lan.Address}, inside: true}
	static := &session{Session: agent.Session{Kind: agent.KindStatic, Address: lan.Address, ExternalIP: lan.Address}, inside: true}
	vpn := &session{Session: agent.Session{Kind: agent.KindVPN, Address: netip.MustParseAddr("10.128.0.2"),
		ExternalIP: netip.MustParseAddr(outsidePeer)}}
	local := &session{Session: agent.Session{Kind: agent.KindVPN, Address: vpn.Address, ExternalIP: lan.Address}, inside: true}
	nets := func(s ...string) (list []netip.Prefix) {
		for _, n := range s {
			list = append(list, netip.MustParsePrefix(n))
		}
		return list
	}
	m := NewManager(Config{})
	fits := func(set agent.Settings, s *session) bool { return m.fits(set, s.located()) }
	for _, c := range []struct {
		name                         string
		change                       func(*agent.Settings)
		lan, web, static, vpn, local bool
	}{
		{"as it was", func(*agent.Settings) {}, true, true, true, true, false},
		{"off", func(s *agent.Settings) { s.Enabled = false }, false, false, true, false, false},
		{"local tunnel", func(s *agent.Settings) { s.LocalTunnel = true }, false, true, true, true, true},
		{"no local networks", func(s *agent.Settings) { s.LocalNetworks = nil }, false, false, false, true, false},
		{"everything is local", func(s *agent.Settings) { s.LocalNetworks = nets("0.0.0.0/0") }, true, true, true, false, false},
		{"no browsers", func(s *agent.Settings) { s.BrowserSignIn = nil }, true, false, true, true, false},
		{"browsers elsewhere", func(s *agent.Settings) { s.BrowserSignIn = nets("192.168.2.0/24") }, true, false, true, true, false},
		{"another VPN network", func(s *agent.Settings) { s.VPNNetwork = nets("10.99.0.0/16")[0] }, true, true, true, false, false},
		{"the VPN network contains the LAN", func(s *agent.Settings) { s.VPNNetwork = nets("192.168.0.0/16")[0] }, false, false, false, false, false},
		{"lengths, grace, devices", func(s *agent.Settings) {
			s.SessionLAN, s.SessionVPN, s.Grace, s.DevicesPerUser = time.Minute, time.Minute, 0, 1
		}, true, true, true, true, false},
	} {
		set := agent.DefaultSettings()
		set.Enabled, set.LocalNetworks, set.BrowserSignIn = true, nets("192.168.0.0/16"), nets("192.168.1.0/24")
		c.change(&set)
		if got := [...]bool{fits(set, lan), fits(set, web), fits(set, static), fits(set, vpn), fits(set, local)}; got != [...]bool{c.lan, c.web, c.static, c.vpn, c.local} {
			t.Errorf("%s: lan, web, static, vpn, local tunnel: %v", c.name, got)
		}
	}
}

// TestInside: Config.Inside decides what the LAN is, not the address alone. A session that it moves outside does not fit.
func TestInside(t *testing.T) {
	subtest(t, "by interface", func(g *gateway) {
		elsewhere := false
		g.Manager.inside = func(s agent.Settings, a netip.Addr, _ string) bool { return s.InLocalNetworks(a) && !elsewhere }
		e := g.begin(passwordAttempt("petr", lanPeer, "a"))
		elsewhere = true
		if n := g.WouldEnd(g.Settings()); n != 1 {
			g.t.Errorf("%d would end", n)
		}
		if n := g.Apply(context.Background()); n != 1 || g.reason(e) != agent.ReasonShutdown {
			g.t.Errorf("%d ended, %s", n, g.reason(e))
		}
		g.wantRefusal(passwordAttempt("petr", lanPeer, "a"), agent.CodeVPNNotAllowed)
		if e := g.begin(passwordAttempt("ivan", lanPeer, "b")); e.Session.Kind != agent.KindVPN {
			g.t.Errorf("%s", e.Session.Kind)
		}
	})
}

// TestInsideByInterface: the interface of the connection decides, also after a change of the settings.
func TestInsideByInterface(t *testing.T) {
	subtest(t, "by the interface", func(g *gateway) {
		const wan = "wan0"
		g.Manager.inside = func(s agent.Settings, a netip.Addr, through string) bool {
			return s.InLocalNetworks(a) && through != wan
		}
		borrowed := passwordAttempt("ivan", lanPeer, "a")
		borrowed.Peer.Interface = wan
		e := g.begin(borrowed)
		if e.Session.Kind != agent.KindVPN {
			g.t.Errorf("a LAN address that comes through the WAN: %s", e.Session.Kind)
		}
		if _, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{9}); err != nil {
			g.t.Fatalf("%v", err)
		}
		lan := g.begin(passwordAttempt("olga", lanPeer, "b"))
		if lan.Session.Kind != agent.KindLAN {
			g.t.Errorf("the LAN: %s", lan.Session.Kind)
		}
		if m, n := g.WouldEnd(g.Settings()), g.Apply(context.Background()); m != 0 || n != 0 {
			g.t.Errorf("%d would end, %d ended", m, n)
		}
	})
}
