package access

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// back resumes a session from the same address, which must succeed, and confirms the new token.
func (g *gateway) back(e testSession) testSession {
	g.t.Helper()
	next := g.begin(e.withToken(e.ResumeToken))
	if next.Session.ID != e.Session.ID {
		g.t.Errorf("resumed another session")
	}
	g.ConfirmResume(next.Session.ID, next.Connection)
	return next
}

// TestResume: what can be resumed, and what cannot.
func TestResume(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name string
		peer string
		// play runs after the login and returns the attempt to resume
		play    func(*gateway, testSession) Attempt
		refused agent.Code // empty = the session is resumed
		event   string     // security event
		alive   int        // sessions after it
	}{
		{"in the grace period, LAN", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"in the grace period, VPN", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"before the loss is noticed", lanPeer, func(g *gateway, e testSession) Attempt { return e.withToken(e.ResumeToken) }, "", "", 1},
		{"hours after the grace period", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(5 * time.Hour)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"hours after the grace period, VPN", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(5 * time.Hour)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"after another person took the address over, elsewhere", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			g.begin(passwordAttempt("olga", lanPeer, "b"))
			return e.fromPeer("192.168.1.11").withToken(e.ResumeToken)
		}, "", "", 2},
		{"after another person took the address over", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			g.begin(passwordAttempt("olga", lanPeer, "b"))
			return e.withToken(e.ResumeToken)
		}, agent.CodeAddressBusy, "address_busy", 1},
		{"with the same login beside the token", lanPeer, func(g *gateway, e testSession) Attempt { return e.withToken(e.ResumeToken) }, "", "", 1},
		{"with an unknown login beside the token", lanPeer, func(g *gateway, e testSession) Attempt {
			e.Login = "gone"
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"with another person's login beside the token", lanPeer, func(g *gateway, e testSession) Attempt {
			e.Login = "olga"
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"on another device", lanPeer, func(g *gateway, e testSession) Attempt {
			e.Device.ID = "b"
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"without a device", lanPeer, func(g *gateway, e testSession) Attempt {
			e.Device.ID = ""
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"a used token", lanPeer, func(g *gateway, e testSession) Attempt {
			g.back(e)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"a token used long ago", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.back(g.back(g.back(e)))
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"a used token of a lost session", lanPeer, func(g *gateway, e testSession) Attempt {
			last := g.back(e)
			g.Lost(last.Session.ID, last.Connection)
			advance(time.Hour)
			g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeSessionOver)
			return last.withToken(last.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"a used token, even after a restart", lanPeer, func(g *gateway, e testSession) Attempt {
			g.back(e)
			g.restart()
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"the token before, when the answer got lost", lanPeer, func(g *gateway, e testSession) Attempt {
			g.begin(e.withToken(e.ResumeToken))
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"the token before, when the answer got lost and the gateway restarted", lanPeer, func(g *gateway, e testSession) Attempt {
			g.begin(e.withToken(e.ResumeToken))
			g.restart()
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"the lost answer's token, when the one before was used again", lanPeer, func(g *gateway, e testSession) Attempt {
			stolen := g.begin(e.withToken(e.ResumeToken))
			g.begin(e.withToken(e.ResumeToken))
			return stolen.withToken(stolen.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"the token from before an extension", lanPeer, func(g *gateway, e testSession) Attempt {
			again := e.Attempt
			again.Current = e.Session.ID
			g.begin(again)
			g.ConfirmResume(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"an extension whose answer got lost", lanPeer, func(g *gateway, e testSession) Attempt {
			again := e.Attempt
			again.Current = e.Session.ID
			g.begin(again)
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"after the person logged out", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Logout(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after an administrator ended it", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.End(ctx, e.Session.ID, agent.ReasonAdmin)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after an administrator ended it in its grace period", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			_ = g.End(ctx, e.Session.ID, agent.ReasonAdmin)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after the length", lanPeer, func(g *gateway, e testSession) Attempt {
			advance(24 * time.Hour)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after the length, lost before", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(24 * time.Hour)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after a change of the password", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.VoidResume(ctx, ivan)
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"after a change of the password while it was lost", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(time.Hour)
			_ = g.VoidResume(ctx, ivan)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after a change of the password, extended since", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.VoidResume(ctx, ivan)
			again := e.Attempt
			again.Current = e.Session.ID
			e = g.begin(again)
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"after a change of the password by another process", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.memoryStore.VoidResume(ctx, ivan)
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"after a change of the password by another process, before the token was confirmed", lanPeer, func(g *gateway, e testSession) Attempt {
			next := g.begin(e.withToken(e.ResumeToken))
			_ = g.memoryStore.VoidResume(ctx, ivan)
			g.ConfirmResume(next.Session.ID, next.Connection)
			g.Lost(next.Session.ID, next.Connection)
			advance(time.Hour)
			return next.withToken(next.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after a change of the password by another process, the token from before an extension", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.memoryStore.VoidResume(ctx, ivan)
			again := e.Attempt
			again.Current = e.Session.ID
			g.begin(again)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"after a change of the password by another process, extended since", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.memoryStore.VoidResume(ctx, ivan)
			again := e.Attempt
			again.Current = e.Session.ID
			e = g.begin(again)
			g.ConfirmResume(e.Session.ID, e.Connection)
			g.Lost(e.Session.ID, e.Connection)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"after another person's change of the password", lanPeer, func(g *gateway, e testSession) Attempt {
			_ = g.VoidResume(ctx, olga)
			return e.withToken(e.ResumeToken)
		}, "", "", 1},
		{"after all sessions of the person were ended while it was lost", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(time.Hour)
			g.EndUser(ctx, ivan, agent.ReasonAdmin)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 0},
		{"after a newer login on the device", lanPeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(time.Hour)
			g.begin(passwordAttempt("ivan", "192.168.1.11", "a"))
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"while the account is disabled", lanPeer, func(g *gateway, e testSession) Attempt {
			g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
			return e.withToken(e.ResumeToken)
		}, agent.CodeAccountDisabled, "", 1},
		{"while the directory refuses the account", lanPeer, func(g *gateway, e testSession) Attempt {
			g.memoryStore.change(ivan, func(u *agent.User) { u.Refused = agent.CodeAccountExpired })
			return e.withToken(e.ResumeToken)
		}, agent.CodeAccountExpired, "", 1},
		{"after the account was deleted", lanPeer, func(g *gateway, e testSession) Attempt {
			delete(g.memoryStore.users, ivan)
			return e.withToken(e.ResumeToken)
		}, agent.CodeSessionOver, "", 1},
		{"outside after the right was taken away", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteAccess = false })
			return e.withToken(e.ResumeToken)
		}, agent.CodeVPNNotAllowed, "", 1},
		{"while the agent is off", lanPeer, func(g *gateway, e testSession) Attempt {
			g.configure(func(s *agent.Settings) { s.Enabled = false })
			return e.withToken(e.ResumeToken)
		}, agent.CodeAgentDisabled, "", 1},
		{"while the tunnel is down", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.fakeTunnel.off = true
			return e.withToken(e.ResumeToken)
		}, agent.CodeVPNUnavailable, "", 1},
		{"when no address is left", outsidePeer, func(g *gateway, e testSession) Attempt {
			g.Lost(e.Session.ID, e.Connection)
			advance(time.Hour)
			g.fakeTunnel.size = 1
			other := g.begin(passwordAttempt("olga", outsidePeer, "b"))
			_, _ = g.TunnelUp(ctx, other.Session.ID, other.Connection, agent.Key{1})
			return e.withToken(e.ResumeToken)
		}, agent.CodePoolExhausted, "", 1},
		{"a token with its last bits changed", lanPeer, func(g *gateway, e testSession) Attempt {
			return e.withToken(e.ResumeToken[:60] + "AAAA")
		}, agent.CodeSessionOver, "resume_reused", 0},
		{"a token with another name", lanPeer, func(g *gateway, e testSession) Attempt {
			return e.withToken("AAAA" + e.ResumeToken[4:])
		}, agent.CodeSessionOver, "resume_refused", 1},
		{"a wrong token beside a right password", lanPeer, func(g *gateway, e testSession) Attempt {
			e.Resume, e.Connection = "nonsense", &agentConnection{}
			return e.Attempt
		}, "", "", 1},
	} {
		subtest(t, c.name, func(g *gateway) {
			first := g.begin(passwordAttempt("ivan", c.peer, "a"))
			if first.NeedTunnel {
				if _, err := g.TunnelUp(ctx, first.Session.ID, first.Connection, agent.Key{9}); err != nil {
					g.t.Fatalf("%v", err)
				}
			}
			a := c.play(g, first)
			if c.refused != "" {
				g.wantRefusal(a, c.refused)
			} else {
				second := g.begin(a)
				if second.ResumeToken == a.Resume || second.ResumeToken == "" {
					g.t.Errorf("the token was not changed")
				}
				if a.Password == "" && (second.Session.ID != first.Session.ID || second.Session.Started != first.Session.Started) {
					g.t.Errorf("another session: %+v", second.Session)
				}
			}
			if n := len(g.Sessions()); n != c.alive {
				g.t.Errorf("%d sessions, want %d", n, c.alive)
			}
			if c.event != "" && len(g.events.find(c.event)) == 0 {
				g.t.Errorf("no event %s:\n%s", c.event, g.events.all())
			}
			if c.event == "resume_reused" && g.reason(first) != agent.ReasonReplaced {
				g.t.Errorf("ended %q after reuse", g.reason(first))
			}
		})
	}
}

// TestResumeThief: a thief who resumes first, even twice, loses the session when its person resumes it.
func TestResumeThief(t *testing.T) {
	subtest(t, "thief", func(g *gateway) {
		person := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		thief := g.back(testSession{person.Grant, person.fromPeer(outsidePeer)})
		if person.endReasons() != "[replaced]" || thief.Session.Kind != agent.KindVPN {
			g.t.Errorf("told %s, %+v", person.endReasons(), thief.Session)
		}
		thief = g.back(thief)
		g.wantRefusal(person.withToken(person.ResumeToken), agent.CodeSessionOver)
		g.wantLive()
		if thief.endReasons() != "[replaced]" {
			g.t.Errorf("the thief was told %s", thief.endReasons())
		}
		g.wantRefusal(thief.withToken(thief.ResumeToken), agent.CodeSessionOver)
	})
}

// TestResumeOldConnection: the former connection of a resumed session has no effect any more.
func TestResumeOldConnection(t *testing.T) {
	subtest(t, "old connection", func(g *gateway) {
		old := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		fresh := g.back(old)
		g.Lost(old.Session.ID, old.Connection)
		g.Logout(old.Session.ID, old.Connection)
		g.ConfirmResume(old.Session.ID, old.Connection)
		if _, err := g.TunnelUp(context.Background(), old.Session.ID, old.Connection, agent.Key{1}); err == nil {
			g.t.Errorf("the old connection got a tunnel")
		}
		if s := g.Sessions(); len(s) != 1 || s[0].State != agent.StateConnected {
			g.t.Errorf("%+v", s)
		}
		if old.endReasons() != "[replaced]" || fresh.endReasons() != "[]" {
			g.t.Errorf("told %s and %s", old.endReasons(), fresh.endReasons())
		}
	})
	subtest(t, "on the same connection", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		a := e.Attempt
		a.Password, a.Resume, a.Current = "", e.ResumeToken, e.Session.ID
		g.wantLive(g.begin(a))
		if e.endReasons() != "[]" {
			g.t.Errorf("told %s", e.endReasons())
		}
	})
	subtest(t, "on a connection that has another session", func(g *gateway) {
		lost := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Lost(lost.Session.ID, lost.Connection)
		other := g.begin(passwordAttempt("olga", "192.168.1.11", "a"))
		a := other.Attempt
		a.Login, a.Password, a.Resume, a.Current = "", "", lost.ResumeToken, other.Session.ID
		g.wantLive(g.begin(a))
		if g.reason(other) != agent.ReasonLogout || other.endReasons() != "[]" {
			g.t.Errorf("%s, told %s", g.reason(other), other.endReasons())
		}
	})
}

// TestResumeMoves: a session that moves between the LAN and outside has access in one place at a time, and its end never
// moves later.
func TestResumeMoves(t *testing.T) {
	subtest(t, "moves", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		loggedIn := e.Session.LoggedIn
		advance(time.Hour)
		next := g.begin(e.fromPeer("192.168.1.11").withToken(e.ResumeToken))
		g.ConfirmResume(next.Session.ID, next.Connection)
		if s := next.Session; s.Address.String() != "192.168.1.11" || s.Expires != e.Session.Expires || g.fakeFirewall.cuts[e.Session.Address] != 1 {
			g.t.Errorf("%+v", s)
		}
		out := g.begin(next.fromPeer(outsidePeer).withToken(next.ResumeToken))
		g.ConfirmResume(out.Session.ID, out.Connection)
		if s := out.Session; s.Kind != agent.KindVPN || s.Expires != loggedIn.Add(12*time.Hour) || !out.NeedTunnel {
			g.t.Errorf("%+v", s)
		}
		home := g.begin(out.fromPeer(lanPeer).withToken(out.ResumeToken))
		if s := home.Session; s.Kind != agent.KindLAN || s.Expires != loggedIn.Add(12*time.Hour) {
			g.t.Errorf("%+v", s)
		}
		g.wantLive(home)
	})
	subtest(t, "in the same place it is granted again: the computer may have another MAC", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.fakeFirewall.granted[e.Session.Address] = "as known before"
		e = g.back(e)
		if got := g.fakeFirewall.granted[e.Session.Address]; got != e.Session.ID {
			g.t.Errorf("the firewall has %q", got)
		}
	})
	subtest(t, "outside after the shorter length", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(13 * time.Hour)
		g.wantRefusal(e.fromPeer(outsidePeer).withToken(e.ResumeToken), agent.CodeSessionOver)
		g.wantLive(g.begin(e.withToken(e.ResumeToken)))
	})
	subtest(t, "the address outside stays in the grace period", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.Lost(e.Session.ID, e.Connection)
		g.begin(passwordAttempt("olga", outsidePeer, "b"))
		if back := g.back(e); back.Session.Address != e.Session.Address {
			g.t.Errorf("%v, then %v", e.Session.Address, back.Session.Address)
		}
	})
	subtest(t, "onto another person's address", func(g *gateway) {
		busy := g.begin(passwordAttempt("olga", "192.168.1.11", "b"))
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.wantRefusal(e.fromPeer("192.168.1.11").withToken(e.ResumeToken), agent.CodeAddressBusy)
		g.wantLive(busy, e)
		g.Lost(busy.Session.ID, busy.Connection)
		g.wantLive(g.begin(e.fromPeer("192.168.1.11").withToken(e.ResumeToken)))
	})
}

// randomToken returns an unknown token.
func randomToken() string {
	token, _ := newChainName().next([32]byte{})
	return token
}

// TestResumeGuesses: unknown tokens count by address and do not lock others. Late and malformed ones do not count.
func TestResumeGuesses(t *testing.T) {
	subtest(t, "guesses", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		if _, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{9}); err != nil {
			g.t.Fatalf("%v", err)
		}
		over := g.begin(passwordAttempt("olga", outsidePeer, "b"))
		g.Logout(over.Session.ID, over.Connection)
		for range 2 * addressLimit {
			g.wantRefusal(over.withToken(over.ResumeToken), agent.CodeSessionOver)
		}
		for i := range 2 * addressLimit {
			g.wantRefusal(e.withToken(fmt.Sprint("noise", i)), agent.CodeSessionOver)
		}
		for range addressLimit {
			g.wantRefusal(e.withToken(randomToken()), agent.CodeSessionOver)
		}
		if refusal := g.wantRefusal(e.withToken(randomToken()), agent.CodeTooManyAttempts); refusal.Wait == 0 {
			g.t.Errorf("no wait")
		}
		g.wantRefusal(e.fromPeer("203.0.113.99").withToken(randomToken()), agent.CodeSessionOver)
		advance(time.Second)
		e = g.begin(e.withToken(e.ResumeToken))
		g.wantRefusal(over.withToken(over.ResumeToken), agent.CodeSessionOver)
		lost := e.fromPeer(outsidePeer)
		g.Lost(e.Session.ID, e.Connection)
		advance(g.Settings().Grace + time.Second)
		g.wantLive()
		g.begin(lost.withToken(e.ResumeToken))             // known to the store only
		g.begin(passwordAttempt("ivan", outsidePeer, "a")) // passwords are counted separately
	})
	subtest(t, "guesses in the LAN", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		for range resumeLimit {
			g.wantRefusal(e.withToken(randomToken()), agent.CodeSessionOver)
		}
		g.wantRefusal(e.withToken(randomToken()), agent.CodeTooManyAttempts)
		g.begin(e.withToken(e.ResumeToken))
		if n := len(g.events.find("resume_throttled")); n != 1 {
			g.t.Errorf("%d events", n)
		}
	})
}

// TestConfirmResume: if the store fails, the previous token is void in memory.
func TestConfirmResume(t *testing.T) {
	subtest(t, "the store fails", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		next := g.begin(e.withToken(e.ResumeToken))
		g.memoryStore.failOn("SaveSession")
		g.ConfirmResume(next.Session.ID, next.Connection)
		g.memoryStore.failOn("")
		g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeSessionOver)
		g.wantLive()
	})
}

// TestVoidedInStore: tokens that another process has voided are not written back. While the store cannot be read, no token is
// accepted.
func TestVoidedInStore(t *testing.T) {
	ctx := context.Background()
	subtest(t, "confirm", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		e = g.begin(e.withToken(e.ResumeToken))
		_ = g.memoryStore.VoidResume(ctx, ivan)
		g.ConfirmResume(e.Session.ID, e.Connection)
		if kept := g.memoryStore.session(e.Session.ID).Resume; kept.Current != [32]byte{} || kept.Previous != [32]byte{} {
			g.t.Errorf("the store holds %x", kept)
		}
		g.wantLive(e)
	})
	subtest(t, "the session is gone from the store", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		delete(g.memoryStore.sessions, e.Session.ID)
		var refusal *agent.Error
		if _, err := g.Authorize(ctx, e.withToken(e.ResumeToken)); !errors.As(err, &refusal) || refusal.Code != agent.CodeSessionOver {
			g.t.Errorf("%v", err)
		}
		_ = g.End(ctx, e.Session.ID, agent.ReasonAdmin)
	})
	subtest(t, "the store cannot be read", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.failOn("SessionByResume")
		for _, a := range []Attempt{e.withToken(e.ResumeToken), {Login: "ivan", Password: "right", Peer: e.Peer, Device: e.Device,
			Connection: e.Connection, Current: e.Session.ID}} {
			if _, err := g.Authorize(ctx, a); !errors.Is(err, errFake) {
				g.t.Errorf("%v", err)
			}
		}
		g.memoryStore.failOn("")
		g.wantLive(g.back(e))
	})
}

