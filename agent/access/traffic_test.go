package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ideco-agent/agent"
)

// counts returns the stored bytes from and to the person of a session.
func (g *gateway) counts(e testSession) [2]uint64 {
	s := g.memoryStore.session(e.Session.ID)
	return [2]uint64{s.RxStored, s.TxStored}
}

func TestTraffic(t *testing.T) {
	ctx := context.Background()
	subtest(t, "at the end", func(g *gateway) {
		lan, web := g.begin(passwordAttempt("petr", lanPeer, "a")), g.beginWeb("olga", "192.168.1.11")
		g.setTraffic(lan.Session.ID, 100, 1000)
		g.setTraffic(web.Session.ID, 7, 8)
		g.Logout(lan.Session.ID, lan.Connection)
		if s := g.memoryStore.session(lan.Session.ID); g.counts(lan) != [2]uint64{100, 1000} || s.MACStored != "02:00:00:00:00:0a" {
			g.t.Errorf("%+v", s)
		}
		if !slices.Equal(g.fakeFirewall.recounts, []string{lan.Session.ID}) {
			g.t.Errorf("recounted: %v", g.fakeFirewall.recounts)
		}
		g.EndUser(ctx, olga, agent.ReasonAdmin)
		if g.counts(web) != [2]uint64{7, 8} {
			g.t.Errorf("%v", g.counts(web))
		}
	})
	subtest(t, "of a session that is taken over", func(g *gateway) {
		web := g.beginWeb("petr", lanPeer)
		g.setTraffic(web.Session.ID, 7, 8)
		g.begin(passwordAttempt("petr", lanPeer, "a"))
		if g.counts(web) != [2]uint64{7, 8} {
			g.t.Errorf("%v", g.counts(web))
		}
	})
	subtest(t, "while it is live", func(g *gateway) {
		defer g.record()()
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.setTraffic(lan.Session.ID, 100, 1000)
		advance(saveCountsEvery)
		if g.counts(lan) != [2]uint64{100, 1000} || !g.memoryStore.session(lan.Session.ID).Ended.IsZero() {
			g.t.Errorf("%v", g.counts(lan))
		}
		g.memoryStore.failOn("SaveCounts")
		g.setTraffic(lan.Session.ID, 200, 2000)
		advance(saveCountsEvery)
		g.memoryStore.failOn("")
		advance(saveCountsEvery)
		if g.counts(lan) != [2]uint64{200, 2000} {
			g.t.Errorf("%v after a failure", g.counts(lan))
		}
	})
	subtest(t, "an extended session keeps its counts", func(g *gateway) {
		web := g.beginWeb("petr", lanPeer)
		g.setTraffic(web.Session.ID, 100, 1000)
		g.count()
		g.saveCounts(ctx)
		g.beginWeb("petr", lanPeer)
		if g.counts(web) != [2]uint64{100, 1000} {
			g.t.Errorf("%v", g.counts(web))
		}
	})
	subtest(t, "after a shutdown", func(g *gateway) {
		lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.setTraffic(lan.Session.ID, 100, 1000)
		if err := g.Shutdown(ctx); err != nil || g.counts(lan) != [2]uint64{100, 1000} {
			g.t.Errorf("%v, %v", g.counts(lan), err)
		}
		g.restart()
	})
	for _, c := range []struct {
		name    string
		counter uint64 // after the restart
		want    uint64 // after 50 more bytes
	}{
		{"the kernel kept the counter", 120, 170},
		{"the counter restarted", 20, 150},
	} {
		subtest(t, "kill -9: "+c.name, func(g *gateway) {
			lan := g.begin(passwordAttempt("petr", lanPeer, "a"))
			g.setTraffic(lan.Session.ID, 100, 0)
			g.count()
			g.saveCounts(ctx)
			g.setTraffic(lan.Session.ID, c.counter, 0)
			g.restart()
			g.setTraffic(lan.Session.ID, c.counter+50, 0)
			lan = g.back(lan)
			if s := g.Sessions()[0]; *s.Rx != c.want {
				g.t.Errorf("%d live", *s.Rx)
			}
			g.Logout(lan.Session.ID, lan.Connection)
			if g.counts(lan)[0] != c.want {
				g.t.Errorf("%v", g.counts(lan))
			}
		})
	}
	subtest(t, "of a tunnel, with a restart", func(g *gateway) {
		vpn := g.begin(passwordAttempt("ivan", outsidePeer, "a"))
		up := func() {
			if _, err := g.TunnelUp(ctx, vpn.Session.ID, vpn.Connection, agent.Key{1}); err != nil {
				g.t.Fatalf("%v", err)
			}
		}
		up()
		g.count()
		g.saveCounts(ctx)
		g.restart()
		vpn = g.back(vpn)
		up()
		g.Logout(vpn.Session.ID, vpn.Connection)
		if g.counts(vpn) != [2]uint64{2, 4} { // each tunnel counts 1 and 2
			g.t.Errorf("%v", g.counts(vpn))
		}
	})
	subtest(t, "of a session that moves into the tunnel", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.setTraffic(e.Session.ID, 100, 1000)
		g.Lost(e.Session.ID, e.Connection)
		e = g.begin(e.fromPeer(outsidePeer).withToken(e.ResumeToken))
		g.count()
		if _, err := g.TunnelUp(ctx, e.Session.ID, e.Connection, agent.Key{1}); err != nil {
			g.t.Fatalf("%v", err)
		}
		g.Lost(e.Session.ID, e.Connection)
		e = g.begin(e.fromPeer("192.168.1.11").withToken(e.ResumeToken))
		g.setTraffic(e.Session.ID, 10, 10)
		g.Logout(e.Session.ID, e.Connection)
		if g.counts(e) != [2]uint64{111, 1012} {
			g.t.Errorf("%v", g.counts(e))
		}
	})
	subtest(t, "of an ended session that is resumed", func(g *gateway) {
		e := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.setTraffic(e.Session.ID, 100, 1000)
		g.Lost(e.Session.ID, e.Connection)
		advance(time.Hour)
		g.setTraffic(e.Session.ID, 5, 6)
		e = g.begin(e.withToken(e.ResumeToken))
		g.Logout(e.Session.ID, e.Connection)
		if g.counts(e) != [2]uint64{105, 1006} {
			g.t.Errorf("%v", g.counts(e))
		}
	})
}

