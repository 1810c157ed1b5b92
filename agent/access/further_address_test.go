package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

var (
	further1 = netip.MustParseAddr("fd00::1")
	further2 = netip.MustParseAddr("fd00::2")
)

// addressToken makes an address token, which must succeed.
func (g *gateway) addressToken(e testSession) string {
	g.t.Helper()
	token, ttl, err := g.AddressToken(e.Session.ID, e.Connection)
	if err != nil || token == "" || ttl != proofTTL {
		g.t.Fatalf("token: %v, %v", ttl, err)
	}
	return token
}

// mustProve proves an address of a session.
func (g *gateway) mustProve(e testSession, addr netip.Addr) {
	g.t.Helper()
	if err := g.ProveAddress(context.Background(), g.addressToken(e), addr); err != nil {
		g.t.Fatalf("%v: %v", addr, err)
	}
	g.checkInvariants()
}

func (g *gateway) wantAddressRefused(token string, addr netip.Addr, code agent.Code) {
	g.t.Helper()
	err := g.ProveAddress(context.Background(), token, addr)
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		g.t.Errorf("%v: %v, want %s", addr, err, code)
	}
	g.checkInvariants()
}

// wantFurther checks the further addresses of a session.
func (g *gateway) wantFurther(e testSession, want ...netip.Addr) {
	g.t.Helper()
	for _, s := range g.Sessions() {
		if s.ID == e.Session.ID && fmt.Sprint(s.FurtherAddresses) != fmt.Sprint(want) {
			g.t.Errorf("%v has %v, want %v", s.Address, s.FurtherAddresses, want)
		}
	}
	g.checkInvariants()
}

func TestProveAddress(t *testing.T) {
	subtest(t, "one after the other", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.mustProve(e, netip.MustParseAddr("::ffff:"+lanPeer)) // the session's own address
		g.mustProve(e, further2)
		g.mustProve(e, further1) // again
		g.wantFurther(e, further2, further1)
		if got := g.events.find("address_proved"); len(got) != 3 || got[0]["further"] != "fd00::1" || got[0]["session"] != e.Session.ID {
			g.t.Errorf("%v", got)
		}
		if log := g.events.all(); strings.Contains(log, "token\":") {
			g.t.Errorf("log: %s", log)
		}
		if err := g.End(context.Background(), e.Session.ID, agent.ReasonAdmin); err != nil {
			g.t.Fatalf("%v", err)
		}
		g.wantLive()
		if g.fakeFirewall.cuts[further1] != 1 || g.fakeFirewall.cuts[further2] != 1 {
			g.t.Errorf("cuts %v", g.fakeFirewall.cuts)
		}
	})
	subtest(t, "IPv4 beside IPv6", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", "fd00::1", "a"))
		g.mustProve(e, netip.MustParseAddr(lanPeer))
		g.mustProve(e, netip.MustParseAddr("192.168.1.11"))
		g.wantFurther(e, netip.MustParseAddr("192.168.1.11"))
	})
	subtest(t, "up to the limit", func(g *gateway) {
		for i, own := range []string{lanPeer, "fd00::ff"} {
			e := g.begin(passwordAttempt("ivan", own, own))
			var all []netip.Addr
			addr := further1
			for range agent.MaxIPv6 + 3 {
				g.mustProve(e, addr)
				all = append(all, addr)
				addr = addr.Next()
			}
			g.wantFurther(e, all[3+i:]...)
			g.Logout(e.Session.ID, e.Connection)
		}
	})
}