// TestPasswordRace: a login whose password was checked before a change of the password is refused after it.
func TestPasswordRace(t *testing.T) {
	for name, cut := range map[string]func(*gateway){
		"void":    func(g *gateway) { _ = g.VoidResume(context.Background(), ivan) },
		"end":     func(g *gateway) { g.EndUser(context.Background(), ivan, agent.ReasonDisabled) },
		"changed": func(g *gateway) { g.UserChanged(context.Background(), agent.User{ID: ivan, Enabled: true}) },
	} {
		subtest(t, name, func(g *gateway) {
			g.memoryStore.blockAuthenticate = make(chan struct{})
			refused := make(chan error)
			for _, login := range []string{"ivan", "olga"} {
				go func() {
					_, err := g.Authorize(context.Background(), passwordAttempt(login, map[string]string{"ivan": lanPeer, "olga": "192.168.1.11"}[login], ""))
					refused <- err
				}()
			}
			synctest.Wait()
			cut(g)
			close(g.memoryStore.blockAuthenticate)
			count := map[string]int{}
			for range 2 {
				count[fmt.Sprint(<-refused)]++
			}
			if count["session_over"] != 1 || count["<nil>"] != 1 || len(g.Sessions()) != 1 {
				g.t.Errorf("%v", count)
			}
			if g.pending.cancelled != nil || g.pending.logins != 0 {
				g.t.Errorf("entries without a pending login: %+v", g.pending.cancelled)
			}
			g.memoryStore.blockAuthenticate = nil
			g.begin(passwordAttempt("ivan", lanPeer, ""))
		})
	}
}

func FuzzParseToken(f *testing.F) {
	token, _ := newChainName().next([32]byte{})
	f.Add(token)
	f.Add("")
	f.Add(token[:63] + "=")
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, ok := parseToken(text); ok != (parsed != tokenZero) || ok && len(text) != 64 {
			t.Errorf("%q: %v", text, ok)
		}
	})
}

var tokenZero token

// TestRefusedTokenNoLookup: a malformed or unknown token causes no look-up in the directory.
func TestRefusedTokenNoLookup(t *testing.T) {
	subtest(t, "malformed and unknown", func(g *gateway) {
		unknown, _ := newChainName().next([32]byte{})
		for _, token := range []string{"nonsense", unknown} {
			a := passwordAttempt("ivan", outsidePeer, "laptop")
			a.Password, a.Resume = "", token
			g.wantRefusal(a, agent.CodeSessionOver)
		}
		if g.memoryStore.lookups != 0 {
			g.t.Errorf("%d lookups", g.memoryStore.lookups)
		}
		e := g.begin(passwordAttempt("ivan", outsidePeer, "laptop"))
		before := g.memoryStore.lookups
		g.back(e)
		if g.memoryStore.lookups == before {
			g.t.Errorf("the login with a known token was not looked up")
		}
	})
}
