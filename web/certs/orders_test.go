package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/web/certs/acmetest"
)

const (
	companyCA  = "https://ca.company.ru/directory"
	gatewayDNS = "gw.company.ru"
)

// gateway is a gateway that orders certificates at a CA in memory.
type gateway struct {
	t   testing.TB
	ca  *acmetest.CA
	dir string
	*Orders

	mu       sync.Mutex
	settings OrderSettings
	names    []string
	covered  bool
	leads    bool // port 443 leads here
	checks   []agent.NameCheck
	events   []agent.CertificateEvent
	cancel   context.CancelFunc
	stopped  chan struct{}
}

// newGateway opens the orders of a gateway whose port 80 the CA reaches.
func newGateway(t testing.TB, life time.Duration) *gateway {
	t.Helper()
	ca, err := acmetest.New(life)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, ca: ca, dir: t.TempDir(), names: []string{gatewayDNS},
		settings: OrderSettings{Directory: companyCA, Terms: agent.TermsNone}}
	ca.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.ServeChallenge(w, r) {
			http.NotFound(w, r)
		}
	})
	g.open()
	return g
}

// open reads the files, as at a start of the program.
func (g *gateway) open() {
	g.t.Helper()
	locked := func(f func()) { g.mu.Lock(); defer g.mu.Unlock(); f() }
	o, err := OpenOrders(OrdersConfig{
		Dir:           g.dir,
		Settings:      func() (s OrderSettings) { locked(func() { s = g.settings }); return s },
		Names:         func() (n []string) { locked(func() { n = slices.Clone(g.names) }); return n },
		Covered:       func(string) (is bool) { locked(func() { is = g.covered }); return is },
		ALPNLeadsHere: func(context.Context, string) (is bool) { locked(func() { is = g.leads }); return is },
		Check: func(context.Context, string) (c []agent.NameCheck) {
			locked(func() { c = slices.Clone(g.checks) })
			return c
		},
		Event: func(e agent.CertificateEvent) { locked(func() { g.events = append(g.events, e) }) },
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		g.t.Fatal(err)
	}
	o.transport = func(*x509.CertPool) http.RoundTripper { return g.ca }
	o.write = os.WriteFile
	g.Orders = o
}

func (g *gateway) start() {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	g.cancel, g.stopped = cancel, stopped
	go func() { defer close(stopped); _ = g.Run(ctx) }()
}

func (g *gateway) stop() { g.cancel(); <-g.stopped }

// change changes what OrdersConfig returns.
func (g *gateway) change(f func()) {
	g.mu.Lock()
	f()
	g.mu.Unlock()
	g.Changed()
}

// pass lets time pass, and everything that happens at its end.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

// state returns the state of the first name.
func (g *gateway) state() agent.CertificateOrder { return g.State()[0] }

func (g *gateway) wantState(want agent.OrderState, cause agent.CertificateCause) {
	g.t.Helper()
	s, got := g.state(), agent.CertificateCause("")
	if s.Problem != nil {
		got = s.Problem.Code
	}
	if s.State != want || got != cause {
		g.t.Errorf("state %s with the problem %q (%+v), want %s with %q", s.State, got, s.Problem, want, cause)
	}
}

func (g *gateway) wantEvents(want ...agent.CertificateEventKind) {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	var got []agent.CertificateEventKind
	for _, e := range g.events {
		got = append(got, e.Event)
	}
	if !slices.Equal(got, want) {
		g.t.Errorf("events %v, want %v", got, want)
	}
}

// methods returns the types of the challenges that the CA validated.
func (g *gateway) methods() string {
	var list []string
	for _, v := range g.ca.Validations() {
		list = append(list, v.Type)
	}
	return strings.Join(list, " ")
}

// run runs a test in a bubble of synctest with a gateway that orders. set changes the CA and the gateway before.
func run(t *testing.T, life time.Duration, set func(*gateway), test func(*gateway)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, life)
		if set != nil {
			set(g)
			g.Changed()
		}
		g.start()
		pass(time.Minute)
		test(g)
		g.stop()
	})
}

