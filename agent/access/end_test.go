package access

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

// endAll ends every session and returns their number.
func (m *Manager) endAll(ctx context.Context, reason agent.Reason) int {
	return m.endThose(ctx, reason, (*change).allSessions)
}

// TestEndsBeforeWritten: all sessions lose access and all agents are told before the first end is written.
func TestEndsBeforeWritten(t *testing.T) {
	for name, end := range map[string]func(*gateway) int{
		"switched off": func(g *gateway) int {
			g.configure(func(s *agent.Settings) { s.Enabled = false })
			return g.Apply(context.Background())
		},
		"all": func(g *gateway) int { return g.endAll(context.Background(), agent.ReasonAdmin) },
	} {
		subtest(t, name, func(g *gateway) {
			ivan, olga := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("olga", "192.168.1.99", "b"))
			written := 0
			g.memoryStore.onEnd = func() {
				if written++; len(g.fakeFirewall.granted) > 0 || ivan.endReasons() == "[]" || olga.endReasons() == "[]" {
					g.t.Errorf("when an end is written %v are let through, and the agents were told %s and %s", g.fakeFirewall.granted, ivan.endReasons(), olga.endReasons())
				}
			}
			if n := end(g); n != 2 || written != 2 {
				g.t.Errorf("%d ended, %d written", n, written)
			}
		})
	}
}

// TestToldBeforeWritten: an agent hears that its session is over before the store is asked, whatever ended it.
func TestToldBeforeWritten(t *testing.T) {
	for name, end := range map[string]func(*gateway, testSession){
		"an administrator": func(g *gateway, e testSession) { _ = g.End(context.Background(), e.Session.ID, agent.ReasonAdmin) },
		"the account":      func(g *gateway, e testSession) { g.EndUser(context.Background(), ivan, agent.ReasonDisabled) },
		"time":             func(g *gateway, e testSession) { advance(25 * time.Hour) },
		"another login":    func(g *gateway, e testSession) { g.begin(passwordAttempt("ivan", "192.168.1.98", "a")) },
	} {
		subtest(t, name, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
			written := 0
			g.memoryStore.onEnd = func() {
				if written++; e.endReasons() == "[]" || g.fakeFirewall.granted[e.Session.Address] != "" {
					g.t.Errorf("an end is written when the agent was told %s and %v are let through", e.endReasons(), g.fakeFirewall.granted)
				}
			}
			if end(g, e); written != 1 {
				g.t.Errorf("%d ends were written", written)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	ctx := context.Background()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	// begin begins three sessions: Ivan in the LAN and outside, Olga outside.
	begin := func(g *gateway) (lan, vpn, other testSession) {
		return g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("ivan", outsidePeer, "b")), g.begin(passwordAttempt("olga", outsidePeer, "c"))
	}
	subtest(t, "one", func(g *gateway) {
		lan, vpn, other := begin(g)
		if err := g.End(ctx, lan.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
		g.wantLive(vpn, other)
		if lan.endReasons() != "[admin]" || g.reason(lan) != agent.ReasonAdmin || len(g.fakeFirewall.granted) != 0 {
			g.t.Errorf("told %s, reason %s, let through %v", lan.endReasons(), g.reason(lan), g.fakeFirewall.granted)
		}
		for _, id := range []string{lan.Session.ID, "", "nonsense"} {
			if err := g.End(ctx, id, agent.ReasonAdmin); !errors.Is(err, agent.ErrNotFound) {
				g.t.Errorf("%q: %v", id, err)
			}
		}
		g.Lost(lan.Session.ID, lan.Connection)
		g.Logout(lan.Session.ID, lan.Connection)
		if lan.endReasons() != "[admin]" {
			g.t.Errorf("told %s", lan.endReasons())
		}
	})
	subtest(t, "logout", func(g *gateway) {
		lan, vpn, other := begin(g)
		g.Logout(vpn.Session.ID, vpn.Connection)
		g.wantLive(lan, other)
		if vpn.endReasons() != "[]" || g.reason(vpn) != agent.ReasonLogout {
			g.t.Errorf("told %s, reason %s", vpn.endReasons(), g.reason(vpn))
		}
	})
	subtest(t, "of one person", func(g *gateway) {
		lan, vpn, other := begin(g)
		if n := g.EndUser(gone, ivan, agent.ReasonDisabled); n != 2 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(other)
		if lan.endReasons() != "[disabled]" || vpn.endReasons() != "[disabled]" {
			g.t.Errorf("told %s, %s", lan.endReasons(), vpn.endReasons())
		}
	})
	subtest(t, "of one person, and the store cannot void tokens", func(g *gateway) {
		_, _, other := begin(g)
		g.memoryStore.failOn("VoidResume")
		if n := g.EndUser(ctx, ivan, agent.ReasonAdmin); n != 2 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(other)
		if err := g.VoidResume(ctx, olga); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
	})
	subtest(t, "all", func(g *gateway) {
		begin(g)
		if n := g.endAll(gone, agent.ReasonAdmin); n != 3 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive()
	})
	subtest(t, "the account is switched off", func(g *gateway) {
		_, _, other := begin(g)
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
		if n := g.UserChanged(ctx, u); n != 2 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(other)
	})
	subtest(t, "the directory refuses the account", func(g *gateway) {
		lan, _, other := begin(g)
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.Refused = agent.CodeNotPermitted })
		if n := g.UserChanged(ctx, u); n != 2 || lan.endReasons() != "[disabled]" {
			g.t.Errorf("%d ended, told %s", n, lan.endReasons())
		}
		g.wantLive(other)
	})
	subtest(t, "remote access is taken away", func(g *gateway) {
		lan, vpn, other := begin(g)
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteAccess = false })
		if n := g.UserChanged(ctx, u); n != 1 || vpn.endReasons() != "[disabled]" {
			g.t.Errorf("%d ended, told %s", n, vpn.endReasons())
		}
		g.wantLive(lan, other)
		g.wantRefusal(vpn.withToken(vpn.ResumeToken), agent.CodeSessionOver)
	})
	subtest(t, "a tunnel in the LAN needs no remote access", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		e := g.begin(passwordAttempt("petr", lanPeer, "a"))
		u, _ := g.memoryStore.User(ctx, petr)
		if n := g.UserChanged(ctx, u); n != 0 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(e)
	})
}

