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

// subtest runs a test of a Manager with a fake clock and checks the invariants at its end.
func subtest(t *testing.T, name string, play func(*gateway)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			play(g)
			g.checkInvariants()
			g.kill()
		})
	})
}

// TestAuthorizeRefusals: all refusals that need no earlier session.
func TestAuthorizeRefusals(t *testing.T) {
	wrong := func(a Attempt) Attempt { a.Password = "wrong"; return a }
	empty := func(a Attempt) Attempt { a.Password = ""; return a }
	for _, c := range []struct {
		name    string
		prepare func(*gateway)
		attempt Attempt
		code    agent.Code
		retry   bool // whether the refusal has a time to wait
	}{
		{"wrong password", nil, wrong(passwordAttempt("ivan", lanPeer, "a")), agent.CodeBadCredentials, false},
		{"unknown login", nil, passwordAttempt("nobody", lanPeer, "a"), agent.CodeBadCredentials, false},
		{"empty password", nil, empty(passwordAttempt("ivan", lanPeer, "a")), agent.CodeBadCredentials, false},
		{"account off", func(g *gateway) { g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false }) },
			passwordAttempt("ivan", lanPeer, "a"), agent.CodeAccountDisabled, false},
		{"agent off", func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) },
			passwordAttempt("ivan", lanPeer, "a"), agent.CodeAgentDisabled, false},
		{"agent off, wrong password", func(g *gateway) { g.configure(func(s *agent.Settings) { s.Enabled = false }) },
			wrong(passwordAttempt("ivan", lanPeer, "a")), agent.CodeAgentDisabled, false},
		{"outside without the right", nil, passwordAttempt("petr", outsidePeer, "a"), agent.CodeVPNNotAllowed, false},
		{"outside without the right or a tunnel", func(g *gateway) { g.Manager.tunnel = nil },
			passwordAttempt("petr", outsidePeer, "a"), agent.CodeVPNNotAllowed, false},
		{"outside without a tunnel", func(g *gateway) { g.Manager.tunnel = nil },
			passwordAttempt("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, false},
		{"outside while the tunnel is down", func(g *gateway) { g.fakeTunnel.off = true },
			passwordAttempt("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, true},
		{"tunnel in the LAN, and none here", func(g *gateway) {
			g.Manager.tunnel = nil
			g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		}, passwordAttempt("petr", lanPeer, "a"), agent.CodeVPNUnavailable, false},
		{"no address left", func(g *gateway) { g.fakeTunnel.size = 0 }, passwordAttempt("ivan", outsidePeer, "a"), agent.CodePoolExhausted, false},
		{"the tunnel lags behind the settings", func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.VPNNetwork = netip.MustParsePrefix("10.99.0.0/16") })
		}, passwordAttempt("ivan", outsidePeer, "a"), agent.CodeVPNUnavailable, true},
		{"from inside the VPN", nil, passwordAttempt("ivan", "10.128.0.9", "a"), agent.CodeAddressBusy, true},
		{"from inside the VPN, in the local networks", func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		}, passwordAttempt("petr", "10.128.0.9", "a"), agent.CodeAddressBusy, true},
		{"a token that never was", nil, passwordAttempt("ivan", lanPeer, "a").withToken("x"), agent.CodeSessionOver, false},
	} {
		subtest(t, c.name, func(g *gateway) {
			if c.prepare != nil {
				c.prepare(g)
			}
			started := time.Now()
			refusal := g.wantRefusal(c.attempt, c.code)
			if took := time.Since(started); took != minRefusalDelay {
				g.t.Errorf("took %v, want %v", took, minRefusalDelay)
			}
			if c.retry != (refusal.Wait > 0) {
				g.t.Errorf("wait %v", refusal.Wait)
			}
			g.wantLive()
			if len(g.memoryStore.sessions) != 0 || c.attempt.Connection.(*agentConnection).endReasons() != "[]" {
				g.t.Errorf("left in the store: %v; told: %s", g.memoryStore.sessions, c.attempt.Connection.(*agentConnection).endReasons())
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	subtest(t, "in the LAN", func(g *gateway) {
		started := now()
		a := passwordAttempt("Petr", "::ffff:192.168.1.10", "laptop\x00")
		a.Device.Name = "\u202eНоутбук\n"
		e := g.begin(a)
		want := agent.Session{ID: e.Session.ID, UserID: petr, Login: "petr", Name: "PETR", Directory: agent.LocalDirectory,
			Kind: agent.KindLAN, Address: netip.MustParseAddr(lanPeer), ExternalIP: netip.MustParseAddr(lanPeer), Inside: true,
			Device: agent.Device{ID: "laptop", Name: "Ноутбук"}, Started: started, LoggedIn: started,
			Expires: started.Add(24 * time.Hour), Way: agent.WayPassword, Resume: e.Session.Resume}
		if e.Session != want || e.NeedTunnel || e.Extended || e.ResumeToken == "" || e.Grace != 30*time.Second {
			g.t.Errorf("%+v", e.Grant)
		}
		if kept := g.memoryStore.session(e.Session.ID); kept != want {
			g.t.Errorf("kept: %+v", kept)
		}
		if s := g.Sessions()[0]; s.State != agent.StateConnected || s.Rx == nil || *s.Rx != 3 || *s.Tx != 4 || s.MAC != "02:00:00:00:00:0a" {
			g.t.Errorf("shown: %+v", s)
		}
	})
	subtest(t, "from outside", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "laptop"))
		if s := e.Session; s.Kind != agent.KindVPN || s.Address.String() != "10.128.0.2" ||
			s.ExternalIP.String() != outsidePeer || s.Inside || s.Expires.Sub(s.LoggedIn) != 12*time.Hour || !e.NeedTunnel {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	subtest(t, "tunnel in the LAN without the right", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		e := g.begin(passwordAttempt("petr", lanPeer, "laptop"))
		if e.Session.Kind != agent.KindVPN || e.Session.Address.String() != "10.128.0.2" || !e.NeedTunnel {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	subtest(t, "without a device there is no token", func(g *gateway) {
		if e := g.begin(passwordAttempt("ivan", lanPeer, "")); e.ResumeToken != "" || e.Session.Resume != (agent.ResumeDigests{}) {
			g.t.Errorf("%+v", e.Grant)
		}
	})
	subtest(t, "without a firewall", func(g *gateway) {
		g.Manager.firewall = nil
		e, err := g.Authorize(context.Background(), passwordAttempt("ivan", lanPeer, "a"))
		if err != nil {
			g.t.Fatalf("%v", err)
		}
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
	})
	subtest(t, "without a connection", func(g *gateway) {
		a := passwordAttempt("ivan", lanPeer, "a")
		a.Connection = nil
		if _, err := g.Authorize(context.Background(), a); err == nil {
			g.t.Errorf("a session without a connection")
		}
	})
}

// TestExtend: logins on a connection that already has a session.
func TestExtend(t *testing.T) {
	again := func(e testSession, login, password string) Attempt {
		a := e.Attempt
		a.Login, a.Password, a.Current = login, password, e.Session.ID
		return a
	}
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, "the same person from "+peer, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", peer, "laptop"))
			advance(11 * time.Second)
			if e.NeedTunnel {
				if _, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{1}); err != nil {
					g.t.Fatalf("%v", err)
				}
			}
			advance(time.Hour)
			longer := g.begin(again(e, "IVAN", "right"))
			s := longer.Session
			if s.ID != e.Session.ID || !longer.Extended || s.Expires.Sub(e.Session.Expires) != time.Hour+11*time.Second ||
				s.Started != e.Session.Started || longer.ResumeToken == e.ResumeToken || e.endReasons() != "[]" {
				g.t.Errorf("%+v, told %s", longer.Grant, e.endReasons())
			}
			if len(g.fakeFirewall.cuts) != 0 || e.NeedTunnel && g.fakeTunnel.keys[s.ID] != (agent.Key{1}) {
				g.t.Errorf("the extension cut something: %v, %v", g.fakeFirewall.cuts, g.fakeTunnel.keys)
			}
			advance(time.Until(s.Expires) - time.Second)
			g.wantLive(longer)
			advance(time.Second)
			g.wantLive()
		})
	}
	subtest(t, "a wrong password changes nothing", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		advance(time.Hour)
		g.wantRefusal(again(e, "ivan", "wrong"), agent.CodeBadCredentials)
		g.wantRefusal(again(e, "olga", "wrong"), agent.CodeBadCredentials)
		g.wantLive(e)
		if kept := g.Sessions()[0].Session; kept != e.Session {
			g.t.Errorf("%+v", kept)
		}
	})
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, "another person from "+peer, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", peer, "laptop"))
			other := g.begin(again(e, "olga", "right"))
			g.wantLive(other)
			if other.Session.ID == e.Session.ID || other.Extended || g.reason(e) != agent.ReasonLogout || e.endReasons() != "[]" {
				g.t.Errorf("%+v, reason %s, told %s", other.Grant, g.reason(e), e.endReasons())
			}
		})
	}
	subtest(t, "the right is gone", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "laptop"))
		g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteAccess = false })
		g.wantRefusal(again(e, "ivan", "right"), agent.CodeVPNNotAllowed)
		g.wantLive(e)
	})
	subtest(t, "settings changed meanwhile", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.configure(func(s *agent.Settings) { s.LocalTunnel = true })
		anew := g.begin(again(e, "ivan", "right"))
		if anew.Extended || anew.Session.Kind != agent.KindVPN || g.reason(e) != agent.ReasonLogout {
			g.t.Errorf("%+v", anew.Grant)
		}
		g.wantLive(anew)
	})
	subtest(t, "the session has just ended", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		_ = g.End(context.Background(), e.Session.ID, agent.ReasonAdmin)
		anew := g.begin(again(e, "ivan", "right"))
		if anew.Extended || anew.Session.ID == e.Session.ID {
			g.t.Errorf("%+v", anew.Grant)
		}
	})
	subtest(t, "another connection's session is not extended", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		a := again(e, "ivan", "right")
		a.Connection, a.Peer.Addr, a.Device.ID = &agentConnection{}, netip.MustParseAddr("192.168.1.99"), "tablet"
		other := g.begin(a)
		if other.Extended {
			g.t.Errorf("%+v", other.Grant)
		}
		g.wantLive(e, other)
	})
}