func TestOrderByHTTP(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		c := g.Certificate(gatewayDNS)
		if c == nil {
			t.Fatalf("no certificate: %+v", g.state().Problem)
		}
		inter := x509.NewCertPool()
		for _, der := range c.Certificate[1:] {
			parsed, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			inter.AddCert(parsed)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: gatewayDNS, Roots: g.ca.Roots(), Intermediates: inter}); err != nil {
			t.Error(err)
		}
		g.wantState(agent.OrderDone, "")
		if left := c.Leaf.NotAfter.Sub(g.state().Next); left < 30*day || left > 33*day {
			t.Errorf("it is renewed %v before its end", left)
		}
		g.wantEvents(agent.EventIssued)
		if g.events[0].Detail != "acmetest intermediate" || g.events[0].Name != gatewayDNS {
			t.Errorf("event %+v", g.events[0])
		}
		if got := g.methods(); got != "http-01" {
			t.Errorf("challenges %q", got)
		}
		if g.Certificate("other.company.ru") != nil {
			t.Error("a certificate for another name")
		}
	})
}

func TestRestartServesFromFile(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		before := g.Certificate(gatewayDNS)
		g.stop()
		g.ca.Set(func() { g.ca.Down = func() bool { return true } })
		g.open()
		if after := g.Certificate(gatewayDNS); after == nil || !slices.EqualFunc(after.Certificate, before.Certificate, slices.Equal) {
			t.Fatal("the certificate was not read from its file")
		}
		g.start()
		pass(time.Hour)
		g.wantState(agent.OrderDone, "")
		if n := len(g.ca.Orders(gatewayDNS)); n != 1 {
			t.Errorf("%d orders", n)
		}
	})
}

// TestReloadOrdered: Reload serves what is in the file now, and keeps the certificate if the file is broken or gone.
func TestReloadOrdered(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		first := g.Certificate(gatewayDNS)
		path := filepath.Join(g.Orders.dir, g.Orders.ca, certificateFile(gatewayDNS))
		for _, text := range []string{"broken", ""} {
			var err error
			if text == "" {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, []byte(text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Reload(); (err != nil) != (text != "") || g.Certificate(gatewayDNS) != first {
				t.Errorf("file %q: %v", text, err)
			}
		}
		g.Orders.mu.Lock()
		other := g.Orders.orders[gatewayDNS].held.pem
		g.Orders.mu.Unlock()
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := g.Reload(); err != nil || g.Certificate(gatewayDNS) == first || !slices.EqualFunc(g.Certificate(gatewayDNS).Certificate, first.Certificate, slices.Equal) {
			t.Errorf("the file is back: %v", err)
		}
	})
}