// withToken is Attempt.withToken.
func (e testSession) withToken(token string) Attempt { return e.Attempt.withToken(token) }

func TestWayOfLogin(t *testing.T) {
	subtest(t, "kept by a resume and changed by a login", func(g *gateway) {
		a := passwordAttempt("petr", lanPeer, "a")
		a.Ticket, a.Password = []byte("petr"), ""
		e := g.begin(a)
		if e.Session.Way != agent.WayTicket {
			g.t.Errorf("%q", e.Session.Way)
		}
		e = g.begin(passwordAttempt("petr", lanPeer, "a").withToken(e.ResumeToken))
		if e.Session.Way != agent.WayTicket {
			g.t.Errorf("%q after a resume", e.Session.Way)
		}
		longer := e.Attempt
		longer.Resume, longer.Password, longer.Current = "", "right", e.Session.ID
		if e = g.begin(longer); e.Session.Way != agent.WayPassword || !e.Extended {
			g.t.Errorf("%+v", e.Grant)
		}
	})
}

func TestRefusedAttempts(t *testing.T) {
	ctx := context.Background()
	wrong := func(g *gateway, login, peer string) {
		a := passwordAttempt(login, peer, "a")
		a.Password = "wrong"
		if _, err := g.Authorize(ctx, a); err == nil {
			g.t.Errorf("no error")
		}
	}
	subtest(t, "of agents and browsers", func(g *gateway) {
		defer g.record()()
		wrong(g, "petr", lanPeer)
		g.wantRefusal(passwordAttempt("petr", outsidePeer, "b"), agent.CodeVPNNotAllowed)
		g.begin(passwordAttempt("olga", "192.168.1.11", "c"))
		_, err := g.signInBrowser("petr", "192.168.1.11")
		g.wantCode(err, agent.CodeAddressBusy)
		advance(time.Second)
		type row struct {
			login string
			user  agent.UserID
			peer  string
			name  string
			way   agent.Way
			code  agent.Code
		}
		var got []row
		for _, r := range g.memoryStore.refused {
			got = append(got, row{r.Login, r.UserID, r.Peer.Addr.String(), r.Device.ID + r.Device.Name, r.Way, r.Code})
		}
		if want := []row{{"petr", 0, lanPeer, "a", agent.WayPassword, agent.CodeBadCredentials},
			{"petr", petr, outsidePeer, "b", agent.WayPassword, agent.CodeVPNNotAllowed},
			{"petr", petr, "192.168.1.11", "Firefox", agent.WayBrowser, agent.CodeAddressBusy}}; !slices.Equal(got, want) {
			g.t.Errorf("%+v", got)
		}
	})
	subtest(t, "but not of forms without a login or a password", func(g *gateway) {
		defer g.record()()
		for _, login := range []string{"petr", "", " "} {
			for _, password := range []string{"", "wrong"} {
				if login == "petr" && password != "" {
					continue
				}
				_, err := g.AuthorizeBrowser(ctx, BrowserAttempt{Login: login, Password: password, Peer: g.peer(netip.MustParseAddr(lanPeer))})
				g.wantCode(err, agent.CodeBadCredentials)
				a := passwordAttempt(login, lanPeer, "a")
				a.Password = password
				g.wantRefusal(a, agent.CodeBadCredentials)
			}
		}
		advance(time.Second)
		if len(g.memoryStore.refused) > 0 {
			g.t.Errorf("stored: %+v", g.memoryStore.refused)
		}
	})
	subtest(t, "one a minute for each network, login and code", func(g *gateway) {
		defer g.record()()
		for range 3 {
			wrong(g, "petr", lanPeer)
		}
		wrong(g, "petr", "192.168.1.11")
		wrong(g, "olga", lanPeer)
		advance(refusedEvery)
		wrong(g, "petr", lanPeer)
		advance(time.Second)
		if n := len(g.memoryStore.refused); n != 4 {
			g.t.Errorf("%d stored", n)
		}
	})
	subtest(t, "60 a minute in all", func(g *gateway) {
		defer g.record()()
		for i := range 100 {
			g.refused.add(agent.RefusedAttempt{Peer: agent.Peer{Addr: netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}), Inside: true}}, agent.Refuse(agent.CodeBadCredentials))
		}
		advance(time.Second)
		if n := len(g.memoryStore.refused); n != maxRefused {
			g.t.Errorf("%d stored", n)
		}
		if n := len(g.refused.recent); n > maxRefused {
			g.t.Errorf("%d are remembered", n)
		}
	})
	subtest(t, "a flood hides nobody else", func(g *gateway) {
		defer g.record()()
		inside := agent.Peer{Addr: netip.MustParseAddr("192.168.1.77"), Inside: true}
		for i := range 100 { // of strangers, of one stranger with many logins, of an employee with many logins
			login := fmt.Sprint("login", i)
			g.refused.add(agent.RefusedAttempt{Login: login, Peer: agent.Peer{Addr: netip.MustParseAddr("198.51.100.7")}}, agent.Refuse(agent.CodeTooManyAttempts))
			g.refused.add(agent.RefusedAttempt{Peer: agent.Peer{Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}}, agent.Refuse(agent.CodeBadCredentials))
		}
		wrong(g, "petr", lanPeer)
		for i := range 100 {
			g.refused.add(agent.RefusedAttempt{Login: fmt.Sprint("login", i), Peer: inside}, agent.Refuse(agent.CodeTooManyAttempts))
		}
		advance(refusedEvery)
		for i := range 100 {
			g.refused.add(agent.RefusedAttempt{Login: fmt.Sprint("login", i), Peer: inside}, agent.Refuse(agent.CodeTooManyAttempts))
		}
		wrong(g, "olga", lanPeer)
		wrong(g, "olga", outsidePeer)
		advance(time.Second)
		stored := map[string]bool{}
		for _, r := range g.memoryStore.refused {
			stored[r.Login+" "+r.Peer.Addr.String()] = true
		}
		for _, want := range []string{"petr " + lanPeer, "olga " + lanPeer, "olga " + outsidePeer} {
			if !stored[want] {
				g.t.Errorf("%s is not stored", want)
			}
		}
	})
	subtest(t, "a store that hangs delays nothing", func(g *gateway) {
		g.memoryStore.blockAddRefused = make(chan struct{})
		defer g.record()()
		for i := range 10 * maxRefused {
			if i%maxRefused == 0 {
				advance(refusedEvery)
			}
			began := time.Now()
			g.refused.add(agent.RefusedAttempt{Peer: agent.Peer{Addr: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})}}, agent.Refuse(agent.CodeBadCredentials))
			if time.Since(began) != 0 {
				g.t.Fatalf("it waited")
			}
		}
		g.begin(passwordAttempt("petr", lanPeer, "a"))
	})
	subtest(t, "left out", func(g *gateway) {
		defer g.record()()
		e := g.begin(passwordAttempt("petr", lanPeer, "a"))
		g.Logout(e.Session.ID, e.Connection)
		g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeSessionOver)
		g.configure(func(s *agent.Settings) { s.Enabled = false })
		g.wantRefusal(passwordAttempt("petr", lanPeer, "a"), agent.CodeAgentDisabled)
		g.refused.add(agent.RefusedAttempt{}, errors.New("the disk is full"))
		advance(time.Second)
		if len(g.memoryStore.refused) != 0 {
			g.t.Errorf("%+v", g.memoryStore.refused)
		}
	})
}
