package access

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// tryTicket signs in by a ticket and returns the code of the refusal; empty for none.
func (g *gateway) tryTicket(token, peer string) agent.Code {
	_, err := g.gate.SignInByTicket(context.Background(), TicketSignIn{Token: []byte(token), Peer: g.peer(netip.MustParseAddr(peer)), DeviceID: "pc"})
	if err == nil {
		return ""
	}
	return agent.AsError(err).Code
}

// TestSignInByTicket: tickets are read only from inside the LAN. The gate logs an accepted ticket and remembers its device. It logs
// the cause of a refused one, but not the token.
func TestSignInByTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for _, token := range []string{"ivan", "stolen-token"} {
			if code := g.tryTicket(token, outsidePeer); code != agent.CodeSSOUnavailable {
				t.Errorf("from outside: %q", code)
			}
		}
		if g.memoryStore.tickets != 0 {
			t.Errorf("%d tickets from outside were read", g.memoryStore.tickets)
		}
		began := time.Now()
		if code := g.tryTicket("stolen-token", lanPeer); code != agent.CodeSSORefused {
			t.Errorf("refused: %q", code)
		}
		if took := time.Since(began); took < minRefusalDelay {
			t.Errorf("refused after %v", took)
		}
		if lines := g.events.find("login_failed"); len(lines) != 1 || lines[0]["cause"] != "replay" || lines[0]["code"] != "sso_refused" {
			t.Errorf("log: %v", lines)
		}
		if strings.Contains(g.events.all(), "stolen-token") {
			t.Error("the token is in the log")
		}
		if code := g.tryTicket("ivan", lanPeer); code != "" {
			t.Errorf("accepted: %q", code)
		}
		if lines := g.events.find("ticket_accepted"); len(lines) != 1 || lines[0]["account"] != "ivan" {
			t.Errorf("log: %v", lines)
		}
		if known, _ := g.memoryStore.KnowsDevice(t.Context(), ivan, "pc"); !known {
			t.Error("the device is not known")
		}
		g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
		if code := g.tryTicket("ivan", lanPeer); code != agent.CodeAccountDisabled {
			t.Errorf("disabled: %q", code)
		}
	})
}

// TestTicketsAreLimited: refused tickets use up the attempts of their address, but not those of passwords or of other addresses.
// A good ticket of a disabled account is not counted.
func TestTicketsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
		for range ticketLimit + 1 {
			if code := g.tryTicket("ivan", lanPeer); code != agent.CodeAccountDisabled {
				t.Fatalf("disabled: %q", code)
			}
		}
		g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = true })
		for range ticketLimit {
			if code := g.tryTicket("stolen", lanPeer); code != agent.CodeSSORefused {
				t.Fatalf("refused: %q", code)
			}
		}
		read := g.memoryStore.tickets
		if code := g.tryTicket("ivan", lanPeer); code != agent.CodeTooManyAttempts || g.memoryStore.tickets != read {
			t.Errorf("after %d refused tickets: %q", ticketLimit, code)
		}
		if code := g.tryTicket("ivan", "192.168.1.11"); code != "" {
			t.Errorf("another address: %q", code)
		}
		if code := g.try("ivan", "right", lanPeer, "pc"); code != "" {
			t.Errorf("a password: %q", code)
		}
		advance(window)
		if code := g.tryTicket("ivan", lanPeer); code != "" {
			t.Errorf("later: %q", code)
		}
	})
}

// TestTicketLoginRate: logins by ticket have the same rate as those by password.
func TestTicketLoginRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		accepted := 0
		for g.tryTicket("ivan", lanPeer) == "" {
			if accepted++; accepted > loginsPerDevice.burst {
				break
			}
		}
		if accepted != loginsPerDevice.burst {
			t.Errorf("%d logins at once", accepted)
		}
	})
}

// TestAuthorizeByTicket: an agent in the LAN begins and extends a session by tickets. Outside the LAN it is refused.
func TestAuthorizeByTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		byTicket := func(login, peer string) Attempt {
			a := passwordAttempt("", peer, "pc")
			a.Password, a.Ticket = "", []byte(login)
			return a
		}
		g.wantRefusal(byTicket("olga", outsidePeer), agent.CodeSSOUnavailable)
		g.wantRefusal(byTicket("stolen", lanPeer), agent.CodeSSORefused)
		e := g.begin(byTicket("olga", lanPeer))
		if e.Session.Kind != agent.KindLAN || e.Session.Login != "olga" || e.ResumeToken == "" {
			t.Errorf("%+v", e.Grant)
		}
		advance(time.Hour)
		again := byTicket("olga", lanPeer)
		again.Connection, again.Current = e.Connection, e.Session.ID
		if next := g.begin(again); !next.Extended || !next.Session.Expires.After(e.Session.Expires) {
			t.Errorf("%+v", next.Grant)
		}
	})
}
