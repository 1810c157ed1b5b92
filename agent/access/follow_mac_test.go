package access

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// reportMACChange makes ChangedMACs of the firewall return a change of a session's MAC. from and to are the last bytes of the two MACs.
func (g *gateway) reportMACChange(e testSession, from, to byte) {
	g.fakeFirewall.mu.Lock()
	defer g.fakeFirewall.mu.Unlock()
	g.fakeFirewall.changed = []agent.MACChange{{Session: e.Session.ID, From: net.HardwareAddr{2, 0, 0, 0, 0, from}, To: net.HardwareAddr{2, 0, 0, 0, 0, to}}}
}

// wantMACChanges checks how often MACs of sessions were changed.
func (g *gateway) wantMACChanges(what string, want int) {
	g.t.Helper()
	synctest.Wait()
	g.fakeFirewall.mu.Lock()
	got := len(g.fakeFirewall.macChanges)
	g.fakeFirewall.mu.Unlock()
	if got != want {
		g.t.Errorf("%s: %d changes of the MAC, want %d", what, got, want)
	}
	if logged := len(g.events.find("mac_changed")); logged != want {
		g.t.Errorf("%s: %d changes are logged, want %d", what, logged, want)
	}
	g.checkInvariants()
}

// following runs FollowMACs during a test.
func following(t *testing.T, name string, body func(*gateway)) {
	subtest(t, name, func(g *gateway) {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- g.FollowMACs(ctx) }()
		body(g)
		stop()
		if err := <-done; err != nil {
			g.t.Errorf("%v", err)
		}
	})
}

// TestFollowMAC: a session follows its computer after an answered ping, at most once in 30 s, and its further addresses must
// be proved again.
func TestFollowMAC(t *testing.T) {
	following(t, "a new MAC", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		connection := e.Connection.(*agentConnection)
		g.mustProve(e, further1)
		g.reportMACChange(e, 1, 2)
		advance(macEvery)
		g.wantMACChanges("a new MAC", 1)
		g.wantFurther(e)
		if connection.pings != 1 || connection.provesAgain != 1 || e.endReasons() != "[]" {
			g.t.Errorf("%d pings, %d calls of ProveAgain, ended: %s", connection.pings, connection.provesAgain, e.endReasons())
		}
		if lines := g.events.find("mac_changed"); len(lines) != 1 || lines[0]["level"] != "WARN" || lines[0]["session"] != e.Session.ID ||
			lines[0]["mac"] != "02:00:00:00:00:02" || lines[0]["former_mac"] != "02:00:00:00:00:01" {
			g.t.Errorf("%v", lines)
		}
		g.reportMACChange(e, 2, 1) // it comes back to its first MAC
		advance(macAgain - macEvery)
		g.wantMACChanges("back within 30 s", 1)
		advance(macEvery)
		g.wantMACChanges("back after 30 s", 2)
	})
	following(t, "the limit survives a resume", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.reportMACChange(e, 1, 2)
		advance(macEvery)
		g.wantMACChanges("a new MAC", 1)
		e = g.begin(e.withToken(e.ResumeToken))
		g.reportMACChange(e, 2, 1)
		advance(macAgain - macEvery)
		g.wantMACChanges("after a resume", 1)
	})
}

// TestMACNotFollowed: a session keeps its MAC if its agent sends no pong or has no connection, while the former MAC answers, if the
// session is in the tunnel, and while the firewall fails.
func TestMACNotFollowed(t *testing.T) {
	following(t, "no pong", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		e.Connection.(*agentConnection).silent = true
		g.reportMACChange(e, 1, 2)
		advance(10 * macEvery)
		g.wantMACChanges("without a pong", 0)
	})
	following(t, "the former MAC answers", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.fakeFirewall.formerAnswers = true
		g.reportMACChange(e, 1, 2)
		advance(10 * macEvery)
		g.wantMACChanges("a relaying spoofer", 0)
		g.wantFurther(e, further1)
		if lines := g.events.find("mac_refused"); len(lines) != 1 || lines[0]["mac"] != "02:00:00:00:00:02" || lines[0]["former_mac"] != "02:00:00:00:00:01" {
			g.t.Errorf("%v", lines)
		}
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.formerAnswers = false
		g.fakeFirewall.mu.Unlock()
		advance(macEvery)
		g.wantMACChanges("when it answers no more", 1)
	})
	following(t, "no connection", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Lost(e.Session.ID, e.Connection)
		g.reportMACChange(e, 1, 2)
		advance(5 * macEvery)
		g.wantMACChanges("a waiting session", 0)
	})
	following(t, "in the tunnel", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		g.reportMACChange(e, 1, 2)
		advance(2 * macEvery)
		g.wantMACChanges("a session in the tunnel", 0)
	})
	following(t, "the firewall fails", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.broken = true
		g.fakeFirewall.mu.Unlock()
		g.reportMACChange(e, 1, 2)
		advance(macEvery)
		g.wantMACChanges("while it fails", 0)
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.broken = false
		g.fakeFirewall.mu.Unlock()
		advance(macEvery)
		g.wantMACChanges("when it works again", 1)
	})
}

// TestMACProvedByOldConnection: a pong counts only while its connection still has the session.
func TestMACProvedByOldConnection(t *testing.T) {
	following(t, "resumed meanwhile", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		pong := make(chan struct{})
		e.Connection.(*agentConnection).pong = pong
		g.reportMACChange(e, 1, 2)
		advance(macEvery)
		e = g.begin(e.withToken(e.ResumeToken))
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.changed = nil
		g.fakeFirewall.mu.Unlock()
		close(pong)
		g.wantMACChanges("a pong of the former connection", 0)
	})
	following(t, "a slow pong", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		e.Connection.(*agentConnection).pong = make(chan struct{})
		g.reportMACChange(e, 1, 2)
		advance(macEvery + pingTimeout - time.Second)
		if pings := e.Connection.(*agentConnection).pings; pings != 1 {
			g.t.Errorf("%d pings at once", pings)
		}
		advance(2 * time.Second)
		g.wantMACChanges("no pong in time", 0)
	})
}

// TestManyMACChanges: at most maxChecks changed MACs are checked at the same time, so that a computer that claims the addresses of all
// sessions does not use up the file descriptors.
func TestManyMACChanges(t *testing.T) {
	following(t, "no pongs", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 200 })
		var changed []agent.MACChange
		for i := range 3 * maxChecks {
			e := g.begin(passwordAttempt("ivan", fmt.Sprintf("192.168.1.%d", 100+i), fmt.Sprint(i)))
			e.Connection.(*agentConnection).pong = make(chan struct{})
			changed = append(changed, agent.MACChange{Session: e.Session.ID, From: net.HardwareAddr{2, 0, 0, 0, 0, 1}, To: net.HardwareAddr{2, 0, 0, 0, 0, 2}})
		}
		g.fakeFirewall.mu.Lock()
		g.fakeFirewall.changed = changed
		g.fakeFirewall.mu.Unlock()
		advance(10 * pingTimeout)
		g.fakeFirewall.mu.Lock()
		defer g.fakeFirewall.mu.Unlock()
		if g.fakeFirewall.mostProofs != maxChecks {
			g.t.Errorf("%d checks at the same time, want %d", g.fakeFirewall.mostProofs, maxChecks)
		}
	})
}