func TestApply(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		change func(*agent.Settings)
		n      int
		reason agent.Reason
	}{
		{"nothing", func(*agent.Settings) {}, 0, ""},
		{"off", func(s *agent.Settings) { s.Enabled = false }, 2, agent.ReasonDisabled},
		{"another LAN", func(s *agent.Settings) { s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")} },
			1, agent.ReasonShutdown},
		{"tunnel in the LAN", func(s *agent.Settings) { s.LocalTunnel = true }, 1, agent.ReasonShutdown},
		{"another VPN network", func(s *agent.Settings) { s.VPNNetwork = netip.MustParsePrefix("10.99.0.0/16") },
			1, agent.ReasonShutdown},
	} {
		subtest(t, c.name, func(g *gateway) {
			lan, vpn := g.begin(passwordAttempt("petr", lanPeer, "a")), g.begin(passwordAttempt("ivan", outsidePeer, "b"))
			set := g.Settings()
			c.change(&set)
			if n := g.WouldEnd(set); n != c.n {
				g.t.Errorf("%d would end, want %d", n, c.n)
			}
			g.configure(c.change)
			if n := g.Apply(ctx); n != c.n {
				g.t.Errorf("%d ended, want %d", n, c.n)
			}
			told := 0
			for _, e := range []testSession{lan, vpn} {
				if g.reason(e) != "" {
					told++
					if g.reason(e) != c.reason || e.endReasons() != "["+string(c.reason)+"]" {
						g.t.Errorf("%s: %s, told %s", e.Login, g.reason(e), e.endReasons())
					}
				}
			}
			if told != c.n {
				g.t.Errorf("%d told", told)
			}
		})
	}
	subtest(t, "the agents reconnect under the new settings", func(g *gateway) {
		lan, vpn := g.begin(passwordAttempt("petr", lanPeer, "a")), g.begin(passwordAttempt("ivan", "192.168.1.11", "b"))
		g.configure(func(s *agent.Settings) { s.LocalNetworks = nil })
		if n := g.Apply(ctx); n != 2 {
			g.t.Errorf("%d", n)
		}
		g.wantRefusal(lan.withToken(lan.ResumeToken), agent.CodeVPNNotAllowed)
		if back := g.back(vpn); back.Session.Kind != agent.KindVPN {
			g.t.Errorf("%+v", back.Session)
		}
	})
}
