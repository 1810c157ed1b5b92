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
	begin := func(g *gateway) (lan, vpn entry) {
		lan, vpn = g.enter(at("petr", lanPeer, "a")), g.enter(at("ivan", outsidePeer, "b"))
		if _, err := g.TunnelUp(ctx, vpn.Session.ID, vpn.Connection, agent.Key{1}); err != nil {
			g.t.Fatalf("%v", err)
		}
		return lan, vpn
	}
	scene(t, "kill -9", func(g *gateway) {
		lan, vpn := begin(g)
		pass(time.Hour)
		g.restart()
		g.has(lan, vpn)
		if g.wall.cuts[lan.Session.Address] != 0 {
			g.t.Errorf("LAN traffic noticed")
		}
		pass(29 * time.Second)
		lan, vpn = g.back(lan), g.back(vpn)
		if vpn.Session.Address.String() != "10.128.0.2" || !vpn.NeedTunnel {
			g.t.Errorf("%+v", vpn.Grant)
		}
		pass(10 * time.Second)
		g.has(lan, vpn)
	})
	scene(t, "nobody comes back in time, and then somebody does", func(g *gateway) {
		lan, vpn := begin(g)
		g.restart()
		pass(30*time.Second - time.Millisecond)
		g.has(lan, vpn)
		pass(time.Millisecond)
		g.has()
		pass(time.Hour)
		g.has(g.back(lan), g.back(vpn))
	})
	scene(t, "the password does as well", func(g *gateway) {
		lan, _ := begin(g)
		g.restart()
		anew := g.enter(at("petr", lanPeer, "a"))
		if g.reason(lan) != agent.ReasonReplaced || g.wall.cuts[anew.Session.Address] != 0 {
			g.t.Errorf("%s, %v", g.reason(lan), g.wall.cuts)
		}
	})
	for grace, want := range map[time.Duration]time.Duration{0: restoredGrace, time.Second: restoredGrace, time.Hour: time.Hour} {
		scene(t, "grace "+grace.String(), func(g *gateway) {
			lan, vpn := begin(g)
			g.configure(func(s *agent.Settings) { s.Grace = grace })
			g.restart()
			pass(want - time.Millisecond)
			g.has(lan, vpn)
			pass(time.Millisecond)
			g.has()
		})
	}
	scene(t, "ordered", func(g *gateway) {
		lan, vpn := begin(g)
		waiting := g.enter(at("olga", "192.168.1.11", "c"))
		g.Lost(waiting.Session.ID, waiting.Connection)
		if err := g.Shutdown(ctx); err != nil {
			g.t.Fatalf("%v", err)
		}
		if lan.told() != "[shutdown]" || vpn.told() != "[shutdown]" || waiting.told() != "[]" {
			g.t.Errorf("told %s, %s, %s", lan.told(), vpn.told(), waiting.told())
		}
		var refusal *agent.Error
		if _, err := g.Authorize(ctx, at("ivan", "192.168.1.12", "d")); !errors.As(err, &refusal) || refusal.Wait == 0 {
			g.t.Errorf("login during the shutdown: %v", err)
		}
		if _, err := g.Authorize(ctx, lan.by(lan.ResumeToken)); !errors.As(err, &refusal) || refusal.Wait == 0 {
			g.t.Errorf("return during the shutdown: %v", err)
		}
		g.Lost(lan.Session.ID, lan.Connection)
		pass(time.Minute)
		if open, _ := g.memory.OpenSessions(ctx); len(open) != 3 || len(g.wall.in) != 3 {
			g.t.Errorf("%d open, let through: %v", len(open), g.wall.in)
		}
		g.restart()
		g.has(lan, vpn, waiting)
		g.has(g.back(lan), g.back(vpn), g.back(waiting))
	})
}

// TestShutdownInTime: what hangs in the store neither keeps the agents from hearing of it nor outlives the context.
func TestShutdownInTime(t *testing.T) {
	const patient = 3 * time.Second
	scene(t, "an end is owed to a disk that hangs", func(g *gateway) {
		ended, e := g.enter(at("olga", "192.168.1.11", "b")), g.enter(at("ivan", lanPeer, "a"))
		g.memory.breaks("EndSession")
		_ = g.End(context.Background(), ended.Session.ID, agent.ReasonAdmin)
		g.memory.breaks("")
		hangs := &hangingStore{g.memory, func() {
			if e.told() != "[shutdown]" {
				g.t.Errorf("told %s when the store was asked", e.told())
			}
		}}
		g.Manager.store = hangs
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		started := time.Now()
		_ = g.Shutdown(ctx)
		if took := time.Since(started); took > patient {
			g.t.Errorf("it took %v", took)
		}
		g.Manager.store = g.memory
		g.always((*change).payAll)
		g.sessions[e.Session.ID].graceEnds = now() // what sound wants of a session without a connection
	})
	scene(t, "a change hangs", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.Grace = 0 })
		e := g.enter(at("ivan", lanPeer, "a"))
		g.Manager.turn <- struct{}{}
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		if err := g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || e.told() != "[shutdown]" {
			g.t.Errorf("%v, told %s", err, e.told())
		}
		<-g.Manager.turn
		g.Lost(e.Session.ID, e.Connection) // as its connection does now
		g.has(e)
	})
	scene(t, "a change brings one more connection", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "a"))
		fresh := &agentConnection{}
		over := make(chan error)
		g.Manager.turn <- struct{}{}
		go func() { over <- g.Shutdown(context.Background()) }()
		synctest.Wait()
		g.attach(g.sessions[e.Session.ID], fresh, time.Time{})
		<-g.Manager.turn
		if err := <-over; err != nil || e.told() != "[shutdown]" || fresh.told() != "[shutdown]" {
			g.t.Errorf("%v, told %s and %s", err, e.told(), fresh.told())
		}
		g.sessions[e.Session.ID].graceEnds = now()
	})
}

