package access

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"ideco-agent/agent"
)

func TestGrace(t *testing.T) {
	for _, peer := range []string{lanPeer, outsidePeer} {
		subtest(t, "runs out, from "+peer, func(g *gateway) {
			e := g.begin(passwordAttempt("ivan", peer, "a"))
			g.Lost(e.Session.ID, e.Connection)
			advance(30*time.Second - time.Millisecond)
			g.wantLive(e)
			if g.Sessions()[0].State != agent.StateWaiting {
				g.t.Errorf("%v", g.Sessions())
			}
			advance(time.Millisecond)
			g.wantLive()
			if g.reason(e) != agent.ReasonLost || e.endReasons() != "[]" {
				g.t.Errorf("%s, told %s", g.reason(e), e.endReasons())
			}
		})
	}
	subtest(t, "begins anew after each resume", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		for range 5 {
			g.Lost(e.Session.ID, e.Connection)
			advance(20 * time.Second)
			e = g.back(e)
			advance(20 * time.Second)
		}
		g.wantLive(e)
	})
	subtest(t, "none", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.Grace = 0 })
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Lost(e.Session.ID, e.Connection)
		g.wantLive()
		g.back(e)
	})
	subtest(t, "changed meanwhile", func(g *gateway) {
		first, second := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("olga", "192.168.1.11", "a"))
		g.Lost(first.Session.ID, first.Connection)
		g.configure(func(s *agent.Settings) { s.Grace = time.Minute })
		g.Lost(second.Session.ID, second.Connection)
		advance(30 * time.Second)
		g.wantLive(second)
		advance(30 * time.Second)
		g.wantLive()
	})
	subtest(t, "not beyond the length", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.Grace = time.Hour })
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(24*time.Hour - time.Minute)
		g.Lost(e.Session.ID, e.Connection)
		advance(time.Minute)
		g.wantLive()
		if g.reason(e) != agent.ReasonExpired {
			g.t.Errorf("%s", g.reason(e))
		}
	})
}

func TestNotices(t *testing.T) {
	for _, c := range []struct {
		length  time.Duration
		notices string
	}{
		{24 * time.Hour, "[30m0s 5m0s]"},
		{30*time.Minute + time.Second, "[30m0s 5m0s]"},
		{30 * time.Minute, "[5m0s]"},
		{6 * time.Minute, "[5m0s]"},
		{5 * time.Minute, "[]"},
		{3600 * time.Millisecond, "[]"},
	} {
		subtest(t, c.length.String(), func(g *gateway) {
			g.configure(func(s *agent.Settings) { s.SessionLAN = c.length })
			e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
			advance(c.length - time.Millisecond)
			g.wantLive(e)
			advance(time.Millisecond)
			g.wantLive()
			connection := e.Connection.(*agentConnection)
			if fmt.Sprint(connection.notices) != c.notices || connection.endReasons() != "[expired]" || g.reason(e) != agent.ReasonExpired {
				g.t.Errorf("notices %v, told %s", connection.notices, connection.endReasons())
			}
		})
	}
	subtest(t, "not connected", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(23*time.Hour + 29*time.Minute + 50*time.Second)
		g.Lost(e.Session.ID, e.Connection)
		advance(20 * time.Second)
		e = g.back(e)
		advance(30 * time.Minute)
		if notices := e.Connection.(*agentConnection).notices; fmt.Sprint(notices) != "[5m0s]" {
			g.t.Errorf("%v", notices)
		}
	})
	subtest(t, "again after an extension", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(23*time.Hour + 40*time.Minute)
		again := e.Attempt
		again.Current = e.Session.ID
		g.begin(again)
		advance(24 * time.Hour)
		if notices := e.Connection.(*agentConnection).notices; fmt.Sprint(notices) != "[30m0s 30m0s 5m0s]" {
			g.t.Errorf("%v", notices)
		}
	})
	subtest(t, "an extension shorter than a notice", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(time.Hour)
		g.configure(func(s *agent.Settings) { s.SessionLAN = 20 * time.Minute })
		again := e.Attempt
		again.Current = e.Session.ID
		g.begin(again)
		advance(20 * time.Minute)
		if notices := e.Connection.(*agentConnection).notices; fmt.Sprint(notices) != "[5m0s]" {
			g.t.Errorf("%v", notices)
		}
	})
	subtest(t, "a shorter length applies to new logins", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.configure(func(s *agent.Settings) { s.SessionLAN = time.Minute })
		g.Apply(context.Background())
		e = g.back(e)
		advance(23 * time.Hour)
		g.wantLive(e)
	})
}

