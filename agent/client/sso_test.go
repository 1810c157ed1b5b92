package client

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// fakeTickets numbers its tokens: "1 for HTTP/gw.company.ru". It knows only the services in errs with a nil error, or all if errs is
// nil.
type fakeTickets struct {
	errs map[string]error
	wait chan struct{} // when not nil, Token waits for ctx or for it

	mu    sync.Mutex // guards asked
	asked []string
}

func (f *fakeTickets) Person() string { return "ivanov@COMPANY.RU" }

func (f *fakeTickets) Token(ctx context.Context, service string) ([]byte, error) {
	f.mu.Lock()
	f.asked = append(f.asked, service)
	n := len(f.asked)
	f.mu.Unlock()
	if f.wait != nil {
		select {
		case <-f.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if f.errs != nil {
		err, known := f.errs[service]
		if !known {
			return nil, &TicketProblem{Key: locale.SSONoService}
		}
		if err != nil {
			return nil, err
		}
	}
	return []byte(fmt.Sprintf("%d for %s", n, service)), nil
}

func (f *fakeTickets) services() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, " ")
}

const gatewayName = "gw.company.ru"

// withSSO logs in with tickets to the gateway by its name.
func withSSO(g *gatewaytest.Gateway, tickets Tickets, change func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Host, c.Login, c.Password, c.Tickets = gatewayName, "ivanov@COMPANY.RU", "", tickets
		c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(g.Host, fmt.Sprint(g.Port)))
		}
		c.LookupCNAME = func(context.Context, string) (string, error) { return gatewayName + ".", nil }
		if change != nil {
			change(c)
		}
	}
}

func newSSOGateway(t *testing.T, serve func(n int, c *gatewaytest.Conn)) *gatewaytest.Gateway {
	root := gatewaytest.NewRoot(t, nil)
	return gatewaytest.Start(t, root, root.Leaf(t, func(c *x509.Certificate) { c.DNSNames = []string{gatewayName} }), serve)
}

// tokenOf returns the decoded token.
func tokenOf(m *protocol.SSORequest) string {
	if m == nil {
		return "no answer to the challenge"
	}
	b, err := base64.StdEncoding.DecodeString(*m.Token)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func admitted(resume string) protocol.AuthState {
	return protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "10.0.0.5", Resume: resume, Grace: 30}
}

func TestSSOLogin(t *testing.T) {
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		m := c.Challenge("s1")
		if got := tokenOf(m); got != "1 for HTTP/gw.company.ru" || m.Domain != "COMPANY.RU" || m.Device == nil || m.Device.ID != "d1" {
			t.Errorf("%s, %+v", got, m)
		}
		c.Send(admitted(""))
		c.Wait()
	})
	r := start(t, g, withSSO(g, &fakeTickets{}, nil))
	e := r.waitEvent(Authorized, "")
	if !e.BySSO || e.Login != "ivanov@COMPANY.RU" || e.Address != "10.0.0.5" || !reflect.DeepEqual(e.SSO, []string{"company.ru"}) {
		t.Errorf("%+v", e)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// A gateway that has just restarted gets fresh tokens at once, but not for ever.
func TestSSOStale(t *testing.T) {
	for _, c := range []struct {
		stale   int
		outcome Outcome
	}{{1, StoppedByUser}, {2, StoppedByUser}, {3, Refused}, {9, Refused}} {
		t.Run(fmt.Sprint(c.stale), func(t *testing.T) {
			g := newSSOGateway(t, func(_ int, conn *gatewaytest.Conn) {
				conn.AnswerVersion("company.ru")
				for i := 1; i <= c.stale; i++ {
					if got, want := tokenOf(conn.Challenge(fmt.Sprint("s", i))), fmt.Sprint(i, " for HTTP/gw.company.ru"); got != want {
						t.Errorf("%q, want %q", got, want)
					}
					conn.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(agent.CodeSSOStale), Message: "Stale."})
					if i == maxStale+1 {
						conn.Wait()
						return
					}
				}
				conn.Challenge("last")
				conn.Send(admitted(""))
				conn.Wait()
			})
			r := start(t, g, withSSO(g, &fakeTickets{}, nil))
			if c.outcome == Refused {
				if got := r.waitEnd(Refused, string(agent.CodeSSOStale)); got.Message != "Stale." {
					t.Errorf("%+v", got)
				}
				return
			}
			r.waitEvent(Authorized, "")
			r.stop()
			r.waitEnd(StoppedByUser, "logout")
		})
	}
}