// hangingStore ends no session before the caller gives up.
type hangingStore struct {
	*memory
	asked func()
}

func (s *hangingStore) EndSession(ctx context.Context, _ string, _ time.Time, _ agent.Reason) error {
	s.asked()
	<-ctx.Done()
	return ctx.Err()
}

// TestRestore is what the process after finds, and what it makes of it.
func TestRestore(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		peer   string
		change func(*gateway)
		reason agent.Reason
	}{
		{"the length ran out", lanPeer, func(*gateway) { pass(25 * time.Hour) }, agent.ReasonExpired},
		{"the account is off", lanPeer, func(g *gateway) { g.memory.change(ivan, func(u *agent.User) { u.Enabled = false }) }, agent.ReasonDisabled},
		{"the account is gone", lanPeer, func(g *gateway) { delete(g.memory.users, ivan) }, agent.ReasonDisabled},
		{"the account cannot be read", lanPeer, func(g *gateway) { g.memory.breaks("User") }, agent.ReasonLost},
		{"the agent is off", lanPeer, func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) }, agent.ReasonDisabled},
		{"remote access is gone", outsidePeer, func(g *gateway) { g.memory.change(ivan, func(u *agent.User) { u.RemoteAccess = false }) }, agent.ReasonDisabled},
		{"the VPN network changed", outsidePeer, func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.VPNNetwork = netip.MustParsePrefix("10.99.0.0/16") })
		}, agent.ReasonShutdown},
		{"the firewall fails", lanPeer, func(g *gateway) { g.wall.broken = true }, agent.ReasonLost},
		{"the tunnel is down", outsidePeer, func(g *gateway) { g.pipe.off = true }, agent.ReasonLost},
	} {
		scene(t, c.name, func(g *gateway) {
			e := g.enter(at("ivan", c.peer, "a"))
			g.kill()
			c.change(g)
			g.restart()
			g.has()
			if g.reason(e) != c.reason {
				g.t.Errorf("%q, want %q", g.reason(e), c.reason)
			}
		})
	}
	for _, backwards := range []bool{false, true} {
		scene(t, "a crash in the middle of a takeover", func(g *gateway) {
			g.memory.backwards = backwards
			first := g.enter(at("ivan", lanPeer, "a"))
			kept := g.memory.session(first.Session.ID)
			pass(time.Second)
			second := g.enter(at("ivan", lanPeer, "a"))
			g.kill()
			g.memory.sessions[first.Session.ID] = kept
			g.restart()
			g.has(second)
			if g.reason(first) != agent.ReasonReplaced {
				g.t.Errorf("%s", g.reason(first))
			}
		})
	}
	scene(t, "the store cannot be read", func(g *gateway) {
		g.memory.breaks("OpenSessions")
		if err := g.Restore(ctx); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
	})
	scene(t, "the address in the tunnel is another one now", func(g *gateway) {
		e := g.enter(at("ivan", outsidePeer, "a"))
		g.kill()
		s := g.memory.session(e.Session.ID)
		s.Address = netip.MustParseAddr("10.128.7.7")
		g.memory.sessions["twin"] = agent.Session{ID: "twin", UserID: olga, Kind: agent.KindVPN, Address: s.Address,
			ExternalIP: s.ExternalIP, Started: s.Started, LoggedIn: s.LoggedIn, Expires: s.Expires}
		g.memory.sessions[s.ID] = s
		g.restart()
		if n := len(g.Sessions()); n != 1 {
			g.t.Errorf("%d sessions on one address", n)
		}
	})
	scene(t, "a crash in the middle of a takeover of the device", func(g *gateway) {
		first := g.enter(at("ivan", lanPeer, "a"))
		kept := g.memory.session(first.Session.ID)
		pass(time.Second)
		second := g.enter(at("ivan", outsidePeer, "a"))
		g.kill()
		g.memory.sessions[first.Session.ID] = kept
		g.wall.in[first.Session.Address] = first.Session.ID
		g.restart()
		g.has(second)
	})
	scene(t, "shut down while the store takes no end", func(g *gateway) {
		g.enter(at("ivan", lanPeer, "a"))
		g.memory.breaks("EndSession")
		g.endAll(ctx, agent.ReasonAdmin)
		_ = g.Shutdown(ctx)
		pass(time.Hour)
		if len(g.owed) != 1 || g.owedTimer != nil {
			g.t.Errorf("owed %v", g.owed)
		}
	})
}
