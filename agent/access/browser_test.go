package access

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

func TestAuthorizeBrowser(t *testing.T) {
	subtest(t, "begins a session", func(g *gateway) {
		g.memoryStore.setGroups(agent.Group{ID: 1, Name: "Office"}, agent.Group{ID: 2, Parent: 1, Name: "Sales"})
		g.memoryStore.change(petr, func(u *agent.User) { u.Group = 2 })
		started := now()
		e := g.beginWeb("Petr", lanPeer)
		want := agent.Session{ID: e.Session.ID, UserID: petr, Login: "petr", Name: "PETR", Directory: agent.LocalDirectory, Kind: agent.KindWeb,
			Address: netip.MustParseAddr(lanPeer), ExternalIP: netip.MustParseAddr(lanPeer), Inside: true, Device: agent.Device{Name: "Firefox"},
			Started: started, LoggedIn: started, Expires: started.Add(12 * time.Hour), Way: agent.WayBrowser, Group: "Sales"}
		if e.Session != want || g.memoryStore.session(e.Session.ID) != want {
			g.t.Errorf("%+v", e.Session)
		}
		if s, ok := g.SessionAt(want.Address); !ok || s.State != agent.StateConnected || !g.IsConnected(want.Address) {
			g.t.Errorf("%+v", s)
		}
		advance(12*time.Hour - time.Millisecond)
		g.wantLive(e)
		advance(time.Millisecond)
		g.wantLive()
		if g.reason(e) != agent.ReasonExpired {
			g.t.Errorf("%s", g.reason(e))
		}
	})
	subtest(t, "a second sign-in extends it", func(g *gateway) {
		e := g.beginWeb("petr", lanPeer)
		advance(time.Hour)
		again := g.beginWeb("petr", lanPeer)
		if again.Session.ID != e.Session.ID || !again.Session.Expires.Equal(e.Session.Expires.Add(time.Hour)) {
			g.t.Errorf("%+v", again.Session)
		}
	})
	subtest(t, "another MAC at the address replaces it", func(g *gateway) {
		e := g.beginWeb("petr", lanPeer)
		g.fakeFirewall.changed = []agent.MACChange{{Session: e.Session.ID}}
		again := g.beginWeb("petr", lanPeer)
		g.wantLive(again)
		if again.Session.ID == e.Session.ID || g.fakeFirewall.cuts[e.Session.Address] != 1 {
			g.t.Errorf("%+v", again.Session)
		}
	})
	subtest(t, "another computer at the address does not see it, and can sign in", func(g *gateway) {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- g.FollowMACs(ctx) }()
		defer func() { stop(); <-done }()
		address := netip.MustParseAddr(lanPeer)
		e := g.beginWeb("petr", lanPeer)
		g.reportMACChange(e, 1, 2)
		advance(macEvery)
		if s, ok := g.SessionAt(address); ok || g.IsConnected(address) {
			g.t.Errorf("%+v, connected: %v", s, g.IsConnected(address))
		}
		if err := g.LogoutAddress(context.Background(), g.peer(address)); !errors.Is(err, agent.ErrNotFound) {
			g.t.Errorf("the other computer ends it: %v", err)
		}
		g.wantLive(e)
		if _, err := g.AuthorizeBrowser(context.Background(), BrowserAttempt{Login: "olga", Password: "wrong", Peer: g.peer(address)}); err == nil {
			g.t.Errorf("signed in without the password")
		}
		g.wantLive(e)
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.changed = nil // the computer is back
		g.fakeFirewall.mu.Unlock()
		advance(macEvery)
		if s, _ := g.SessionAt(address); s.ID != e.Session.ID || !g.IsConnected(address) {
			g.t.Errorf("%+v", s)
		}
		g.reportMACChange(e, 1, 2)
		other := g.beginWeb("olga", lanPeer)
		g.wantLive(other)
		if g.reason(e) != agent.ReasonLost || g.fakeFirewall.cuts[address] != 1 {
			g.t.Errorf("%s, %d cuts", g.reason(e), g.fakeFirewall.cuts[address])
		}
		if s, _ := g.SessionAt(address); s.ID != other.Session.ID {
			g.t.Errorf("%+v", s)
		}
	})
	subtest(t, "refusals", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.BrowserSignIn = lanNets[:1] })
		for _, peer := range []string{outsidePeer, "fd00::1", "10.128.0.2"} {
			if _, err := g.signInBrowser("petr", peer); !errors.Is(err, agent.ErrNotFound) {
				g.t.Errorf("%s: %v", peer, err)
			}
		}
		started := time.Now()
		_, err := g.AuthorizeBrowser(context.Background(), BrowserAttempt{Login: "petr", Password: "wrong", Peer: g.peer(netip.MustParseAddr(lanPeer))})
		g.wantCode(err, agent.CodeBadCredentials)
		if took := time.Since(started); took != minRefusalDelay {
			g.t.Errorf("took %v", took)
		}
		g.beginWeb("petr", lanPeer)
		_, err = g.signInBrowser("olga", lanPeer)
		g.wantCode(err, agent.CodeAddressBusy)
		g.wantRefusal(passwordAttempt("olga", lanPeer, "a"), agent.CodeAddressBusy)
		g.configure(func(s *agent.Settings) { s.Enabled = false })
		_, err = g.signInBrowser("petr", lanPeer)
		g.wantCode(err, agent.CodeAgentDisabled)
	})
	subtest(t, "the networks change during the check of the password", func(g *gateway) {
		g.memoryStore.blockAuthenticate = make(chan struct{})
		result := make(chan error)
		go func() {
			_, err := g.signInBrowser("petr", lanPeer)
			result <- err
		}()
		synctest.Wait()
		g.configure(func(s *agent.Settings) { s.LocalNetworks = lanNets[1:] })
		g.Apply(context.Background())
		g.memoryStore.blockAuthenticate <- struct{}{}
		if err := <-result; !errors.Is(err, agent.ErrNotFound) {
			g.t.Errorf("%v", err)
		}
		g.wantLive()
	})
	subtest(t, "a browser is a device", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.DevicesPerUser, s.DevicePolicy = 1, agent.DeviceRefuse })
		g.beginWeb("petr", lanPeer)
		_, err := g.signInBrowser("petr", "192.168.1.11")
		g.wantCode(err, agent.CodeDeviceLimit)
		g.wantRefusal(passwordAttempt("petr", "192.168.1.11", "a"), agent.CodeDeviceLimit)
	})
}