// TestFailClosed: when a part fails, nobody has access without a session in the store, and nothing is left over.
func TestFailClosed(t *testing.T) {
	fails := func(g *gateway, a Attempt) {
		g.t.Helper()
		if _, err := g.Authorize(context.Background(), a); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
		g.checkInvariants()
	}
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, "the store takes no login from "+peer, func(g *gateway) {
			old := g.begin(passwordAttempt("ivan", peer, "laptop"))
			g.memoryStore.failOn("SaveSession")
			fails(g, passwordAttempt("ivan", peer, "laptop"))
			g.wantLive(old)
		})
		subtest(t, "the store takes no extension from "+peer, func(g *gateway) {
			old := g.begin(passwordAttempt("ivan", peer, "laptop"))
			advance(time.Second)
			g.memoryStore.failOn("SaveSession")
			a := old.Attempt
			a.Current = old.Session.ID
			fails(g, a)
			if s := g.Sessions()[0].Session; s != old.Session {
				g.t.Errorf("%+v", s)
			}
		})
	}
	for _, broken := range []string{"SaveSession", "User"} {
		subtest(t, "a resume to another place meets a broken "+broken, func(g *gateway) {
			old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
			g.Lost(old.Session.ID, old.Connection)
			g.memoryStore.failOn(broken)
			fails(g, old.fromPeer(outsidePeer).withToken(old.ResumeToken))
			g.wantLive(old)
			g.memoryStore.failOn("")
			g.wantLive(g.begin(old.fromPeer(outsidePeer).withToken(old.ResumeToken)))
		})
	}
	subtest(t, "the firewall fails", func(g *gateway) {
		g.fakeFirewall.broken = true
		a := passwordAttempt("ivan", lanPeer, "laptop")
		fails(g, a)
		g.wantLive()
		if a.Connection.(*agentConnection).endReasons() != "[]" {
			g.t.Errorf("told %s", a.Connection.(*agentConnection).endReasons())
		}
	})
	subtest(t, "the firewall fails at a takeover", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.fakeFirewall.broken = true
		fails(g, passwordAttempt("ivan", lanPeer, "tablet"))
		g.wantLive()
		if old.endReasons() != "[replaced]" || len(g.fakeFirewall.granted) != 0 {
			g.t.Errorf("told %s, let through %v", old.endReasons(), g.fakeFirewall.granted)
		}
	})
	subtest(t, "the firewall fails when another person logs in on the connection", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.fakeFirewall.broken = true
		a := old.Attempt
		a.Login, a.Current = "olga", old.Session.ID
		fails(g, a)
		g.wantLive()
		if old.endReasons() != "[lost]" || g.reason(old) != agent.ReasonLogout {
			g.t.Errorf("told %s, ended %s", old.endReasons(), g.reason(old))
		}
	})
	subtest(t, "the firewall fails when the connection resumes another session", func(g *gateway) {
		lost := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.Lost(lost.Session.ID, lost.Connection)
		advance(time.Hour)
		old := g.begin(passwordAttempt("olga", lanPeer, "tablet"))
		g.fakeFirewall.broken = true
		a := old.Attempt
		a.Login, a.Password, a.Resume, a.Device, a.Current = "", "", lost.ResumeToken, lost.Device, old.Session.ID
		fails(g, a)
		g.wantLive()
		if old.endReasons() != "[lost]" || lost.endReasons() != "[]" {
			g.t.Errorf("told %s and %s", old.endReasons(), lost.endReasons())
		}
	})
	subtest(t, "the firewall fails at a move on the same connection", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.fakeFirewall.broken = true
		a := old.Attempt
		a.Password, a.Resume, a.Current, a.Peer.Addr = "", old.ResumeToken, old.Session.ID, netip.MustParseAddr("192.168.1.11")
		fails(g, a)
		g.wantLive()
		if old.endReasons() != "[lost]" {
			g.t.Errorf("told %s", old.endReasons())
		}
	})
	subtest(t, "the firewall fails at a move", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.fakeFirewall.broken = true
		fails(g, old.fromPeer("192.168.1.11").withToken(old.ResumeToken))
		g.wantLive()
		g.fakeFirewall.broken = false
		g.wantLive(g.begin(old.fromPeer("192.168.1.11").withToken(old.ResumeToken)))
	})
	subtest(t, "the store is slow, and undoing has its own deadline", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		slow := &slowStore{memoryStore: g.memoryStore}
		g.Manager.store = slow
		if _, err := g.Authorize(context.Background(), passwordAttempt("ivan", outsidePeer, "tablet")); !errors.Is(err, context.DeadlineExceeded) {
			g.t.Errorf("%v", err)
		}
		g.wantLive(old)
	})
	subtest(t, "old tokens of the device cannot be voided", func(g *gateway) {
		g.memoryStore.failOn("VoidResume")
		g.wantLive(g.begin(passwordAttempt("ivan", lanPeer, "laptop")))
	})
	subtest(t, "a used token of a lost session cannot be voided", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		last := g.back(e)
		g.Lost(last.Session.ID, last.Connection)
		advance(time.Hour)
		g.memoryStore.failOn("SaveSession")
		g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeSessionOver)
	})
	subtest(t, "a token cannot be looked up", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "laptop"))
		g.Lost(e.Session.ID, e.Connection)
		advance(time.Hour)
		g.memoryStore.failOn("SessionByResume")
		fails(g, e.withToken(e.ResumeToken))
	})
	subtest(t, "the agent is switched off during the check", func(g *gateway) {
		g.memoryStore.blockAuthenticate = make(chan struct{})
		failed := make(chan error)
		go func() {
			_, err := g.Authorize(context.Background(), passwordAttempt("ivan", lanPeer, "laptop"))
			failed <- err
		}()
		synctest.Wait()
		g.configure(func(s *agent.Settings) { s.Enabled = false })
		g.Apply(context.Background())
		close(g.memoryStore.blockAuthenticate)
		if err := <-failed; agent.AsError(err).Code != agent.CodeAgentDisabled {
			g.t.Errorf("%v", err)
		}
		g.wantLive()
	})
}