// TestOrderRenewal: 200 days with a CA that fails for a sixth of each life, beginning when a certificate is to be renewed. There is always a
// valid certificate after the first, the CA's limit is never reached, and no autocert.Manager of an earlier try orders anything.
func TestOrderRenewal(t *testing.T) {
	for _, life := range []time.Duration{day, 6 * day, 45 * day, 90 * day} {
		for name, fail := range map[string]func(*gateway, func() bool){
			"down": func(g *gateway, broken func() bool) { g.ca.Down = broken },
			"busy": func(g *gateway, broken func() bool) {
				g.ca.Refuse = func(step, _ string) *acmetest.Problem {
					if step != "order" || !broken() {
						return nil
					}
					return &acmetest.Problem{Status: 503, Type: "urn:ietf:params:acme:error:rateLimited", Detail: "Service busy; retry later.", RetryAfter: "600"}
				}
			},
			"port closed": func(g *gateway, broken func() bool) {
				g.ca.Refuse = func(step, _ string) *acmetest.Problem {
					if step != "validation" || !broken() {
						return nil
					}
					return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:connection", Detail: "Connection refused"}
				}
			},
		} {
			t.Run(fmt.Sprint(int(life/day), " days, ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := newGateway(t, life)
					fail(g, func() bool {
						c := g.Certificate(gatewayDNS)
						if c == nil {
							return false
						}
						due := orderedRenewal(c.Leaf)
						return !time.Now().Before(due) && time.Since(due) < life/6
					})
					g.start()
					pass(time.Minute)
					before := g.Certificate(gatewayDNS)
					for begin := time.Now(); time.Since(begin) < 200*day; pass(life / 300) {
						now := g.Certificate(gatewayDNS)
						if now == nil || now.Leaf.NotBefore.After(before.Leaf.NotAfter) {
							t.Fatalf("no valid certificate before %v: %+v", time.Since(begin), g.state().Problem)
						}
						before = now
					}
					validations, orders := g.ca.Validations(), g.ca.Orders(gatewayDNS)
					good := 0
					for i, v := range validations {
						if v.OK {
							good++
						}
						if i >= maxTries && v.At.Sub(validations[i-maxTries].At) < time.Hour {
							t.Errorf("%d validations in the hour before %v", maxTries+1, v.At)
						}
					}
					if len(orders) != len(validations) {
						t.Errorf("%d orders for %d validations", len(orders), len(validations))
					}
					if least := int(200 * day / life); good < least || good > 2*least+4 {
						t.Errorf("%d certificates in 200 days", good)
					}
					g.stop()
					pass(life + day)
					if after := len(g.ca.Orders(gatewayDNS)); after != len(orders) {
						t.Errorf("%d orders after the end", after-len(orders))
					}
				})
			})
		}
	}
}

// TestTryNowKeepsLimits: however often somebody clicks.
func TestTryNowKeepsLimits(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.HTTP, g.leads = nil, true }, func(g *gateway) {
		refused := 0
		for begin := time.Now(); time.Since(begin) < 5*time.Hour; pass(20 * time.Second) {
			if notBefore, ok := g.TryNow(); !ok {
				if refused++; time.Until(notBefore) <= 0 || time.Until(notBefore) > time.Hour {
					t.Fatalf("not before %v", notBefore)
				}
			}
		}
		if refused == 0 {
			t.Error("nothing was refused")
		}
		validations := g.ca.Validations()
		for i, v := range validations {
			if i >= maxTries && v.At.Sub(validations[i-maxTries].At) < time.Hour {
				t.Errorf("%d validations in the hour before %v", maxTries+1, v.At)
			}
		}
		if len(validations) < 4*4 {
			t.Errorf("only %d validations in 5 hours", len(validations))
		}
		g.wantState(agent.OrderFailed, agent.CauseConnection)
		g.wantEvents(agent.EventFailed)
	})
}

// TestTryNowAtDeadCA: tries that reach no CA do not use up the tries of the hour.
func TestTryNowAtDeadCA(t *testing.T) {
	down := func(is bool) func(g *gateway) {
		return func(g *gateway) { g.ca.Set(func() { g.ca.Down = func() bool { return is } }) }
	}
	run(t, 90*day, down(true), func(g *gateway) {
		for range 2 * maxTries {
			if notBefore, ok := g.TryNow(); !ok {
				t.Fatalf("not before %v", notBefore)
			}
			pass(time.Minute)
			g.wantState(agent.OrderFailed, agent.CauseUnreachable)
		}
		down(false)(g)
		g.TryNow()
		pass(time.Minute)
		g.wantState(agent.OrderDone, "")
	})
}

// TestBackAtCA: a CA that was chosen, left and chosen again is tried at once.
func TestBackAtCA(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.HTTP = nil }, func(g *gateway) {
		directory := g.settings.Directory
		g.change(func() { g.settings.Directory = "" })
		pass(time.Minute)
		g.change(func() { g.settings.Directory = directory })
		pass(time.Minute)
		if n := len(g.ca.Validations()); n != 2 {
			t.Errorf("%d validations, want 2", n)
		}
	})
}

