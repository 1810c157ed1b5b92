package access

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

var ruleAddress = netip.MustParseAddr(lanPeer)

func ivansRule() []StaticSession { return []StaticSession{{User: ivan, Address: ruleAddress, Rule: 1}} }

// staticAt returns the session of KindStatic at an address.
func (g *gateway) staticAt(a netip.Addr) testSession {
	g.t.Helper()
	s, ok := g.SessionAt(a)
	if !ok || s.Kind != agent.KindStatic {
		g.t.Fatalf("no static session at %v but %+v", a, s)
	}
	return testSession{Grant: Grant{Session: s.Session}}
}

func TestSetStatic(t *testing.T) {
	ctx := context.Background()
	subtest(t, "begins and ends", func(g *gateway) {
		started := now()
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		want := agent.Session{ID: s.Session.ID, UserID: ivan, Login: "ivan", Name: "IVAN", Directory: agent.LocalDirectory, Kind: agent.KindStatic,
			Address: ruleAddress, ExternalIP: ruleAddress, Inside: true, Started: started, LoggedIn: started, Way: agent.WayRule}
		if s.Session != want || !g.IsConnected(ruleAddress) {
			g.t.Errorf("%+v", s.Session)
		}
		advance(30 * 24 * time.Hour)
		g.SetStatic(ctx, ivansRule())
		g.wantLive(s)
		g.SetStatic(ctx, nil)
		g.wantLive()
		if g.reason(s) != agent.ReasonAdmin {
			g.t.Errorf("%s", g.reason(s))
		}
	})
	subtest(t, "silent", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		set := ivansRule()
		set[0].Silent = true
		for range 2 {
			g.SetStatic(ctx, set)
			g.wantLive()
		}
		if g.reason(s) != agent.ReasonIdle {
			g.t.Errorf("%s", g.reason(s))
		}
	})
	subtest(t, "many at once", func(g *gateway) {
		var set []StaticSession
		for i := range 3*staticAtOnce + 1 {
			set = append(set, StaticSession{User: ivan, Address: netip.AddrFrom4([4]byte{192, 168, 2, byte(i)})})
		}
		g.SetStatic(ctx, set)
		if n := len(g.Sessions()); n != len(set) {
			g.t.Errorf("%d of %d", n, len(set))
		}
		g.checkInvariants()
	})
	subtest(t, "an administrator ends the sessions of the account", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s, lan := g.staticAt(ruleAddress), g.begin(passwordAttempt("ivan", "192.168.1.12", "a"))
		g.wantLive(s, lan)
		if n := g.EndUser(ctx, ivan, agent.ReasonAdmin); n != 1 || g.fakeFirewall.cuts[ruleAddress] != 0 {
			g.t.Errorf("%d ended, %v", n, g.fakeFirewall.cuts)
		}
		g.wantLive(s)
		g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
		if n := g.EndUser(ctx, ivan, agent.ReasonDisabled); n != 1 {
			g.t.Errorf("%d ended with the account", n)
		}
		g.wantLive()
	})
	subtest(t, "another user or MAC", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		first := g.staticAt(ruleAddress)
		set := ivansRule()
		set[0].MAC = "02:00:00:00:00:01"
		g.SetStatic(ctx, set)
		if s := g.staticAt(ruleAddress); s.Session.ID != first.Session.ID || g.fakeFirewall.grantedMACs[ruleAddress] != set[0].MAC ||
			g.memoryStore.session(s.Session.ID).MACStored != set[0].MAC {
			g.t.Errorf("%+v, %v", s.Session, g.fakeFirewall.grantedMACs)
		}
		set[0].User = olga
		g.SetStatic(ctx, set)
		g.wantLive(g.staticAt(ruleAddress))
		if g.reason(first) != agent.ReasonAdmin || g.staticAt(ruleAddress).Session.UserID != olga {
			g.t.Errorf("%s", g.reason(first))
		}
	})
	subtest(t, "outside the LAN", func(g *gateway) {
		g.SetStatic(ctx, []StaticSession{{User: ivan, Address: netip.MustParseAddr(outsidePeer)}, {User: ivan, Address: netip.MustParseAddr("10.128.0.9")}, {User: ivan}})
		g.wantLive()
	})
	subtest(t, "the switch of the agent", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		g.configure(func(s *agent.Settings) { s.Enabled, s.LocalTunnel = false, true })
		g.Apply(ctx)
		g.wantLive(s)
		g.restart()
		g.wantLive(s)
		g.configure(func(s *agent.Settings) { s.LocalNetworks = nil })
		g.Apply(ctx)
		g.wantLive()
		if g.reason(s) != agent.ReasonAdmin {
			g.t.Errorf("%s", g.reason(s))
		}
	})
	subtest(t, "no limit of devices", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = 1 })
		g.SetStatic(ctx, append(ivansRule(), StaticSession{User: ivan, Address: netip.MustParseAddr("192.168.1.11")}))
		first, second := g.staticAt(ruleAddress), g.staticAt(netip.MustParseAddr("192.168.1.11"))
		lan := g.begin(passwordAttempt("ivan", "192.168.1.12", "a"))
		g.wantLive(first, second, lan)
	})
}