// TestStoreRefuses: a login that the store has refused leaves nothing behind, not even an end to be written.
func TestStoreRefuses(t *testing.T) {
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, peer, func(g *gateway) {
			g.Manager.store = refusingStore{g.memoryStore}
			g.memoryStore.onEnd = func() { g.t.Errorf("an end is written") }
			g.wantRefusal(passwordAttempt("ivan", peer, "a"), agent.CodeStoreUnavailable)
			g.wantLive()
		})
	}
}

// TestStoreRefusesReturn: while the store refuses everything, a live session comes back to its place with its token, which
// stays good; elsewhere it does not.
func TestStoreRefusesReturn(t *testing.T) {
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, peer, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", peer, "a"))
			for range 3 {
				g.Manager.store = refusingStore{g.memoryStore}
				g.Lost(e.Session.ID, e.Connection)
				back := g.begin(e.withToken(e.ResumeToken))
				if back.Session.ID != e.Session.ID || back.ResumeToken != "" {
					g.t.Errorf("%+v", back.Grant)
				}
				g.ConfirmResume(back.Session.ID, back.Connection)
				g.Lost(back.Session.ID, back.Connection)
				g.wantRefusal(e.withToken(e.ResumeToken).fromPeer("192.168.1.77"), agent.CodeStoreUnavailable)
				g.Manager.store = g.memoryStore
				g.restart()
			}
			e = g.begin(e.withToken(e.ResumeToken))
			g.wantLive(e)
		})
	}
}