// TestLimitsOutliveRestart: a program that starts again and again does not reach the limits either.
func TestLimitsOutliveRestart(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.HTTP = nil }, func(g *gateway) {
		for range 60 {
			g.stop()
			g.open()
			g.wantState(agent.OrderFailed, agent.CauseConnection)
			g.TryNow()
			g.start()
			pass(30 * time.Second)
		}
		if n := len(g.ca.Validations()); n != maxTries {
			t.Errorf("%d validations in half an hour", n)
		}
		g.wantEvents(agent.EventFailed)
	})
}

func TestBackoff(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.HTTP = nil }, func(g *gateway) {
		pass(10 * day)
		var last time.Duration
		orders := g.ca.Orders(gatewayDNS)
		for i := 1; i < len(orders); i++ {
			gap := orders[i].Sub(orders[i-1])
			want := min(minBackoff<<(i-1), maxBackoff)
			if gap < want || gap > want*5/4+time.Minute {
				t.Errorf("%v between the tries %d and %d, want about %v", gap, i, i+1, want)
			}
			last = gap
		}
		if last < maxBackoff {
			t.Errorf("the backoff stays at %v", last)
		}
		g.ca.Set(func() {
			g.ca.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.ServeChallenge(w, r) })
		})
		if _, ok := g.TryNow(); !ok {
			t.Error("a try is refused after hours")
		}
		pass(time.Minute)
		g.wantState(agent.OrderDone, "")
		g.wantEvents(agent.EventFailed, agent.EventIssued)
	})
}

// TestEventsOfCauses: causes that alternate have one event each, until an order succeeds, also after restarts.
func TestEventsOfCauses(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		tries := 0
		g.ca.Refuse = func(step, _ string) *acmetest.Problem {
			if step != "order" {
				return nil
			}
			if tries++; tries%2 == 0 {
				return &acmetest.Problem{Status: 500, Type: "urn:ietf:params:acme:error:serverInternal", RetryAfter: "1"}
			}
			return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:rejectedIdentifier"}
		}
	}, func(g *gateway) {
		for range 10 {
			pass(10 * day)
			g.stop()
			g.open()
			g.start()
		}
		pass(time.Minute)
		g.wantEvents(agent.EventFailed, agent.EventFailed)
		refuse := g.ca.Refuse
		g.ca.Set(func() { g.ca.Refuse = nil })
		pass(day)
		g.wantState(agent.OrderDone, "")
		g.ca.Set(func() { g.ca.Refuse = refuse })
		pass(89 * day)
		g.wantEvents(agent.EventFailed, agent.EventFailed, agent.EventIssued, agent.EventFailed, agent.EventFailed)
	})
}

func TestRetryAfter(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		g.ca.Refuse = func(step, _ string) *acmetest.Problem {
			if step != "order" {
				return nil
			}
			return &acmetest.Problem{Status: 429, Type: "urn:ietf:params:acme:error:rateLimited", Detail: "too many certificates", RetryAfter: "86400"}
		}
	}, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseRateLimited)
		if s := g.state(); time.Until(s.Next) < day-2*time.Minute || !isTime(s.Problem.Args["Until"]) || s.Problem.CA != "too many certificates" {
			t.Errorf("%+v, %+v", s, s.Problem)
		}
		if notBefore, ok := g.TryNow(); ok || time.Until(notBefore) < day-2*time.Minute {
			t.Errorf("a try is permitted before Retry-After: %v", notBefore)
		}
		g.change(func() { g.settings.Email = "admin@company.ru" })
		pass(time.Hour)
		if s := g.state(); time.Until(s.Next) < 22*time.Hour {
			t.Errorf("other settings of the same CA lead to a try at %v", s.Next)
		}
		g.ca.Set(func() { g.ca.Refuse = nil })
		pass(24 * time.Hour)
		g.wantState(agent.OrderDone, "")
	})
}

