package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// scene is a test of a Manager with a fake clock, after which everything must be sound.
func scene(t *testing.T, name string, play func(*gateway)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			play(g)
			g.sound()
			g.kill()
		})
	})
}

// none is the whole set of refusals that need no earlier session.
func TestAuthorizeRefusals(t *testing.T) {
	wrong := func(a Attempt) Attempt { a.Password = "wrong"; return a }
	empty := func(a Attempt) Attempt { a.Password = ""; return a }
	for _, c := range []struct {
		name    string
		prepare func(*gateway)
		attempt Attempt
		code    agent.Code
		retry   bool // whether the agent is told to come back by itself
	}{
		{"wrong password", nil, wrong(at("ivan", lanPeer, "a")), agent.CodeBadCredentials, false},
		{"unknown login", nil, at("nobody", lanPeer, "a"), agent.CodeBadCredentials, false},
		{"empty password", nil, empty(at("ivan", lanPeer, "a")), agent.CodeBadCredentials, false},
		{"account off", func(g *gateway) { g.memory.change(ivan, func(u *agent.User) { u.Enabled = false }) },
			at("ivan", lanPeer, "a"), agent.CodeAccountDisabled, false},
		{"agent off", func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) },
			at("ivan", lanPeer, "a"), agent.CodeAgentDisabled, false},
		{"agent off, wrong password", func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) },
			wrong(at("ivan", lanPeer, "a")), agent.CodeAgentDisabled, false},
		{"outside without the right", nil, at("petr", outsidePeer, "a"), agent.CodeVPNNotAllowed, false},
		{"outside without the right or a tunnel", func(g *gateway) { g.Manager.tunnel = nil },
			at("petr", outsidePeer, "a"), agent.CodeVPNNotAllowed, false},
		{"outside without a tunnel", func(g *gateway) { g.Manager.tunnel = nil },
			at("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, false},
		{"outside while the tunnel is down", func(g *gateway) { g.pipe.off = true },
			at("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, true},
		{"tunnel in the LAN, and none here", func(g *gateway) {
			g.Manager.tunnel = nil
			g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		}, at("petr", lanPeer, "a"), agent.CodeVPNUnavailable, false},
		{"no address left", func(g *gateway) { g.pipe.size = 0 }, at("ivan", outsidePeer, "a"), agent.CodePoolExhausted, false},
		{"the tunnel lags behind the settings", func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.VPNNetwork = netip.MustParsePrefix("10.99.0.0/16") })
		}, at("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, true},
		{"from inside the VPN", nil, at("ivan", "10.128.0.9", "a"), agent.CodeAddressBusy, true},
		{"from inside the VPN, in the local networks", func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		}, at("petr", "10.128.0.9", "a"), agent.CodeAddressBusy, true},
		{"a token that never was", nil, at("ivan", lanPeer, "a").by("x"), agent.CodeSessionOver, false},
	} {
		scene(t, c.name, func(g *gateway) {
			if c.prepare != nil {
				c.prepare(g)
			}
			started := time.Now()
			refusal := g.refuse(c.attempt, c.code)
			if took := time.Since(started); took != minRefusalDelay {
				g.t.Errorf("took %v, want %v", took, minRefusalDelay)
			}
			if c.retry != (refusal.Wait > 0) {
				g.t.Errorf("wait %v", refusal.Wait)
			}
			g.has()
			if len(g.memory.sessions) != 0 || c.attempt.Connection.(*agentConnection).told() != "[]" {
				g.t.Errorf("left in the store: %v; told: %s", g.memory.sessions, c.attempt.Connection.(*agentConnection).told())
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	scene(t, "in the LAN", func(g *gateway) {
		started := now()
		a := at("Petr", "::ffff:192.168.1.10", "laptop\x00")
		a.Device.Name = "\u202eНоутбук\n"
		e := g.enter(a)
		want := agent.Session{ID: e.Session.ID, UserID: petr, Login: "petr", Name: "PETR", Directory: agent.LocalDirectory,
			Kind: agent.KindLAN, Address: netip.MustParseAddr(lanPeer), ExternalIP: netip.MustParseAddr(lanPeer),
			Device: agent.Device{ID: "laptop", Name: "Ноутбук"}, Started: started, LoggedIn: started,
			Expires: started.Add(24 * time.Hour), Resume: e.Session.Resume}
		if e.Session != want || e.NeedTunnel || e.Extended || e.ResumeToken == "" || e.Grace != 30*time.Second {
			g.t.Errorf("%+v", e.Grant)
		}
		if kept := g.memory.session(e.Session.ID); kept != want {
			g.t.Errorf("kept: %+v", kept)
		}
		if s := g.Sessions()[0]; s.State != agent.StateConnected || s.Rx == nil || *s.Rx != 3 || *s.Tx != 4 || s.MAC != "02:00:00:00:00:0a" {
			g.t.Errorf("shown: %+v", s)
		}
	})
	scene(t, "from outside", func(g *gateway) {
		e := g.enter(at("ivan", outsidePeer, "laptop"))
		if s := e.Session; s.Kind != agent.KindVPN || s.Address.String() != "10.128.0.2" ||
			s.ExternalIP.String() != outsidePeer || s.Expires.Sub(s.LoggedIn) != 12*time.Hour || !e.NeedTunnel {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	scene(t, "tunnel in the LAN without the right", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		e := g.enter(at("petr", lanPeer, "laptop"))
		if e.Session.Kind != agent.KindVPN || e.Session.Address.String() != "10.128.0.2" || !e.NeedTunnel {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	scene(t, "without a device there is no token", func(g *gateway) {
		if e := g.enter(at("ivan", lanPeer, "")); e.ResumeToken != "" || e.Session.Resume != (agent.ResumeChain{}) {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	scene(t, "without a firewall", func(g *gateway) {
		g.Manager.firewall = nil
		e, err := g.Authorize(context.Background(), at("ivan", lanPeer, "a"))
		if err != nil {
			g.t.Fatalf("%v", err)
		}
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
	})
	scene(t, "without a connection", func(g *gateway) {
		a := at("ivan", lanPeer, "a")
		a.Connection = nil
		if _, err := g.Authorize(context.Background(), a); err == nil {
			g.t.Errorf("a session without a connection")
		}
	})
}

// TestExtend walks logins on a connection that already carries a session.
func TestExtend(t *testing.T) {
	again := func(e entry, login, password string) Attempt {
		a := e.Attempt
		a.Login, a.Password, a.Current = login, password, e.Session.ID
		return a
	}
	for _, peer := range []string{lanPeer, outsidePeer} {
		scene(t, "the same person from "+peer, func(g *gateway) {
			e := g.enter(at("ivan", peer, "laptop"))
			pass(11 * time.Second)
			if e.NeedTunnel {
				if _, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{1}); err != nil {
					g.t.Fatalf("%v", err)
				}
			}
			pass(time.Hour)
			longer := g.enter(again(e, "IVAN", "right"))
			s := longer.Session
			if s.ID != e.Session.ID || !longer.Extended || s.Expires.Sub(e.Session.Expires) != time.Hour+11*time.Second ||
				s.Started != e.Session.Started || longer.ResumeToken == e.ResumeToken || e.told() != "[]" {
				g.t.Errorf("%+v, told %s", longer.Grant, e.told())
			}
			if len(g.wall.cuts) != 0 || e.NeedTunnel && g.pipe.keys[s.ID] != (agent.Key{1}) {
				g.t.Errorf("the extension cut something: %v, %v", g.wall.cuts, g.pipe.keys)
			}
			pass(time.Until(s.Expires) - time.Second)
			g.has(longer)
			pass(time.Second)
			g.has()
		})
	}
	scene(t, "a wrong password changes nothing", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		pass(time.Hour)
		g.refuse(again(e, "ivan", "wrong"), agent.CodeBadCredentials)
		g.refuse(again(e, "olga", "wrong"), agent.CodeBadCredentials)
		g.has(e)
		if kept := g.Sessions()[0].Session; kept != e.Session {
			g.t.Errorf("%+v", kept)
		}
	})
	for _, peer := range []string{lanPeer, outsidePeer} {
		scene(t, "another person from "+peer, func(g *gateway) {
			e := g.enter(at("ivan", peer, "laptop"))
			other := g.enter(again(e, "olga", "right"))
			g.has(other)
			if other.Session.ID == e.Session.ID || other.Extended || g.reason(e) != agent.ReasonLogout || e.told() != "[]" {
				g.t.Errorf("%+v, reason %s, told %s", other.Grant, g.reason(e), e.told())
			}
		})
	}
	scene(t, "the right is gone", func(g *gateway) {
		e := g.enter(at("ivan", outsidePeer, "laptop"))
		g.memory.change(ivan, func(u *agent.User) { u.RemoteAccess = false })
		g.refuse(again(e, "ivan", "right"), agent.CodeVPNNotAllowed)
		g.has(e)
	})
	scene(t, "settings changed meanwhile", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		anew := g.enter(again(e, "ivan", "right"))
		if anew.Extended || anew.Session.Kind != agent.KindVPN || g.reason(e) != agent.ReasonLogout {
			g.t.Errorf("%+v", anew.Grant)
		}
		g.has(anew)
	})
	scene(t, "the session has just ended", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		_ = g.End(context.Background(), e.Session.ID, agent.ReasonAdmin)
		anew := g.enter(again(e, "ivan", "right"))
		if anew.Extended || anew.Session.ID == e.Session.ID {
			g.t.Errorf("%+v", anew.Grant)
		}
	})
	scene(t, "another connection's session is not extended", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		a := again(e, "ivan", "right")
		a.Connection, a.Peer.Addr, a.Device.ID = &agentConnection{}, netip.MustParseAddr("192.168.1.99"), "tablet"
		other := g.enter(a)
		if other.Extended {
			g.t.Errorf("%+v", other.Grant)
		}
		g.has(e, other)
	})
}

// TestFailClosed breaks each part in turn: nobody has access without a session in the store, and nothing is left over.
func TestFailClosed(t *testing.T) {
	fails := func(g *gateway, a Attempt) {
		g.t.Helper()
		if _, err := g.Authorize(context.Background(), a); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
		g.sound()
	}
	for _, peer := range []string{lanPeer, outsidePeer} {
		scene(t, "the store takes no login from "+peer, func(g *gateway) {
			old := g.enter(at("ivan", peer, "laptop"))
			g.memory.breaks("SaveSession")
			fails(g, at("ivan", peer, "laptop"))
			g.has(old)
		})
		scene(t, "the store takes no extension from "+peer, func(g *gateway) {
			old := g.enter(at("ivan", peer, "laptop"))
			pass(time.Second)
			g.memory.breaks("SaveSession")
			a := old.Attempt
			a.Current = old.Session.ID
			fails(g, a)
			if s := g.Sessions()[0].Session; s != old.Session {
				g.t.Errorf("%+v", s)
			}
		})
	}
	for _, broken := range []string{"SaveSession", "User"} {
		scene(t, "a resume to another place meets a broken "+broken, func(g *gateway) {
			old := g.enter(at("ivan", lanPeer, "laptop"))
			g.Lost(old.Session.ID, old.Connection)
			g.memory.breaks(broken)
			fails(g, old.from(outsidePeer).by(old.ResumeToken))
			g.has(old)
			g.memory.breaks("")
			g.has(g.enter(old.from(outsidePeer).by(old.ResumeToken)))
		})
	}
	scene(t, "the firewall lets nobody in", func(g *gateway) {
		g.wall.broken = true
		a := at("ivan", lanPeer, "laptop")
		fails(g, a)
		g.has()
		if a.Connection.(*agentConnection).told() != "[]" {
			g.t.Errorf("told %s", a.Connection.(*agentConnection).told())
		}
	})
	scene(t, "the firewall fails at a takeover", func(g *gateway) {
		old := g.enter(at("ivan", lanPeer, "laptop"))
		g.wall.broken = true
		fails(g, at("ivan", lanPeer, "tablet"))
		g.has()
		if old.told() != "[replaced]" || len(g.wall.in) != 0 {
			g.t.Errorf("told %s, let through %v", old.told(), g.wall.in)
		}
	})
	scene(t, "the firewall fails when the connection changes hands", func(g *gateway) {
		old := g.enter(at("ivan", lanPeer, "laptop"))
		g.wall.broken = true
		a := old.Attempt
		a.Login, a.Current = "olga", old.Session.ID
		fails(g, a)
		g.has()
		if old.told() != "[lost]" || g.reason(old) != agent.ReasonLogout {
			g.t.Errorf("told %s, ended %s", old.told(), g.reason(old))
		}
	})
	scene(t, "the firewall fails when the connection brings back another session", func(g *gateway) {
		lost := g.enter(at("ivan", lanPeer, "laptop"))
		g.Lost(lost.Session.ID, lost.Connection)
		pass(time.Hour)
		old := g.enter(at("olga", lanPeer, "tablet"))
		g.wall.broken = true
		a := old.Attempt
		a.Login, a.Password, a.Resume, a.Device, a.Current = "", "", lost.ResumeToken, lost.Device, old.Session.ID
		fails(g, a)
		g.has()
		if old.told() != "[lost]" || lost.told() != "[]" {
			g.t.Errorf("told %s and %s", old.told(), lost.told())
		}
	})
	scene(t, "the firewall fails at a move on the same connection", func(g *gateway) {
		old := g.enter(at("ivan", lanPeer, "laptop"))
		g.wall.broken = true
		a := old.Attempt
		a.Password, a.Resume, a.Current, a.Peer.Addr = "", old.ResumeToken, old.Session.ID, netip.MustParseAddr("192.168.1.11")
		fails(g, a)
		g.has()
		if old.told() != "[lost]" {
			g.t.Errorf("told %s", old.told())
		}
	})
	scene(t, "the firewall fails at a move", func(g *gateway) {
		old := g.enter(at("ivan", lanPeer, "laptop"))
		g.wall.broken = true
		fails(g, old.from("192.168.1.11").by(old.ResumeToken))
		g.has()
		g.wall.broken = false
		g.has(g.enter(old.from("192.168.1.11").by(old.ResumeToken)))
	})
	scene(t, "the store is slow, and what is taken back is not hurried", func(g *gateway) {
		old := g.enter(at("ivan", lanPeer, "laptop"))
		slow := &slowStore{memory: g.memory}
		g.Manager.store = slow
		if _, err := g.Authorize(context.Background(), at("ivan", outsidePeer, "tablet")); !errors.Is(err, context.DeadlineExceeded) {
			g.t.Errorf("%v", err)
		}
		g.has(old)
	})
	scene(t, "old tokens of the device cannot be voided", func(g *gateway) {
		g.memory.breaks("VoidResume")
		g.has(g.enter(at("ivan", lanPeer, "laptop")))
	})
	scene(t, "a used token of a lost session cannot be voided", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		last := g.back(e)
		g.Lost(last.Session.ID, last.Connection)
		pass(time.Hour)
		g.memory.breaks("SaveSession")
		g.refuse(e.by(e.ResumeToken), agent.CodeSessionOver)
	})
	scene(t, "a token cannot be looked up", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		g.Lost(e.Session.ID, e.Connection)
		pass(time.Hour)
		g.memory.breaks("SessionByResume")
		fails(g, e.by(e.ResumeToken))
	})
	scene(t, "the agent is switched off during the check", func(g *gateway) {
		g.memory.gate = make(chan struct{})
		failed := make(chan error)
		go func() {
			_, err := g.Authorize(context.Background(), at("ivan", lanPeer, "laptop"))
			failed <- err
		}()
		synctest.Wait()
		g.configure(func(s *agent.Settings) { s.Enabled = false })
		g.Apply(context.Background())
		close(g.memory.gate)
		if err := <-failed; agent.AsError(err).Code != agent.CodeAgentDisabled {
			g.t.Errorf("%v", err)
		}
		g.has()
	})
	scene(t, "an end that the store does not take is owed", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		g.memory.breaks("EndSession")
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
		g.has()
		g.refuse(e.by(e.ResumeToken), agent.CodeSessionOver)
		pass(owedRetry)
		g.memory.breaks("")
		ended := now()
		pass(owedRetry)
		if kept := g.memory.session(e.Session.ID); kept.Reason != agent.ReasonAdmin || !kept.Ended.Before(ended) {
			g.t.Errorf("%+v", kept)
		}
		if len(g.owed) != 0 || g.owedTimer != nil {
			g.t.Errorf("still owed: %v", g.owed)
		}
	})
	scene(t, "a loss that the store did not take keeps nobody out", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		g.memory.breaks("EndSession")
		g.Lost(e.Session.ID, e.Connection)
		pass(time.Hour)
		g.has()
		g.has(g.back(e))
		if len(g.owed) != 0 {
			g.t.Errorf("owed: %v", g.owed)
		}
	})
	scene(t, "what is owed is paid at shutdown", func(g *gateway) {
		e := g.enter(at("ivan", lanPeer, "laptop"))
		g.memory.breaks("EndSession")
		g.endAll(context.Background(), agent.ReasonAdmin)
		g.memory.breaks("")
		_ = g.Shutdown(context.Background())
		if g.reason(e) != agent.ReasonAdmin {
			g.t.Errorf("%s", g.reason(e))
		}
	})
}

// slowStore takes longer to save than anybody waits.
type slowStore struct{ *memory }

func (s *slowStore) SaveSession(ctx context.Context, _ agent.Session) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestGone: an agent that has gone before its answer leaves a waiting session, or none.
func TestGone(t *testing.T) {
	scene(t, "before its turn", func(g *gateway) {
		g.Manager.turn <- struct{}{} // a change that takes long
		ctx, leave := context.WithCancel(context.Background())
		failed := make(chan error)
		go func() {
			_, err := g.Authorize(ctx, at("ivan", lanPeer, "laptop"))
			failed <- err
		}()
		synctest.Wait()
		leave()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			g.t.Errorf("%v", err)
		}
		<-g.Manager.turn
		g.has()
	})
	scene(t, "in its turn", func(g *gateway) {
		ctx, leave := context.WithCancel(context.Background())
		g.Manager.tunnel = leaver{g.pipe, leave}
		if _, err := g.Authorize(ctx, at("ivan", outsidePeer, "laptop")); !errors.Is(err, context.Canceled) {
			g.t.Errorf("%v", err)
		}
		if s := g.Sessions(); len(s) != 1 || s[0].State != agent.StateWaiting {
			g.t.Errorf("%+v", s)
		}
		pass(30 * time.Second)
		g.has()
	})
}

// leaver is a tunnel during whose work the agent goes away.
type leaver struct {
	*pipe
	leave func()
}

func (l leaver) Reserve(ctx context.Context, s agent.Session) (netip.Addr, error) {
	l.leave()
	return l.pipe.Reserve(ctx, s)
}

// TestManySessions: a thousand people at once, in order, and out again.
func TestManySessions(t *testing.T) {
	scene(t, "a thousand", func(g *gateway) {
		entries := make([]entry, 1000)
		for i := range entries {
			login := fmt.Sprint("person", i)
			g.memory.add(agent.UserID(100+i), login, false)
			a := at(login, fmt.Sprintf("192.168.%d.%d", i/250, 1+i%250), "d")
			grant, err := g.Authorize(context.Background(), a)
			if err != nil {
				g.t.Fatalf("%v", err)
			}
			entries[i] = entry{grant, a}
			pass(time.Millisecond)
		}
		g.has(entries...)
		for i, s := range g.Sessions() {
			if s.ID != entries[i].Session.ID {
				g.t.Fatalf("session %d is out of order", i)
			}
		}
		if n := g.endAll(context.Background(), agent.ReasonAdmin); n != 1000 {
			g.t.Errorf("%d ended", n)
		}
		g.has()
	})
}
