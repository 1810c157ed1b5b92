package access

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

// staff makes a group with these rights and puts ivan into it.
func (g *gateway) staff(r agent.Rights) {
	g.memoryStore.change(ivan, func(u *agent.User) { u.Group = 1 })
	g.groups(agent.Group{ID: 1, Name: "Staff", Rights: r})
}

// groups replaces the groups and returns how many sessions ended.
func (g *gateway) groups(groups ...agent.Group) int {
	return g.GroupsChanged(context.Background(), g.memoryStore.setGroups(groups...))
}

// up brings up the tunnel of a session.
func (g *gateway) up(e testSession, key byte) testSession {
	g.t.Helper()
	if _, err := g.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{key}); err != nil {
		g.t.Errorf("%v", err)
	}
	return e
}

// length returns the length of a live session, and checks that the store has the same end.
func (g *gateway) length(e testSession) time.Duration {
	g.t.Helper()
	for _, s := range g.Sessions() {
		if s.ID == e.Session.ID {
			if kept := g.memoryStore.session(s.ID); !kept.Expires.Equal(s.Expires) {
				g.t.Errorf("the store says %v, the gateway %v", kept.Expires, s.Expires)
			}
			return s.Expires.Sub(s.LoggedIn)
		}
	}
	return 0
}

// TestRightsOfGroups: a login gets the lengths, devices and networks that its groups set. Those that the account sets win.
func TestRightsOfGroups(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	subtest(t, "lengths and networks", func(g *gateway) {
		g.staff(agent.Rights{SessionLAN: 8 * time.Hour, SessionVPN: time.Hour, ForwardNets: nets})
		g.configure(func(s *agent.Settings) { s.ForwardNets = lanNets })
		lan, vpn := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.up(g.begin(passwordAttempt("ivan", outsidePeer, "b")), 1)
		other := g.up(g.begin(passwordAttempt("olga", outsidePeer, "c")), 2)
		if fmt.Sprint(g.length(lan), g.length(vpn), g.length(other)) != "8h0m0s 1h0m0s 12h0m0s" {
			g.t.Errorf("%v, %v, %v", g.length(lan), g.length(vpn), g.length(other))
		}
		if fmt.Sprint(vpn.ForwardNets, other.ForwardNets) != fmt.Sprint(nets, lanNets) {
			g.t.Errorf("%v, %v", vpn.ForwardNets, other.ForwardNets)
		}
		advance(30 * time.Minute)
		again := vpn.Attempt
		again.Current = vpn.Session.ID
		if vpn = g.begin(again); !vpn.Extended || g.length(vpn) != time.Hour || fmt.Sprint(vpn.ForwardNets) != fmt.Sprint(nets) {
			g.t.Errorf("extended to %v with %v", g.length(vpn), vpn.ForwardNets)
		}
		advance(time.Hour)
		g.wantLive(lan, other)
	})
	subtest(t, "the account's own", func(g *gateway) {
		g.staff(agent.Rights{SessionLAN: 8 * time.Hour, ForwardNets: nets})
		g.memoryStore.change(ivan, func(u *agent.User) {
			u.Rights = agent.Rights{SessionLAN: time.Hour, ForwardNets: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
		})
		if e := g.begin(passwordAttempt("ivan", lanPeer, "a")); g.length(e) != time.Hour || e.ForwardNets != nil {
			g.t.Errorf("%v, %v", g.length(e), e.ForwardNets)
		}
	})
	subtest(t, "devices", func(g *gateway) {
		var e []testSession
		for i, device := range []string{"a", "b", "c"} {
			e = append(e, g.begin(passwordAttempt("ivan", fmt.Sprintf("192.168.1.%d", 10+i), device)))
			advance(time.Second)
		}
		g.staff(agent.Rights{Devices: 2})
		g.wantLive(e...) // until the next login
		e = append(e, g.begin(passwordAttempt("ivan", "192.168.1.13", "d")))
		g.wantLive(e[2:]...)
		g.configure(func(s *agent.Settings) { s.DevicePolicy = agent.DeviceRefuse })
		g.wantRefusal(passwordAttempt("ivan", "192.168.1.14", "e"), agent.CodeDeviceLimit)
		g.groups(agent.Group{ID: 1, Rights: agent.Rights{Devices: 9}})
		for i := range 7 {
			g.begin(passwordAttempt("ivan", fmt.Sprintf("192.168.2.%d", i), fmt.Sprint(i)))
		}
		g.wantRefusal(passwordAttempt("ivan", "192.168.1.14", "e"), agent.CodeDeviceLimit)
	})
	subtest(t, "a password checked before the change", func(g *gateway) {
		g.staff(agent.Rights{SessionLAN: 8 * time.Hour})
		proceed, done := make(chan struct{}), make(chan testSession)
		g.memoryStore.blockAuthenticate = proceed
		go func() {
			a := passwordAttempt("ivan", lanPeer, "a")
			grant, _ := g.Authorize(context.Background(), a)
			done <- testSession{grant, a}
		}()
		advance(time.Second)
		g.memoryStore.change(ivan, func(u *agent.User) { u.Rights.SessionLAN = time.Minute })
		proceed <- struct{}{}
		if e := <-done; g.length(e) != time.Minute {
			g.t.Errorf("%v", g.length(e))
		}
	})
	subtest(t, "a store that fails", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.failOn("GroupTree")
		if _, err := g.Authorize(context.Background(), passwordAttempt("ivan", outsidePeer, "b")); err == nil {
			g.t.Errorf("a login without groups")
		}
		g.UserChanged(context.Background(), g.memoryStore.account(ivan))
		g.wantLive(e)
	})
}