func TestALPN(t *testing.T) {
	alpn := func(g *gateway) func(*tls.ClientHelloInfo) *tls.Certificate {
		return func(hello *tls.ClientHelloInfo) *tls.Certificate { return g.ChallengeCertificate(hello) }
	}
	closed := func(leads bool) func(*gateway) {
		return func(g *gateway) { g.ca.HTTP, g.ca.ALPN, g.leads = nil, alpn(g), leads }
	}
	run(t, 90*day, closed(true), func(g *gateway) {
		g.wantState(agent.OrderDone, "")
		if got := g.methods(); got != "http-01 tls-alpn-01" {
			t.Errorf("challenges %q", got)
		}
	})
	run(t, 90*day, closed(false), func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseConnection)
		if got := g.methods(); got != "http-01" {
			t.Errorf("challenges %q where 443 leads elsewhere", got)
		}
	})
	run(t, 90*day, func(g *gateway) { g.ca.HTTP, g.ca.ALPN, g.leads = http.NotFoundHandler(), alpn(g), true }, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseWrongAnswer)
		if got := g.methods(); got != "http-01" {
			t.Errorf("challenges %q where port 80 is open", got)
		}
		if got := g.state().Problem.Args["Address"]; got != "203.0.113.7" {
			t.Errorf("address %q", got)
		}
	})
}

// TestServeChallenge: only the waiting challenge is answered, and only at its name.
func TestServeChallenge(t *testing.T) {
	asked := 0
	ask := func(g *gateway, method, url string) bool {
		w := httptest.NewRecorder()
		served := g.ServeChallenge(w, httptest.NewRequest(method, url, nil))
		if !served && w.Body.Len() > 0 {
			t.Errorf("%s has got the answer %q", url, w.Body)
		}
		return served
	}
	var path string
	run(t, 90*day, func(g *gateway) {
		g.ca.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			path = r.URL.Path
			for url, want := range map[string]bool{
				"http://" + gatewayDNS + path:                 true,
				"http://" + gatewayDNS + ":80" + path:         true,
				"http://GW.Company.ru:8080" + path:            true,
				"http://other.company.ru" + path:              false,
				"http://203.0.113.7" + path:                   false,
				"http://[2001:db8::1]:80" + path:              false,
				"http://" + gatewayDNS + path + "x":           false,
				"http://" + gatewayDNS + ChallengePath:        false,
				"http://" + gatewayDNS + "/":                  false,
				"http://" + gatewayDNS + "/x" + ChallengePath: false,
			} {
				if got := ask(g, http.MethodGet, url); got != want {
					t.Errorf("%s answered: %v", url, got)
				}
			}
			if ask(g, http.MethodPost, "http://"+gatewayDNS+path) {
				t.Error("a POST is answered")
			}
			if g.ChallengeCertificate(&tls.ClientHelloInfo{ServerName: gatewayDNS, SupportedProtos: []string{acme.ALPNProto}}) != nil {
				t.Error("a TLS-ALPN-01 handshake is answered")
			}
			g.ServeChallenge(w, r)
		})
	}, func(g *gateway) {
		g.wantState(agent.OrderDone, "")
		if asked == 0 || ask(g, http.MethodGet, "http://"+gatewayDNS+path) {
			t.Errorf("asked %d times; the challenge is still answered", asked)
		}
	})
}

// TestALPNHandshakeOfOthers: nothing is ordered for a handshake.
func TestALPNHandshakeOfOthers(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		g.ca.HTTP, g.leads = nil, true
		g.ca.ALPN = func(hello *tls.ClientHelloInfo) *tls.Certificate {
			for _, other := range []*tls.ClientHelloInfo{
				{ServerName: "other.company.ru", SupportedProtos: hello.SupportedProtos},
				{ServerName: gatewayDNS, SupportedProtos: []string{"http/1.1"}},
				{ServerName: gatewayDNS, SupportedProtos: []string{"http/1.1", acme.ALPNProto}},
				{ServerName: gatewayDNS},
			} {
				if g.ChallengeCertificate(other) != nil {
					t.Errorf("%+v is answered", other)
				}
			}
			return g.ChallengeCertificate(hello)
		}
	}, func(g *gateway) { g.wantState(agent.OrderDone, "") })
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}