func TestTunnelUp(t *testing.T) {
	ctx := context.Background()
	up := func(g *gateway, e testSession, key byte) error {
		config, err := g.TunnelUp(ctx, e.Session.ID, e.Connection, agent.Key{key})
		if err == nil && config.Address.Addr() != e.Session.Address {
			g.t.Errorf("%+v", config)
		}
		g.checkInvariants()
		return err
	}
	refused := func(err error, code agent.Code) bool {
		var refusal *agent.Error
		return errors.As(err, &refusal) && refusal.Code == code
	}
	subtest(t, "a key in time", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		advance(tunnelWait - time.Millisecond)
		if err := up(g, e, 1); err != nil {
			g.t.Errorf("%v", err)
		}
		advance(time.Hour)
		g.wantLive(e)
		if s := g.Sessions()[0]; s.Rx == nil || *s.Rx != 1 || *s.Tx != 2 || s.Handshake.IsZero() {
			g.t.Errorf("%+v", s)
		}
		_ = g.End(ctx, e.Session.ID, agent.ReasonAdmin)
		if len(g.fakeTunnel.keys) != 0 {
			g.t.Errorf("the peer outlived its session")
		}
	})
	subtest(t, "no key in time", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		advance(tunnelWait)
		g.wantLive()
		if e.endReasons() != "[idle]" {
			g.t.Errorf("told %s", e.endReasons())
		}
		if ends := g.events.find("session_ended"); len(ends) != 1 || ends[0]["cause"] != "no WireGuard peer" {
			g.t.Errorf("the log does not name the cause: %v", ends)
		}
	})
	subtest(t, "no key in time after a resume", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		_ = up(g, e, 1)
		g.Lost(e.Session.ID, e.Connection)
		e = g.back(e)
		advance(tunnelWait)
		g.wantLive()
	})
	subtest(t, "the connection is lost before the key comes", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.Lost(e.Session.ID, e.Connection)
		advance(tunnelWait + time.Second)
		g.wantLive(e)
	})
	subtest(t, "a second key replaces the first", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		if err := errors.Join(up(g, e, 1), up(g, e, 2)); err != nil || g.fakeTunnel.keys[e.Session.ID] != (agent.Key{2}) {
			g.t.Errorf("%v, %v", err, g.fakeTunnel.keys)
		}
	})
	subtest(t, "a second key cannot be added, and the first is gone", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		_ = up(g, e, 1)
		advance(time.Hour)
		g.fakeTunnel.broken = true
		if err := up(g, e, 2); !errors.Is(err, errFake) {
			g.t.Errorf("%v", err)
		}
		advance(tunnelWait - time.Millisecond)
		g.wantLive(e)
		if err := up(g, e, 3); !errors.Is(err, errFake) { // another try does not move the end
			g.t.Errorf("%v", err)
		}
		advance(time.Millisecond)
		g.wantLive()
	})
	subtest(t, "a third key is added after the second failed", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		_ = up(g, e, 1)
		g.fakeTunnel.broken = true
		_ = up(g, e, 2)
		g.fakeTunnel.broken = false
		_ = up(g, e, 3)
		advance(time.Hour)
		g.wantLive(e)
	})
	subtest(t, "a second key belongs to another session", func(g *gateway) {
		e, other := g.begin(passwordAttempt("ivan", outsidePeer, "a")), g.begin(passwordAttempt("olga", outsidePeer, "b"))
		if err := errors.Join(up(g, e, 1), up(g, other, 2)); err != nil {
			g.t.Errorf("%v", err)
		}
		_ = up(g, e, 2)
		advance(time.Hour)
		g.wantLive(e, other) // each keeps its peer
	})
	subtest(t, "another session's key", func(g *gateway) {
		e, other := g.begin(passwordAttempt("ivan", outsidePeer, "a")), g.begin(passwordAttempt("olga", outsidePeer, "b"))
		_ = up(g, e, 1)
		if err := up(g, other, 1); !refused(err, agent.CodeBadMessage) {
			g.t.Errorf("%v", err)
		}
		advance(tunnelWait)
		g.wantLive(e) // the other session has ended: its key was refused
	})
	subtest(t, "refusals", func(g *gateway) {
		lan, vpn := g.begin(passwordAttempt("olga", lanPeer, "a")), g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		if err := up(g, lan, 1); !refused(err, agent.CodeBadMessage) {
			g.t.Errorf("in the LAN: %v", err)
		}
		if err := up(g, vpn, 0); !refused(err, agent.CodeBadMessage) {
			g.t.Errorf("no key: %v", err)
		}
		vpn.Connection = &agentConnection{}
		if err := up(g, vpn, 1); !errors.Is(err, agent.ErrNotFound) {
			g.t.Errorf("another connection: %v", err)
		}
		g.fakeTunnel.off = true
		vpn.Connection = g.sessions[vpn.Session.ID].connection
		if err := up(g, vpn, 1); !refused(err, agent.CodeVPNUnavailable) {
			g.t.Errorf("no tunnel now: %v", err)
		}
	})
}