// Other refusals are final, at either step.
func TestSSORefused(t *testing.T) {
	for _, code := range []agent.Code{agent.CodeSSOUnavailable, agent.CodeSSONTLM, agent.CodeSSOClock, agent.CodeSSORefused, agent.CodeNotPermitted, agent.CodeBadMessage} {
		for _, atOnce := range []bool{true, false} {
			g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
				c.AnswerVersion("company.ru")
				if atOnce {
					c.Read()
				} else {
					c.Challenge("s1")
				}
				if code == agent.CodeBadMessage {
					c.Send(protocol.Error{Type: protocol.TypeError, Code: string(code), Message: "No."})
				} else {
					c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(code), Message: "No."})
				}
				c.Wait()
			})
			if got := start(t, g, withSSO(g, &fakeTickets{}, nil)).waitEnd(Refused, string(code)); got.Message != "No." {
				t.Errorf("%s: %+v", code, got)
			}
		}
	}
}

// Problems on this computer are told in words, and the gateway gets no token.
func TestSSOProblems(t *testing.T) {
	const name = "HTTP/gw.company.ru"
	target := func(context.Context, string) (string, error) { return "UTM.Company.RU.", nil }
	for what, c := range map[string]struct {
		tickets *fakeTickets
		change  func(*Config)
		offers  bool
		says    string
		asked   string
	}{
		"not offered":          {&fakeTickets{}, nil, false, "does not offer", ""},
		"no ticket":            {&fakeTickets{errs: map[string]error{name: &TicketProblem{Key: locale.SSONoTicket}}}, nil, true, "kinit", name},
		"the cause":            {&fakeTickets{errs: map[string]error{name: errors.New("broken")}}, nil, true, "Details: broken", name},
		"no such service":      {&fakeTickets{errs: map[string]error{}}, nil, true, "no service HTTP/gw.company.ru", name},
		"nor its CNAME target": {&fakeTickets{errs: map[string]error{}}, func(c *Config) { c.LookupCNAME = target }, true, "no service HTTP/gw.company.ru", name + " HTTP/utm.company.ru"},
		"foreign CNAME target": {&fakeTickets{errs: map[string]error{"HTTP/intranet.other.ru": nil}}, func(c *Config) {
			c.LookupCNAME = func(context.Context, string) (string, error) { return "intranet.other.ru.", nil }
		}, true, "no service HTTP/gw.company.ru", name},
		"no DNS": {&fakeTickets{errs: map[string]error{}}, func(c *Config) {
			c.LookupCNAME = func(context.Context, string) (string, error) { return "", &net.DNSError{} }
		}, true, "no service HTTP/gw.company.ru", name},
		"too large": {&fakeTickets{errs: map[string]error{name: nil}}, func(c *Config) { c.Tickets = hugeTickets{} }, true, "too large", ""},
	} {
		g := newSSOGateway(t, func(_ int, conn *gatewaytest.Conn) {
			if !c.offers {
				conn.AnswerVersion()
			} else {
				conn.AnswerVersion("company.ru")
				conn.Read()
				conn.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: "s1"})
			}
			if m := conn.Read(); m != nil {
				t.Errorf("%s: the agent sent %+v", what, m)
			}
		})
		got := start(t, g, withSSO(g, c.tickets, c.change)).waitEnd(Refused, string(agent.CodeSSOUnavailable))
		if !strings.Contains(got.Message, c.says) || c.tickets.services() != c.asked {
			t.Errorf("%s: %+v, asked for %q", what, got, c.tickets.services())
		}
	}
}

type hugeTickets struct{}

func (hugeTickets) Person() string { return "ivanov@COMPANY.RU" }

func (hugeTickets) Token(context.Context, string) ([]byte, error) {
	return make([]byte, maxToken+1), nil
}

// largestTickets makes the largest token that Windows makes.
type largestTickets struct{ hugeTickets }

func (largestTickets) Token(context.Context, string) ([]byte, error) {
	return make([]byte, maxToken), nil
}

func TestSSOLargestToken(t *testing.T) {
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		if got := tokenOf(c.Challenge(strings.Repeat("s", 100))); len(got) != maxToken {
			t.Errorf("%d bytes", len(got))
		}
		c.Send(admitted(""))
		c.Wait()
	})
	r := start(t, g, withSSO(g, largestTickets{}, nil))
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestSSOByCNAME(t *testing.T) {
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		if got := tokenOf(c.Challenge("s1")); got != "2 for HTTP/utm.company.ru" {
			t.Error(got)
		}
		c.Send(admitted(""))
		c.Wait()
	})
	r := start(t, g, withSSO(g, &fakeTickets{errs: map[string]error{"HTTP/utm.company.ru": nil}}, func(c *Config) {
		c.LookupCNAME = func(context.Context, string) (string, error) { return "utm.company.ru.", nil }
	}))
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestSiblings(t *testing.T) {
	for _, c := range []struct {
		name, host string
		want       bool
	}{
		{"utm.company.ru", "gw.company.ru", true},
		{"utm.company.ru", "gw.Company.ru", true},
		{"intranet.company.ru", "gw.evil.ru", false},
		{"company.ru", "evil.ru", false},
		{"utm.in.company.ru", "gw.company.ru", false},
		{"", "gw.company.ru", false},
		{"intranet", "gw", false},
	} {
		if got := siblings(c.name, c.host); got != c.want {
			t.Errorf("%s and %s: %v", c.name, c.host, got)
		}
	}
}