// TestStaticAndLogin: the agent of the rule's person replaces the static session without a cut, and the rule gives access again when the
// agent's session ends. Other persons are refused.
func TestStaticAndLogin(t *testing.T) {
	ctx := context.Background()
	subtest(t, "the person's agent", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		static := g.staticAt(ruleAddress)
		lan := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.wantLive(lan)
		if g.reason(static) != agent.ReasonReplaced || g.fakeFirewall.cuts[ruleAddress] != 0 {
			g.t.Errorf("%s, %v", g.reason(static), g.fakeFirewall.cuts)
		}
		g.SetStatic(ctx, ivansRule())
		g.wantLive(lan)
		g.Logout(lan.Session.ID, lan.Connection)
		g.wantLive(g.staticAt(ruleAddress))
	})
	subtest(t, "the person's agent moves away", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		lan := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.Lost(lan.Session.ID, lan.Connection)
		lan = g.begin(lan.fromPeer("192.168.1.11").withToken(lan.ResumeToken))
		g.wantLive(lan, g.staticAt(ruleAddress))
	})
	subtest(t, "the person's browser", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		static := g.staticAt(ruleAddress)
		if s := g.beginWeb("ivan", lanPeer); s.Session.ID != static.Session.ID {
			g.t.Errorf("%+v", s.Session)
		}
		g.wantLive(static)
	})
	subtest(t, "other persons", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		g.wantRefusal(passwordAttempt("olga", lanPeer, "a"), agent.CodeAddressBusy)
		_, err := g.signInBrowser("olga", lanPeer)
		g.wantCode(err, agent.CodeAddressBusy)
		g.wantLive(g.staticAt(ruleAddress))
	})
	subtest(t, "another person has the address", func(g *gateway) {
		lan := g.begin(passwordAttempt("olga", lanPeer, "a"))
		g.SetStatic(ctx, ivansRule())
		g.wantLive(lan)
		g.Lost(lan.Session.ID, lan.Connection)
		advance(time.Minute)
		g.wantLive(g.staticAt(ruleAddress))
	})
	subtest(t, "a failed takeover", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		g.memoryStore.failOn("SaveSession")
		if _, err := g.Authorize(ctx, passwordAttempt("ivan", lanPeer, "a")); err == nil {
			g.t.Errorf("no error")
		}
		g.memoryStore.failOn("")
		g.wantLive(g.staticAt(ruleAddress))
	})
}

func TestStaticAccount(t *testing.T) {
	ctx := context.Background()
	subtest(t, "disabled and enabled", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		g.UserChanged(ctx, g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false }))
		g.wantLive()
		if g.reason(s) != agent.ReasonDisabled {
			g.t.Errorf("%s", g.reason(s))
		}
		g.UserChanged(ctx, g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = true }))
		g.wantLive(g.staticAt(ruleAddress))
	})
	subtest(t, "deleted with its rules", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		g.memoryStore.mu.Lock()
		delete(g.memoryStore.users, ivan)
		g.memoryStore.mu.Unlock()
		g.SetStatic(ctx, nil)
		if g.reason(s) != agent.ReasonDisabled {
			g.t.Errorf("%s", g.reason(s))
		}
	})
	subtest(t, "an administrator ends the session of a rule", func(g *gateway) {
		g.SetStatic(ctx, ivansRule())
		s := g.staticAt(ruleAddress)
		if err := g.End(ctx, s.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Errorf("%v", err)
		}
		if again := g.staticAt(ruleAddress); again.Session.ID == s.Session.ID {
			g.t.Errorf("%+v", again)
		}
	})
}

// TestStaticFailures: a session that store or firewall refused begins with the next call.
func TestStaticFailures(t *testing.T) {
	ctx := context.Background()
	for _, method := range []string{"SaveSession", "User", "GroupTree", ""} {
		subtest(t, "of "+method, func(g *gateway) {
			g.memoryStore.failOn(method)
			g.fakeFirewall.broken = method == ""
			g.SetStatic(ctx, ivansRule())
			g.wantLive()
			g.memoryStore.failOn("")
			g.fakeFirewall.broken = false
			g.SetStatic(ctx, ivansRule())
			g.wantLive(g.staticAt(ruleAddress))
		})
	}
}
