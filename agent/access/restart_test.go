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

func TestRestart(t *testing.T) {
	ctx := context.Background()
	begin := func(g *gateway) (lan, vpn testSession) {
		lan, vpn = g.begin(passwordAttempt("petr", lanPeer, "a")), g.begin(passwordAttempt("ivan", outsidePeer, "b"))
		if _, err := g.TunnelUp(ctx, vpn.Session.ID, vpn.Connection, agent.Key{1}); err != nil {
			g.t.Fatalf("%v", err)
		}
		return lan, vpn
	}
	subtest(t, "kill -9", func(g *gateway) {
		lan, vpn := begin(g)
		advance(time.Hour)
		g.restart()
		g.wantLive(lan, vpn)
		if g.fakeFirewall.cuts[lan.Session.Address] != 0 {
			g.t.Errorf("LAN traffic noticed")
		}
		advance(29 * time.Second)
		lan, vpn = g.back(lan), g.back(vpn)
		if vpn.Session.Address.String() != "10.128.0.2" || !vpn.NeedTunnel {
			g.t.Errorf("%+v", vpn.Grant)
		}
		advance(10 * time.Second)
		g.wantLive(lan, vpn)
	})
	subtest(t, "an agent comes back after the grace period", func(g *gateway) {
		lan, vpn := begin(g)
		g.restart()
		advance(30*time.Second - time.Millisecond)
		g.wantLive(lan, vpn)
		advance(time.Millisecond)
		g.wantLive()
		advance(time.Hour)
		g.wantLive(g.back(lan), g.back(vpn))
	})
	subtest(t, "the password does as well", func(g *gateway) {
		lan, _ := begin(g)
		g.restart()
		anew := g.begin(passwordAttempt("petr", lanPeer, "a"))
		if g.reason(lan) != agent.ReasonReplaced || g.fakeFirewall.cuts[anew.Session.Address] != 0 {
			g.t.Errorf("%s, %v", g.reason(lan), g.fakeFirewall.cuts)
		}
	})
	for grace, want := range map[time.Duration]time.Duration{0: restoredGrace, time.Second: restoredGrace, time.Hour: time.Hour} {
		subtest(t, "grace "+grace.String(), func(g *gateway) {
			lan, vpn := begin(g)
			g.configure(func(s *agent.Settings) { s.Grace = grace })
			g.restart()
			advance(want - time.Millisecond)
			g.wantLive(lan, vpn)
			advance(time.Millisecond)
			g.wantLive()
		})
	}
	subtest(t, "ordered", func(g *gateway) {
		lan, vpn := begin(g)
		waiting := g.begin(passwordAttempt("olga", "192.168.1.11", "c"))
		g.Lost(waiting.Session.ID, waiting.Connection)
		if err := g.Shutdown(ctx); err != nil {
			g.t.Fatalf("%v", err)
		}
		if lan.endReasons() != "[shutdown]" || vpn.endReasons() != "[shutdown]" || waiting.endReasons() != "[]" {
			g.t.Errorf("told %s, %s, %s", lan.endReasons(), vpn.endReasons(), waiting.endReasons())
		}
		var refusal *agent.Error
		if _, err := g.Authorize(ctx, passwordAttempt("ivan", "192.168.1.12", "d")); !errors.As(err, &refusal) || refusal.Wait == 0 {
			g.t.Errorf("login during the shutdown: %v", err)
		}
		if _, err := g.Authorize(ctx, lan.withToken(lan.ResumeToken)); !errors.As(err, &refusal) || refusal.Wait == 0 {
			g.t.Errorf("resume during the shutdown: %v", err)
		}
		g.Lost(lan.Session.ID, lan.Connection)
		advance(time.Minute)
		if open, _ := g.memoryStore.OpenSessions(ctx); len(open) != 3 || len(g.fakeFirewall.granted) != 3 {
			g.t.Errorf("%d open, let through: %v", len(open), g.fakeFirewall.granted)
		}
		g.restart()
		g.wantLive(lan, vpn, waiting)
		g.wantLive(g.back(lan), g.back(vpn), g.back(waiting))
	})
}

// TestShutdownInTime: if a change hangs, the agents are told all the same, and Shutdown returns when its context is over.
func TestShutdownInTime(t *testing.T) {
	const patient = 3 * time.Second
	subtest(t, "a change hangs", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.Grace = 0 })
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Manager.changeLock <- struct{}{}
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || e.endReasons() != "[shutdown]" {
			g.t.Errorf("%v, told %s", err, e.endReasons())
		}
		<-g.Manager.changeLock
		g.Lost(e.Session.ID, e.Connection) // as the connection does
		g.wantLive(e)
	})
	subtest(t, "a change brings one more connection", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		fresh := &agentConnection{}
		over := make(chan error)
		g.Manager.changeLock <- struct{}{}
		go func() { over <- g.Shutdown(context.Background()) }()
		synctest.Wait()
		g.attach(g.sessions[e.Session.ID], fresh, time.Time{})
		<-g.Manager.changeLock
		if err := <-over; err != nil || e.endReasons() != "[shutdown]" || fresh.endReasons() != "[shutdown]" {
			g.t.Errorf("%v, told %s and %s", err, e.endReasons(), fresh.endReasons())
		}
		g.sessions[e.Session.ID].graceEnds = now()
	})
}