// An address has no service in a domain, and no ticket is asked for.
func TestSSONeedsName(t *testing.T) {
	tickets := &fakeTickets{}
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Read()
		c.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: "s1"})
		c.Wait()
	})
	got := start(t, g, func(c *Config) { c.Tickets = tickets }).waitEnd(Refused, string(agent.CodeSSOUnavailable))
	if !strings.Contains(got.Message, "not by the address 127.0.0.1") || tickets.services() != "" {
		t.Errorf("%+v, asked for %q", got, tickets.services())
	}
}

// A lost session is resumed with its token. Tickets are needed only when that is void.
func TestSSOResume(t *testing.T) {
	tickets := &fakeTickets{}
	g := newSSOGateway(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		switch n {
		case 0:
			c.Challenge("s1")
			c.Send(admitted("r1"))
			c.Drop()
			return
		case 1:
			if m := c.Authorize(); m == nil || m.Resume != "r1" || m.Password != "" {
				t.Errorf("%+v", m)
			}
			c.Send(admitted("r2"))
			c.Drop()
			return
		}
		c.Authorize()
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(agent.CodeSessionOver), Message: "Over."})
		if got := tokenOf(c.Challenge("s2")); got != "2 for HTTP/gw.company.ru" {
			t.Error(got)
		}
		c.Send(admitted("r3"))
		c.Wait()
	})
	r := start(t, g, withSSO(g, tickets, nil))
	for i := 0; i < 2; i++ {
		r.waitEvent(Authorized, "")
		r.waitEvent(Reconnecting, "lost")
		r.clock.fire(sessionTimers...)
	}
	if e := r.waitEvent(Authorized, ""); !e.BySSO {
		t.Errorf("%+v", e)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// While no domain controller answers, a reconnect goes on.
func TestSSOReconnectWithoutDomain(t *testing.T) {
	tickets := &fakeTickets{errs: map[string]error{"HTTP/gw.company.ru": nil}}
	g := newSSOGateway(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Challenge("s1")
		c.Send(admitted(""))
		if n == 0 {
			tickets.errs = map[string]error{"HTTP/gw.company.ru": &TicketProblem{Key: locale.SSONoDomain}}
			c.Drop()
			return
		}
		c.Wait()
	})
	r := start(t, g, withSSO(g, tickets, nil))
	r.waitEvent(Authorized, "")
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	if e := r.waitEvent(Reconnecting, string(agent.CodeSSOUnavailable)); !strings.Contains(e.Message, "domain controller") {
		t.Errorf("%+v", e)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// A person who cancels a slow login is not told that the domain does not answer.
func TestSSOCancelled(t *testing.T) {
	tickets := &fakeTickets{wait: make(chan struct{})}
	asked := make(chan struct{})
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Read()
		c.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: "s1"})
		close(asked)
		c.Wait()
	})
	r := start(t, g, withSSO(g, tickets, nil))
	<-asked
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestSSOExtends(t *testing.T) {
	extend := make(chan string)
	later := time.Unix(2e9, 0).UTC().Format(time.RFC3339)
	tickets := &fakeTickets{}
	refuse := func(c *gatewaytest.Conn, code agent.Code) {
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(code), Message: "No."})
	}
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Challenge("s1")
		c.Send(admitted(""))
		if got := tokenOf(c.Challenge("s2")); got != "2 for HTTP/gw.company.ru" {
			t.Error(got)
		}
		refuse(c, agent.CodeSSOStale)
		if got := tokenOf(c.Challenge("s3")); got != "3 for HTTP/gw.company.ru" {
			t.Error(got)
		}
		refuse(c, agent.CodeSSORefused)
		if m := c.Authorize(); m == nil || m.Login != "ivanov@COMPANY.RU" || m.Password != "secret" {
			t.Errorf("%+v", m)
		}
		refuse(c, agent.CodeSSOStale) // this is not the answer to a token
		c.Challenge("s4")
		state := admitted("")
		state.Expires = later
		c.Send(state)
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, withSSO(g, tickets, func(c *Config) { c.Extend = extend }))
	r.waitEvent(Authorized, "")
	extend <- ""
	if e := r.waitEvent(Authorized, string(agent.CodeSSORefused)); !e.Notice || e.Message != "No." || !e.Status.ExtensionNeedsPassword() {
		t.Errorf("%+v", e)
	}
	extend <- "secret"
	r.waitEvent(Authorized, string(agent.CodeSSOStale))
	extend <- ""
	if e := r.waitEvent(Authorized, ""); e.Expires != later || e.Status.ExtensionNeedsPassword() || !e.BySSO {
		t.Errorf("%+v", e)
	}
	r.waitEnd(EndedByGateway, "admin")
}