// TestBrowserAndAgent: the same person's agent takes over a browser's address without a cut, and a browser never replaces an agent.
func TestBrowserAndAgent(t *testing.T) {
	subtest(t, "the agent takes over", func(g *gateway) {
		web := g.beginWeb("petr", lanPeer)
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.wantLive(lan)
		if g.reason(web) != agent.ReasonReplaced || g.fakeFirewall.cuts[web.Session.Address] != 0 {
			g.t.Errorf("%s, %v", g.reason(web), g.fakeFirewall.cuts)
		}
	})
	subtest(t, "a browser gets the session of the person's connected agent", func(g *gateway) {
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		if s := g.beginWeb("petr", lanPeer); s.Session != lan.Session || lan.endReasons() != "[]" {
			g.t.Errorf("%+v, told %s", s.Session, lan.endReasons())
		}
	})
	subtest(t, "a waiting agent is not replaced by its person's browser", func(g *gateway) {
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.Lost(lan.Session.ID, lan.Connection)
		_, err := g.signInBrowser("petr", lanPeer)
		g.wantCode(err, agent.CodeAddressBusy)
		g.back(lan)
	})
	subtest(t, "the agent's tunnel takes over when it works", func(g *gateway) {
		defer g.record()()
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		web, other := g.beginWeb("petr", lanPeer), g.beginWeb("petr", "192.168.1.11")
		advance(time.Second)
		vpn := g.begin(passwordAttempt("petr", lanPeer, "a"))
		advance(2 * countEvery)
		g.wantLive(web, other, vpn)
		if _, err := g.TunnelUp(context.Background(), vpn.Session.ID, vpn.Connection, agent.Key{1}); err != nil {
			g.t.Fatalf("%v", err)
		}
		g.wantLive(web, other, vpn)
		advance(countEvery)
		g.wantLive(other, vpn)
		if g.reason(web) != agent.ReasonReplaced || g.fakeFirewall.granted[web.Session.Address] != "" {
			g.t.Errorf("%s, %v", g.reason(web), g.fakeFirewall.granted)
		}
		later := g.beginWeb("petr", lanPeer)
		advance(countEvery)
		g.wantLive(other, vpn, later)
	})
	subtest(t, "another person's tunnel does not", func(g *gateway) {
		defer g.record()()
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		web := g.beginWeb("petr", lanPeer)
		advance(time.Second)
		vpn := g.begin(passwordAttempt("olga", lanPeer, "a"))
		if _, err := g.TunnelUp(context.Background(), vpn.Session.ID, vpn.Connection, agent.Key{1}); err != nil {
			g.t.Fatalf("%v", err)
		}
		advance(2 * countEvery)
		g.wantLive(web, vpn)
	})
	subtest(t, "the agent takes over a further address", func(g *gateway) {
		web := g.beginWeb("petr", further1.String())
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		token, _, err := g.AddressToken(lan.Session.ID, lan.Connection)
		if err == nil {
			err = g.ProveAddress(context.Background(), token, further1)
		}
		if err != nil || g.reason(web) != agent.ReasonReplaced {
			g.t.Errorf("%v, %s", err, g.reason(web))
		}
		g.wantLive(lan)
	})
}