// TestRestore: which open sessions are restored, and how the others end.
func TestRestore(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		peer   string
		change func(*gateway)
		reason agent.Reason
	}{
		{"the length ran out", lanPeer, func(*gateway) { advance(25 * time.Hour) }, agent.ReasonExpired},
		{"the account is disabled", lanPeer, func(g *gateway) { g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false }) }, agent.ReasonDisabled},
		{"the directory refuses the account", lanPeer, func(g *gateway) {
			g.memoryStore.change(ivan, func(u *agent.User) { u.Refused = agent.CodeNotPermitted })
		}, agent.ReasonDisabled},
		{"the account is gone", lanPeer, func(g *gateway) { delete(g.memoryStore.users, ivan) }, agent.ReasonDisabled},
		{"the account cannot be read", lanPeer, func(g *gateway) { g.memoryStore.failOn("User") }, agent.ReasonLost},
		{"the agent is off", lanPeer, func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) }, agent.ReasonDisabled},
		{"remote access is gone", outsidePeer, func(g *gateway) { g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteAccess = false }) }, agent.ReasonDisabled},
		{"the VPN network changed", outsidePeer, func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.VPNNetwork = netip.MustParsePrefix("10.99.0.0/16") })
		}, agent.ReasonShutdown},
		{"the firewall fails", lanPeer, func(g *gateway) { g.fakeFirewall.broken = true }, agent.ReasonLost},
		{"the tunnel is down", outsidePeer, func(g *gateway) { g.fakeTunnel.off = true }, agent.ReasonLost},
	} {
		subtest(t, c.name, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", c.peer, "a"))
			g.kill()
			c.change(g)
			g.restart()
			g.wantLive()
			if g.reason(e) != c.reason {
				g.t.Errorf("%q, want %q", g.reason(e), c.reason)
			}
		})
	}
	for _, backwards := range []bool{false, true} {
		subtest(t, "a crash in the middle of a takeover", func(g *gateway) {
			g.memoryStore.newestFirst = backwards
			first := g.begin(passwordAttempt("ivan", lanPeer, "a"))
			kept := g.memoryStore.session(first.Session.ID)
			advance(time.Second)
			second := g.begin(passwordAttempt("ivan", lanPeer, "a"))
			g.kill()
			g.memoryStore.sessions[first.Session.ID] = kept
			g.restart()
			g.wantLive(second)
			if g.reason(first) != agent.ReasonReplaced {
				g.t.Errorf("%s", g.reason(first))
			}
		})
	}
	subtest(t, "the store cannot be read", func(g *gateway) {
		g.memoryStore.failOn("OpenSessions")
		if err := g.Restore(ctx); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
	})
	subtest(t, "the address in the tunnel is another one now", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.kill()
		s := g.memoryStore.session(e.Session.ID)
		s.Address = netip.MustParseAddr("10.128.7.7")
		g.memoryStore.sessions["twin"] = agent.Session{ID: "twin", UserID: olga, Kind: agent.KindVPN, Address: s.Address,
			ExternalIP: s.ExternalIP, Started: s.Started, LoggedIn: s.LoggedIn, Expires: s.Expires}
		g.memoryStore.sessions[s.ID] = s
		g.restart()
		if n := len(g.Sessions()); n != 1 {
			g.t.Errorf("%d sessions on one address", n)
		}
	})
	subtest(t, "a crash in the middle of a takeover of the device", func(g *gateway) {
		first := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		kept := g.memoryStore.session(first.Session.ID)
		advance(time.Second)
		second := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.kill()
		g.memoryStore.sessions[first.Session.ID] = kept
		g.fakeFirewall.granted[first.Session.Address] = first.Session.ID
		g.restart()
		g.wantLive(second)
	})
	subtest(t, "the counters are read once for all sessions", func(g *gateway) {
		for _, peer := range []string{"192.168.1.50", "192.168.1.51", "192.168.1.52"} {
			g.begin(passwordAttempt("ivan", peer, peer))
		}
		g.kill()
		g.fakeFirewall.reads = 0
		g.restart()
		if reads := g.fakeFirewall.reads; reads != 1 || len(g.Sessions()) != 3 {
			g.t.Errorf("%d times", reads)
		}
	})
}