func TestSSOExtensionFails(t *testing.T) {
	extend := make(chan string)
	tickets := &fakeTickets{errs: map[string]error{"HTTP/gw.company.ru": nil}}
	g := newSSOGateway(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Challenge("s1")
		tickets.errs = map[string]error{"HTTP/gw.company.ru": &TicketProblem{Key: locale.SSOExpired}}
		c.Send(admitted(""))
		c.Read()
		c.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: "s2"})
		if m, ok := c.Read().(*protocol.SSORequest); !ok || m.Token != nil {
			t.Errorf("instead of another request: %+v", m)
		}
		c.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: "later"})
		c.Wait()
	})
	r := start(t, g, withSSO(g, tickets, func(c *Config) { c.Extend = extend }))
	r.waitEvent(Authorized, "")
	extend <- ""
	if e := r.waitEvent(Authorized, string(agent.CodeSSOUnavailable)); !e.Notice || !strings.Contains(e.Message, "expired") || !e.Status.ExtensionNeedsPassword() {
		t.Errorf("%+v", e)
	}
	extend <- ""
	r.waitEvent(Authorized, string(agent.CodeBadMessage))
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestSSOProbe(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion("company.ru", " other.ru\x00"); c.Wait() })
	got := Probe(context.Background(), Config{Host: g.Host, Port: g.Port, Roots: g.Root.Pool()})
	if got.Outcome != Answered || !reflect.DeepEqual(got.SSO, []string{"company.ru", "other.ru"}) {
		t.Errorf("%+v", got)
	}
}

func TestOffersSSO(t *testing.T) {
	s := Status{SSO: []string{"company.ru", "other.ru"}}
	for person, want := range map[string]bool{"ivanov@COMPANY.RU": true, "a@b@other.ru": true, "ivanov@third.ru": false, "ivanov": false, "": false, "@": false} {
		if got := s.OffersSSO(person); got != want {
			t.Errorf("%q: %v", person, got)
		}
	}
	if (Status{}).OffersSSO("ivanov@COMPANY.RU") {
		t.Error("offered by a gateway without domains")
	}
}

// After a change of the gateway's domain the tickets are for the name that answered, or for another one if the person's domain does not
// know that.
func TestSSOOtherNames(t *testing.T) {
	for _, c := range []struct {
		hosts  []string // that the gateway has told; gatewayName answers
		knows  string   // the service that the domain knows; empty = none
		asked  string
		admits bool
	}{
		{[]string{"new.company.ru", gatewayName}, "HTTP/gw.company.ru", "HTTP/gw.company.ru", true},
		{[]string{"new.company.ru", gatewayName}, "HTTP/new.company.ru", "HTTP/gw.company.ru HTTP/new.company.ru", true},
		{[]string{gatewayName, "192.0.2.1", "old.company.ru"}, "HTTP/old.company.ru", "HTTP/gw.company.ru HTTP/old.company.ru", true},
		{[]string{"new.company.ru", gatewayName}, "", "HTTP/gw.company.ru HTTP/new.company.ru", false},
	} {
		g := newSSOGateway(t, func(_ int, conn *gatewaytest.Conn) {
			conn.AnswerVersion("company.ru")
			if conn.Challenge("s1") != nil {
				conn.Send(admitted(""))
			}
			conn.Wait()
		})
		trust := OpenTrust("")
		tickets := &fakeTickets{errs: map[string]error{c.knows: nil}}
		r := start(t, g, withSSO(g, tickets, func(to *Config) {
			to.Trust = trust
			to.Dial = dialTable(map[string]string{gatewayName: at(g)})
			to.LookupCNAME = func(_ context.Context, host string) (string, error) { return host, nil }
			if err := trust.save(trustKey(*to), learned{Hosts: c.hosts}); err != nil {
				t.Fatal(err)
			}
		}))
		if c.admits {
			r.waitEvent(Authorized, "")
		} else if e := r.waitEvent(Failed, string(agent.CodeSSOUnavailable)); !strings.Contains(e.Message, gatewayName) {
			t.Errorf("%+v", e)
		}
		if got := tickets.services(); got != c.asked {
			t.Errorf("%v: asked for %s, want %s", c.hosts, got, c.asked)
		}
		r.stop()
	}
}