func TestProveAddressRefuses(t *testing.T) {
	subtest(t, "tokens", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		used := g.addressToken(e)
		if err := g.ProveAddress(context.Background(), used, further1); err != nil {
			g.t.Errorf("%v", err)
		}
		g.wantAddressRefused(used, further2, agent.CodeAddressRefused)
		overtaken := g.addressToken(e)
		late := g.addressToken(e)
		g.wantAddressRefused(overtaken, further2, agent.CodeAddressRefused)
		advance(proofTTL)
		g.wantAddressRefused(late, further2, agent.CodeAddressRefused)
		g.wantAddressRefused("", further2, agent.CodeAddressRefused)
		ofLost := g.addressToken(e)
		g.Lost(e.Session.ID, e.Connection)
		g.wantAddressRefused(ofLost, further2, agent.CodeAddressRefused)
		g.wantFurther(e, further1)
		back := g.begin(e.withToken(e.ResumeToken))
		g.wantAddressRefused(ofLost, further2, agent.CodeAddressRefused)
		ofEnded := g.addressToken(back)
		g.Logout(back.Session.ID, back.Connection)
		g.wantAddressRefused(ofEnded, further2, agent.CodeAddressRefused)
		if log := g.events.all(); strings.Contains(log, used) || strings.Contains(log, ofLost) {
			g.t.Errorf("a token is in the log: %s", log)
		}
	})
	subtest(t, "addresses", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		other := g.begin(passwordAttempt("olga", "192.168.1.11", "b"))
		g.mustProve(other, further1)
		g.configure(func(s *agent.Settings) {
			s.LocalNetworks = append(s.LocalNetworks, netip.MustParsePrefix("fe80::/10"))
		})
		g.fakeFirewall.other[further2] = true
		g.wantAddressRefused(g.addressToken(e), further1, agent.CodeAddressBusy)
		g.wantAddressRefused(g.addressToken(e), other.Session.Address, agent.CodeAddressBusy)
		g.wantAddressRefused(g.addressToken(e), further2, agent.CodeAddressRefused)
		for _, a := range []string{"192.168.1.12", "2001:db8::1", outsidePeer, "10.128.0.2", "fe80::1"} {
			g.wantAddressRefused(g.addressToken(e), netip.MustParseAddr(a), agent.CodeAddressRefused)
		}
		g.wantFurther(e)
		g.mustProve(e, further1.Prev())
		g.fakeFirewall.other[further1.Prev()] = true // another computer has it now
		g.wantAddressRefused(g.addressToken(e), further1.Prev(), agent.CodeAddressRefused)
		g.wantFurther(e)
	})
	subtest(t, "sessions", func(g *gateway) {
		lan, vpn := g.begin(passwordAttempt("ivan", lanPeer, "a")), g.begin(passwordAttempt("ivan", outsidePeer, "b"))
		for _, c := range []struct {
			id         string
			connection Connection
			want       error
		}{{vpn.Session.ID, vpn.Connection, agent.Refuse(agent.CodeBadMessage)}, {"nobody", lan.Connection, agent.ErrNotFound},
			{lan.Session.ID, vpn.Connection, agent.ErrNotFound}, {lan.Session.ID, nil, agent.ErrNotFound}} {
			if _, _, err := g.AddressToken(c.id, c.connection); fmt.Sprint(err) != fmt.Sprint(c.want) {
				g.t.Errorf("%s: %v, want %v", c.id, err, c.want)
			}
		}
		g.firewall = nil
		if _, _, err := g.AddressToken(lan.Session.ID, lan.Connection); fmt.Sprint(err) != fmt.Sprint(agent.Refuse(agent.CodeBadMessage)) {
			g.t.Errorf("without a firewall: %v", err)
		}
		g.firewall = g.fakeFirewall
	})
}

