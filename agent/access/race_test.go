package access

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// TestRaceForAnAddress: of many people who log in from one address at once, one succeeds; of one person's many logins, one
// session remains.
func TestRaceForAnAddress(t *testing.T) {
	subtest(t, "people", func(g *gateway) {
		results := make(chan error)
		for i := range 20 {
			login := fmt.Sprint("person", i)
			g.memoryStore.add(agent.UserID(100+i), login, false)
			go func() {
				_, err := g.Authorize(context.Background(), passwordAttempt(login, lanPeer, "a"))
				results <- err
			}()
		}
		in := 0
		for range 20 {
			err := <-results
			var refusal *agent.Error
			if err == nil {
				in++
			} else if !errors.As(err, &refusal) || refusal.Code != agent.CodeAddressBusy {
				g.t.Errorf("%v", err)
			}
		}
		if in != 1 || len(g.Sessions()) != 1 {
			g.t.Errorf("%d succeeded", in)
		}
	})
	subtest(t, "one person", func(g *gateway) {
		var all sync.WaitGroup
		connections := make([]*agentConnection, 20)
		for i := range connections {
			a := passwordAttempt("ivan", lanPeer, fmt.Sprint("device", i))
			connections[i] = a.Connection.(*agentConnection)
			all.Go(func() {
				if _, err := g.Authorize(context.Background(), a); err != nil {
					g.t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		told := map[string]int{}
		for _, l := range connections {
			told[l.endReasons()]++
		}
		if len(g.Sessions()) != 1 || told["[]"] != 1 || told["[replaced]"] != 19 {
			g.t.Errorf("%v", told)
		}
	})
	subtest(t, "one further address", func(g *gateway) {
		first, second := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("olga", "192.168.1.11", "b"))
		var all sync.WaitGroup
		results := make(chan error, 20)
		for i := range 20 {
			e := []testSession{first, second}[i%2]
			all.Go(func() {
				token, _, err := g.AddressToken(e.Session.ID, e.Connection)
				if err == nil {
					err = g.ProveAddress(context.Background(), token, further1)
				}
				results <- err
			})
		}
		all.Wait()
		close(results)
		in := 0
		for err := range results {
			if err == nil {
				in++
			}
		}
		holders := 0
		for _, s := range g.Sessions() {
			holders += len(s.FurtherAddresses)
		}
		if in == 0 || holders != 1 {
			g.t.Errorf("%d proofs, %d sessions have the address", in, holders)
		}
	})
	subtest(t, "one token", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if grant, err := g.Authorize(context.Background(), e.withToken(e.ResumeToken)); err == nil && grant.Session.ID != e.Session.ID {
					g.t.Errorf("another session")
				}
			})
		}
		all.Wait()
		if n := len(g.Sessions()); n != 1 {
			g.t.Errorf("%d sessions", n)
		}
	})
}

// TestRaceEverything runs agents, administrators and readers in parallel for the race detector. The invariants hold at the
// end.
func TestRaceEverything(t *testing.T) {
	subtest(t, "everything", func(g *gateway) {
		ctx := context.Background()
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() { agentLife(g, rand.New(rand.NewPCG(1, uint64(i)))) })
		}
		all.Go(func() {
			for range 100 {
				for _, s := range g.Sessions() {
					_ = g.End(ctx, s.ID, agent.ReasonAdmin)
					break
				}
				g.WouldEnd(g.Settings())
				g.EndUser(ctx, olga, agent.ReasonAdmin)
				_ = g.VoidResume(ctx, ivan)
				g.configure(func(s *agent.Settings) { s.LocalTunnel = !s.LocalTunnel })
				g.Apply(ctx)
				advanceOne(time.Second)
			}
		})
		all.Go(func() {
			random := rand.New(rand.NewPCG(2, 2))
			for range 100 {
				var set []StaticSession
				for _, peer := range []string{lanPeer, "192.168.1.12", "192.168.1.13"} {
					if random.IntN(3) > 0 {
						set = append(set, StaticSession{User: []agent.UserID{ivan, olga, petr}[random.IntN(3)], Address: netip.MustParseAddr(peer)})
					}
				}
				g.SetStatic(ctx, set)
				advanceOne(time.Duration(random.Int64N(int64(3 * time.Second))))
			}
		})
		for i := range 4 {
			all.Go(func() { browserLife(g, rand.New(rand.NewPCG(3, uint64(i)))) })
		}
		defer g.record()()
		all.Wait()
		synctest.Wait()
		g.checkInvariants()
		advance(time.Hour)
		for _, s := range g.Sessions() {
			if s.State == agent.StateWaiting {
				g.t.Errorf("%+v waits for ever", s)
			}
		}
	})
}

// advanceOne is advance for parallel goroutines.
func advanceOne(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func browserLife(g *gateway, random *rand.Rand) {
	for range 60 {
		peer := []string{lanPeer, "192.168.1.11", "192.168.1.12"}[random.IntN(3)]
		s, err := g.signInBrowser([]string{"ivan", "olga", "petr"}[random.IntN(3)], peer)
		further := netip.AddrFrom16([16]byte{0xfd, 15: byte(random.IntN(3) + 1)})
		g.setMAC([]string{phoneMAC, otherMAC}[random.IntN(2)], netip.MustParseAddr(peer), further)
		g.JoinSession(context.Background(), g.peer(further))
		at, held := g.SessionAt(netip.MustParseAddr(peer))
		if err == nil && held && random.IntN(2) == 0 {
			g.setTraffic(s.ID, uint64(random.IntN(1000)), 4)
			_ = g.LogoutAddress(context.Background(), g.peer(at.Address))
		}
		advanceOne(time.Duration(random.Int64N(int64(time.Minute))))
	}
}

func agentLife(g *gateway, random *rand.Rand) {
	peers := []string{lanPeer, "192.168.1.11", outsidePeer}
	var last testSession
	for range 60 {
		a := passwordAttempt([]string{"ivan", "olga", "petr"}[random.IntN(3)], peers[random.IntN(3)], fmt.Sprint("d", random.IntN(4)))
		if last.ResumeToken != "" && random.IntN(2) == 0 {
			a = last.fromPeer(a.Peer.String()).withToken(last.ResumeToken)
		}
		ctx, leave := context.WithCancel(context.Background())
		if random.IntN(4) == 0 {
			soon := time.Duration(random.Int64N(int64(time.Second)))
			go func() { advanceOne(soon); leave() }()
		}
		grant, err := g.Authorize(ctx, a)
		if err == nil {
			last = testSession{grant, a}
			if grant.NeedTunnel {
				_, _ = g.TunnelUp(ctx, grant.Session.ID, a.Connection, agent.Key{byte(random.IntN(255) + 1)})
			}
			g.ConfirmResume(grant.Session.ID, a.Connection)
			if token, _, err := g.AddressToken(grant.Session.ID, a.Connection); err == nil {
				_ = g.ProveAddress(ctx, token, netip.AddrFrom16([16]byte{0xfd, 15: byte(random.IntN(6) + 1)}))
			}
			advanceOne(time.Duration(random.Int64N(int64(time.Minute))))
			if random.IntN(3) == 0 {
				g.Logout(grant.Session.ID, a.Connection)
			} else {
				g.Lost(grant.Session.ID, a.Connection)
			}
		}
		leave()
	}
}