// TestRemoteAccessOfGroups: the loss of remote access by a group ends the sessions from outside.
func TestRemoteAccessOfGroups(t *testing.T) {
	yes, no := true, false
	subtest(t, "", func(g *gateway) {
		g.memoryStore.change(petr, func(u *agent.User) { u.RemoteByGroups, u.Group = true, 2 })
		g.wantRefusal(passwordAttempt("petr", outsidePeer, "b"), agent.CodeVPNNotAllowed)
		g.groups(agent.Group{ID: 1, Rights: agent.Rights{RemoteAccess: &yes}}, agent.Group{ID: 2, Parent: 1})
		lan, vpn := g.begin(passwordAttempt("petr", lanPeer, "a")), g.begin(passwordAttempt("petr", outsidePeer, "b"))
		other := g.begin(passwordAttempt("olga", outsidePeer, "c")) // her own choice
		n := g.groups(agent.Group{ID: 1, Rights: agent.Rights{RemoteAccess: &yes}}, agent.Group{ID: 2, Parent: 1, Rights: agent.Rights{RemoteAccess: &no}})
		if n != 1 || g.reason(vpn) != agent.ReasonDisabled {
			g.t.Errorf("%d ended, %s", n, g.reason(vpn))
		}
		g.wantLive(lan, other)
		g.wantRefusal(vpn.Attempt.withToken(vpn.ResumeToken), agent.CodeSessionOver)
	})
}

// TestShorterLengths: where a group or the account sets a shorter length than before, a live session ends no later than its last
// login plus that length. A longer one changes nothing before the next login.
func TestShorterLengths(t *testing.T) {
	hours := func(n time.Duration) agent.Group {
		return agent.Group{ID: 1, Rights: agent.Rights{SessionLAN: n * time.Hour}}
	}
	subtest(t, "a live session", func(g *gateway) {
		g.staff(agent.Rights{})
		e, other := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("olga", "192.168.1.11", "b"))
		advance(2 * time.Hour)
		if n := g.groups(hours(8)); n != 0 || g.length(e) != 8*time.Hour || g.length(other) != 24*time.Hour {
			g.t.Errorf("%d ended, %v, %v", n, g.length(e), g.length(other))
		}
		if n := g.groups(hours(30)); n != 0 || g.length(e) != 8*time.Hour {
			g.t.Errorf("%d ended, %v", n, g.length(e))
		}
		advance(6 * time.Hour)
		g.wantLive(other)
		if g.reason(e) != agent.ReasonExpired || fmt.Sprint(e.Connection.(*agentConnection).notices) != "[30m0s 5m0s]" {
			g.t.Errorf("%s, %v", g.reason(e), e.Connection.(*agentConnection).notices)
		}
	})
	subtest(t, "over already", func(g *gateway) {
		g.staff(agent.Rights{})
		e, vpn := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.up(g.begin(passwordAttempt("ivan", outsidePeer, "b")), 1)
		advance(2 * time.Hour)
		if n := g.groups(hours(1)); n != 1 || g.reason(e) != agent.ReasonExpired || e.endReasons() != "[expired]" {
			g.t.Errorf("%d ended, %s, %s", n, g.reason(e), e.endReasons())
		}
		g.wantLive(vpn)
		g.wantRefusal(e.Attempt.withToken(e.ResumeToken), agent.CodeSessionOver)
	})
	subtest(t, "soon over", func(g *gateway) {
		g.staff(agent.Rights{})
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		advance(2*time.Hour + time.Minute)
		g.groups(agent.Group{ID: 1, Rights: agent.Rights{SessionLAN: 2*time.Hour + 4*time.Minute}})
		advance(0)
		if fmt.Sprint(e.Connection.(*agentConnection).notices) != "[3m0s]" {
			g.t.Errorf("%v", e.Connection.(*agentConnection).notices)
		}
		advance(3 * time.Minute)
		g.wantLive()
	})
	subtest(t, "another group", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.groups(hours(8))
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.Group = 1 })
		if n := g.UserChanged(context.Background(), u); n != 0 || g.length(e) != 8*time.Hour {
			g.t.Errorf("%d ended, %v", n, g.length(e))
		}
		advance(9 * time.Hour)
		g.wantLive()
	})
	subtest(t, "out of a group with a longer one", func(g *gateway) {
		g.staff(hours(100).Rights)
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.groups()
		if g.length(e) != 24*time.Hour {
			g.t.Errorf("%v", g.length(e))
		}
	})
	subtest(t, "out of it after a restart", func(g *gateway) {
		g.staff(hours(100).Rights)
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.restart()
		g.groups()
		if g.length(e) != 24*time.Hour {
			g.t.Errorf("%v", g.length(e))
		}
	})
	subtest(t, "out of it while no session lives", func(g *gateway) {
		g.staff(hours(100).Rights)
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Lost(e.Session.ID, e.Connection)
		advance(time.Hour)
		g.wantLive()
		g.groups()
		if e = g.begin(e.Attempt.withToken(e.ResumeToken)); g.length(e) != 24*time.Hour {
			g.t.Errorf("%v", g.length(e))
		}
	})
	subtest(t, "a resume", func(g *gateway) {
		g.staff(agent.Rights{})
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.setGroups(hours(8)) // as before GroupsChanged
		if e = g.begin(e.Attempt.withToken(e.ResumeToken)); g.length(e) != 8*time.Hour {
			g.t.Errorf("%v", g.length(e))
		}
		g.groups(hours(100))
		if e = g.begin(e.Attempt.withToken(e.ResumeToken)); g.length(e) != 8*time.Hour {
			g.t.Errorf("a resume lengthens to %v", g.length(e))
		}
	})
	subtest(t, "a restart between the store and the sessions", func(g *gateway) {
		g.staff(agent.Rights{})
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.setGroups(hours(8))
		g.restart()
		g.wantLive(e)
		advance(0)
		if s := g.Sessions()[0]; s.Expires.Sub(s.LoggedIn) != 8*time.Hour {
			g.t.Errorf("%v", s.Expires.Sub(s.LoggedIn))
		}
	})
	subtest(t, "the settings", func(g *gateway) {
		g.staff(agent.Rights{Devices: 3})
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.configure(func(s *agent.Settings) { s.SessionLAN = time.Hour })
		g.Apply(context.Background())
		if n := g.groups(agent.Group{ID: 1, Comment: "changed"}); n != 0 || g.length(e) != 24*time.Hour {
			g.t.Errorf("%d ended, %v", n, g.length(e))
		}
	})
	subtest(t, "a store that fails", func(g *gateway) {
		g.staff(agent.Rights{})
		g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.failOn("SaveSession")
		g.groups(hours(8))
		g.memoryStore.failOn("")
		advance(9 * time.Hour)
		g.wantLive()
	})
}