// TestAddressTokenRate: an agent gets tokens for all its addresses at once, but not more.
func TestAddressTokenRate(t *testing.T) {
	subtest(t, "one agent", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		for range proofBurst {
			g.addressToken(e)
		}
		_, _, err := g.AddressToken(e.Session.ID, e.Connection)
		var refusal *agent.Error
		if !errors.As(err, &refusal) || refusal.Code != agent.CodeTooManyAttempts || refusal.Wait <= 0 || refusal.Wait > proofEvery {
			g.t.Fatalf("%v", err)
		}
		advance(refusal.Wait)
		g.addressToken(e)
		if len(g.byProof) != 1 {
			g.t.Errorf("%d tokens are good", len(g.byProof))
		}
	})
	subtest(t, "a guesser", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		for range proofLimit {
			g.wantAddressRefused("a guess", further1, agent.CodeAddressRefused)
		}
		g.wantAddressRefused(g.addressToken(e), further1, agent.CodeTooManyAttempts)
		g.mustProve(e, further2) // its neighbour in the same /64
	})
}

// TestFurtherAddressTakenOver: a login from a further address is treated as one from Session.Address.
func TestFurtherAddressTakenOver(t *testing.T) {
	subtest(t, "another person", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.wantRefusal(passwordAttempt("olga", "fd00::1", "b"), agent.CodeAddressBusy)
		g.Lost(e.Session.ID, e.Connection)
		next := g.begin(passwordAttempt("olga", "fd00::1", "b"))
		g.wantLive(next)
		if g.reason(e) != agent.ReasonLost || g.fakeFirewall.cuts[further1] != 1 {
			g.t.Errorf("%s, cuts %v", g.reason(e), g.fakeFirewall.cuts)
		}
	})
	subtest(t, "the same person", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.wantLive(g.begin(passwordAttempt("ivan", "fd00::1", "b")))
		if e.endReasons() != "[replaced]" {
			g.t.Errorf("told %s", e.endReasons())
		}
	})
	subtest(t, "the same person on the session's own address", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		next := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.wantFurther(next)
		if g.fakeFirewall.cuts[e.Session.Address] != 0 || g.fakeFirewall.cuts[further1] != 1 {
			g.t.Errorf("cuts %v", g.fakeFirewall.cuts)
		}
	})
}

// TestFurtherAddressesResume: further addresses stay after a lost connection, unless they are not proved on the next one.
func TestFurtherAddressesResume(t *testing.T) {
	subtest(t, "in the same place", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.mustProve(e, further2)
		g.Lost(e.Session.ID, e.Connection)
		g.wantFurther(e, further1, further2)
		e = g.begin(e.withToken(e.ResumeToken))
		g.wantFurther(e, further1, further2)
		g.mustProve(e, further1)
		advance(proofTTL - time.Second)
		e = g.begin(e.withToken(e.ResumeToken)) // again; the deadlines stay
		g.mustProve(e, further1)
		advance(time.Second)
		g.wantFurther(e, further1)
		advance(2 * proofTTL)
		g.wantFurther(e, further1)
		if g.fakeFirewall.cuts[further1] != 0 || g.fakeFirewall.cuts[further2] != 1 {
			g.t.Errorf("cuts %v", g.fakeFirewall.cuts)
		}
	})
	subtest(t, "elsewhere", func(g *gateway) {
		for _, peer := range []string{"192.168.1.11", "fd00::1", outsidePeer} {
			e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
			g.mustProve(e, further1)
			g.Lost(e.Session.ID, e.Connection)
			e = g.begin(e.fromPeer(peer).withToken(e.ResumeToken))
			g.wantFurther(e)
			g.Logout(e.Session.ID, e.Connection)
		}
	})
	subtest(t, "after a restart", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.restart()
		g.wantFurther(e)
		e = g.begin(e.withToken(e.ResumeToken))
		g.mustProve(e, further1)
		g.wantFurther(e, further1)
	})
}

// TestFurtherAddressOutsideTheLAN: a change of the local networks drops the address, and the session goes on.
func TestFurtherAddressOutsideTheLAN(t *testing.T) {
	subtest(t, "IPv4 only", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.mustProve(e, further1)
		g.configure(func(s *agent.Settings) { s.LocalNetworks = lanNets[:1] })
		if n := g.Apply(context.Background()); n != 0 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(e)
		g.wantFurther(e)
	})
}