// refusingStore cannot be written.
type refusingStore struct{ *memoryStore }

func (refusingStore) SaveSession(context.Context, agent.Session) error {
	return fmt.Errorf("save: %w", agent.Refuse(agent.CodeStoreUnavailable))
}

// slowStore saves nothing before the deadline.
type slowStore struct{ *memoryStore }

func (s *slowStore) SaveSession(ctx context.Context, _ agent.Session) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestAgentGone: an agent that has gone before its answer leaves a waiting session, or none.
func TestAgentGone(t *testing.T) {
	subtest(t, "before the change", func(g *gateway) {
		g.Manager.changeLock <- struct{}{} // a change that takes long
		ctx, leave := context.WithCancel(context.Background())
		failed := make(chan error)
		go func() {
			_, err := g.Authorize(ctx, passwordAttempt("ivan", lanPeer, "laptop"))
			failed <- err
		}()
		synctest.Wait()
		leave()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			g.t.Errorf("%v", err)
		}
		<-g.Manager.changeLock
		g.wantLive()
	})
	subtest(t, "during the change", func(g *gateway) {
		ctx, leave := context.WithCancel(context.Background())
		g.Manager.tunnel = cancellingTunnel{g.fakeTunnel, leave}
		if _, err := g.Authorize(ctx, passwordAttempt("ivan", outsidePeer, "laptop")); !errors.Is(err, context.Canceled) {
			g.t.Errorf("%v", err)
		}
		if s := g.Sessions(); len(s) != 1 || s[0].State != agent.StateWaiting {
			g.t.Errorf("%+v", s)
		}
		advance(30 * time.Second)
		g.wantLive()
	})
}