// TestEndingUnder: what a question says before a change of groups or of an account is what ends then.
func TestEndingUnder(t *testing.T) {
	yes, no := true, false
	subtest(t, "", func(g *gateway) {
		g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteByGroups, u.Group = true, 1 })
		g.groups(agent.Group{ID: 1, Rights: agent.Rights{RemoteAccess: &yes}})
		lan, vpn := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.up(g.begin(passwordAttempt("ivan", outsidePeer, "b")), 1)
		other := g.begin(passwordAttempt("olga", "192.168.1.11", "c"))
		advance(2 * time.Hour)
		users := []agent.User{g.memoryStore.account(ivan), g.memoryStore.account(olga), g.memoryStore.account(petr)}
		for _, c := range []struct {
			rights agent.Rights
			n      int
		}{{agent.Rights{RemoteAccess: &yes, SessionLAN: time.Hour}, 1}, {agent.Rights{RemoteAccess: &yes, SessionVPN: time.Hour}, 1},
			{agent.Rights{RemoteAccess: &yes, SessionLAN: time.Hour, SessionVPN: time.Hour}, 2}, {agent.Rights{RemoteAccess: &no}, 1}, {agent.Rights{}, 1},
			{agent.Rights{RemoteAccess: &no, SessionLAN: 2 * time.Hour}, 2}, {agent.Rights{RemoteAccess: &yes, SessionLAN: 3 * time.Hour, Devices: 1}, 0}} {
			ending := g.EndingUnder(agent.NewGroupTree([]agent.Group{{ID: 1, Rights: c.rights}}), users)
			if ending[ivan] != c.n || ending[olga]+ending[petr] != 0 {
				g.t.Errorf("%+v: %v, want %d", c.rights, ending, c.n)
			}
		}
		users[0].Enabled = false
		if ending := g.EndingUnder(agent.GroupTree{}, users); ending[ivan] != 2 {
			g.t.Errorf("switched off: %v", ending)
		}
		g.wantLive(lan, vpn, other)
		g.memoryStore.change(ivan, func(u *agent.User) { u.RemoteByGroups, u.RemoteAccess = false, true })
		if n := g.groups(agent.Group{ID: 1, Rights: agent.Rights{SessionLAN: time.Hour}}); n != 1 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(vpn, other)
	})
}