func TestLogoutAddress(t *testing.T) {
	subtest(t, "of a browser", func(g *gateway) {
		ctx := context.Background()
		at := netip.MustParseAddr(lanPeer)
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		if err := g.LogoutAddress(ctx, g.peer(at)); !errors.Is(err, agent.ErrNotFound) {
			g.t.Errorf("an agent's session: %v", err)
		}
		g.wantLive(lan)
		g.Logout(lan.Session.ID, lan.Connection)
		web := g.beginWeb("petr", lanPeer)
		if err := g.LogoutAddress(ctx, agent.Peer{Addr: at}); !errors.Is(err, agent.ErrNotFound) {
			g.t.Errorf("outside: %v", err)
		}
		if err := g.LogoutAddress(ctx, g.peer(at)); err != nil || g.reason(web) != agent.ReasonLogout {
			g.t.Errorf("%v, %s", err, g.reason(web))
		}
		g.wantLive()
	})
}

// TestBrowserSettings: a browser's session ends when its network no longer signs in by browsers, or the agent is switched off.
func TestBrowserSettings(t *testing.T) {
	for reason, change := range map[agent.Reason]func(*agent.Settings){
		agent.ReasonAdmin:    func(s *agent.Settings) { s.BrowserSignIn = lanNets[1:] },
		agent.ReasonDisabled: func(s *agent.Settings) { s.Enabled = false },
	} {
		subtest(t, string(reason), func(g *gateway) {
			web := g.beginWeb("petr", lanPeer)
			g.configure(change)
			if n := g.WouldEnd(g.Settings()); n != 1 {
				g.t.Errorf("%d would end", n)
			}
			g.Apply(context.Background())
			g.wantLive()
			if g.reason(web) != reason {
				g.t.Errorf("%s", g.reason(web))
			}
		})
	}
}

// TestBrowserRestart: a browser's session goes on after a restart, with the stored MAC only. Without a stored MAC, the firewall must
// still let its address through.
func TestBrowserRestart(t *testing.T) {
	subtest(t, "with a MAC", func(g *gateway) {
		web := g.beginWeb("petr", lanPeer)
		g.count()
		g.saveCounts(context.Background())
		g.fakeFirewall.granted = map[netip.Addr]string{} // expired
		g.restart()
		g.wantLive(web)
		if s, _ := g.SessionAt(web.Session.Address); s.State != agent.StateConnected || g.fakeFirewall.grantedMACs[web.Session.Address] != "02:00:00:00:00:0a" {
			g.t.Errorf("%+v, %v", s, g.fakeFirewall.grantedMACs)
		}
		advance(time.Hour)
		g.wantLive(web)
	})
	subtest(t, "without a MAC", func(g *gateway) {
		web := g.beginWeb("petr", lanPeer)
		g.restart()
		g.wantLive(web)
		g.fakeFirewall.granted = map[netip.Addr]string{}
		g.restart()
		g.wantLive()
		if g.reason(web) != agent.ReasonLost {
			g.t.Errorf("%s", g.reason(web))
		}
	})
}

// TestIdle: a browser's session ends 15 minutes after its last byte, but not if its bytes are not counted.
func TestIdle(t *testing.T) {
	subtest(t, "idle", func(g *gateway) {
		defer g.record()()
		web, lan := g.beginWeb("petr", lanPeer), g.begin(passwordAttempt("olga", "192.168.1.11", "a"))
		advance(10 * time.Minute)
		g.setTraffic(web.Session.ID, 3, 5)
		advance(15*time.Minute - countEvery)
		g.wantLive(web, lan)
		advance(3 * countEvery)
		g.wantLive(lan)
		if g.reason(web) != agent.ReasonIdle {
			g.t.Errorf("%s", g.reason(web))
		}
	})
	subtest(t, "not counted", func(g *gateway) {
		g.fakeFirewall.uncounted = true
		defer g.record()()
		web := g.beginWeb("petr", lanPeer)
		advance(11 * time.Hour)
		g.wantLive(web)
		if s := g.Sessions()[0]; s.Rx != nil || s.Tx != nil {
			g.t.Errorf("%+v", s)
		}
	})
}