// cancellingTunnel cancels the context of the caller during Reserve.
type cancellingTunnel struct {
	*fakeTunnel
	cancel func()
}

func (l cancellingTunnel) Reserve(ctx context.Context, s agent.Session) (netip.Addr, error) {
	l.cancel()
	return l.fakeTunnel.Reserve(ctx, s)
}

// TestManySessions: a thousand sessions are listed in their order and can be ended together.
func TestManySessions(t *testing.T) {
	subtest(t, "a thousand", func(g *gateway) {
		entries := make([]testSession, 1000)
		for i := range entries {
			login := fmt.Sprint("person", i)
			g.memoryStore.add(agent.UserID(100+i), login, false)
			a := passwordAttempt(login, fmt.Sprintf("192.168.%d.%d", i/250, 1+i%250), "d")
			grant, err := g.Authorize(context.Background(), a)
			if err != nil {
				g.t.Fatalf("%v", err)
			}
			entries[i] = testSession{grant, a}
			advance(time.Millisecond)
		}
		g.wantLive(entries...)
		for i, s := range g.Sessions() {
			if s.ID != entries[i].Session.ID {
				g.t.Fatalf("session %d is out of order", i)
			}
		}
		if n := g.endAll(context.Background(), agent.ReasonAdmin); n != 1000 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive()
	})
}
