package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/web/certs/acmetest"
)

// TestProblemsOfCA: what CAs answer, in the words of Boulder (Let's Encrypt), Pebble and step-ca.
func TestProblemsOfCA(t *testing.T) {
	long := strings.Repeat("я", 2*maxDetail)
	for _, c := range []struct {
		step, kind, detail string
		status             int
		cause              agent.CertificateCause
		address            string // argument of the texts
	}{
		{"validation", "dns", "DNS problem: NXDOMAIN looking up A for gw.company.ru - check that a DNS record exists for this domain", 400, agent.CauseNotFound, ""},
		{"validation", "dns", "no valid A records found for gw.company.ru; no valid AAAA records found for gw.company.ru", 400, agent.CauseNotFound, ""},
		{"validation", "dns", "DNS problem: SERVFAIL looking up A for gw.company.ru - the domain's nameservers may be malfunctioning", 400, agent.CauseDNS, ""},
		{"validation", "dns", "DNS problem: looking up CAA for gw.company.ru: DNSSEC: Bogus", 400, agent.CauseDNS, ""},
		{"validation", "connection", `Get "http://gw.company.ru:5002/.well-known/acme-challenge/x": could not resolve URL "http://gw.company.ru:5002/"`, 400, agent.CauseNotFound, ""},
		{"validation", "malformed", `Could not resolve URL "gw.company.ru"`, 400, agent.CauseNotFound, ""},
		{"validation", "connection", "error doing http GET for url http://gw.company.ru/: dial tcp: lookup gw.company.ru: no such host", 400, agent.CauseNotFound, ""},
		{"validation", "connection", `error occurred while resolving URL "http://gw.company.ru/": "read udp: i/o timeout"`, 400, agent.CauseDNS, ""},
		{"validation", "connection", "203.0.113.7: Fetching http://gw.company.ru/: Timeout during connect (likely firewall problem)", 400, agent.CauseConnection, "203.0.113.7"},
		{"validation", "connection", "2001:db8::7: Fetching http://gw.company.ru/: Connection refused", 400, agent.CauseConnection, "2001:db8::7"},
		{"validation", "connection", "dial tcp 203.0.113.7:80: connect: connection refused", 400, agent.CauseConnection, "203.0.113.7"},
		{"validation", "unauthorized", "Failed to connect to 203.0.113.7:443 for the tls-alpn-01 challenge", 403, agent.CauseConnection, "203.0.113.7"},
		{"validation", "unauthorized", "203.0.113.8: Invalid response from http://gw.company.ru/: 404", 403, agent.CauseWrongAnswer, "203.0.113.8"},
		{"validation", "unauthorized", "The key authorization file from the server did not match this challenge", 403, agent.CauseWrongAnswer, ""},
		{"validation", "incorrectResponse", "keyAuthorization does not match", 400, agent.CauseWrongAnswer, ""},
		{"validation", "tls", "remote error: tls: no application protocol", 400, agent.CauseWrongAnswer, ""},
		{"validation", "caa", "CAA record for company.ru prevents issuance", 403, agent.CauseCAA, ""},
		{"validation", "serverInternal", "Remote PerformValidation RPC failed", 500, agent.CauseCAFailed, ""},
		{"validation", "connection", "IP address is in a reserved address block: [RFC1918]", 400, agent.CausePrivateAddress, ""},
		{"order", "rejectedIdentifier", `Cannot issue for "gw.company.loc": Domain name does not end with a valid public suffix (TLD)`, 400, agent.CausePrivateName, ""},
		{"order", "rejectedIdentifier", "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy", 400, agent.CauseRefusedName, ""},
		{"order", "unsupportedIdentifier", "no", 400, agent.CauseRefusedName, ""},
		{"order", "rateLimited", "too many certificates already issued", 429, agent.CauseRateLimited, ""},
		{"order", "", "slow down", 429, agent.CauseRateLimited, ""},
		{"order", "serverInternal", "boom", 500, agent.CauseCAFailed, ""},
		{"order", "", "<html>502 Bad Gateway</html>", 502, agent.CauseCAFailed, ""},
		{"order", "unauthorized", "the account is deactivated", 403, agent.CauseOther, ""},
		{"order", "malformed", long, 400, agent.CauseOther, ""},
		{"order", "malformed", "a\x00\u202eb\nc", 400, agent.CauseOther, ""},
		{"finalize", "caa", "CAA record for company.ru prevents issuance", 403, agent.CauseCAA, ""},
		{"finalize", "badCSR", "the key is weak", 400, agent.CauseOther, ""},
		{"certificate", "serverInternal", "", 500, agent.CauseCAFailed, ""},
		{"authz", "malformed", "gone", 404, agent.CauseOther, ""},
		{"challenge-http-01", "malformed", "expired", 400, agent.CauseOther, ""},
		{"account", "invalidContact", "contact email has forbidden domain", 400, agent.CauseEmail, ""},
		{"account", "unsupportedContact", "only mailto", 400, agent.CauseEmail, ""},
		{"account", "externalAccountRequired", "needed", 403, agent.CauseEABNeeded, ""},
		{"account", "userActionRequired", "agree again", 403, agent.CauseTerms, ""},
		{"account", "rateLimited", "too many registrations", 429, agent.CauseRateLimited, ""},
		{"account", "unauthorized", "no", 403, agent.CauseOther, ""},
		{"directory", "malformed", "no such page", 404, agent.CauseNoACME, ""},
		{"directory", "serverInternal", "maintenance", 503, agent.CauseCAFailed, ""},
	} {
		run(t, 90*day, func(g *gateway) {
			g.ca.Refuse = func(step, _ string) *acmetest.Problem {
				if step != c.step {
					return nil
				}
				return &acmetest.Problem{Status: c.status, Type: "urn:ietf:params:acme:error:" + c.kind, Detail: c.detail}
			}
		}, func(g *gateway) {
			p := g.state().Problem
			if p == nil {
				t.Fatalf("%s, %s: no problem", c.step, c.detail)
			}
			if p.Code != c.cause || p.Args["Address"] != c.address || p.Args["Name"] != gatewayDNS {
				t.Errorf("%s, %s, %s: %+v, want %s %s", c.step, c.kind, c.detail, p, c.cause, c.address)
			}
			if c.step == "validation" && p.Args["Port"] != "80" {
				t.Errorf("%s: port %q", c.detail, p.Args["Port"])
			}
			if p.Code != agent.CauseNoACME && p.CA != agent.Clean(c.detail, maxDetail) && c.detail != "" {
				t.Errorf("the CA's words %q became %q", c.detail, p.CA)
			}
			if orders := len(g.ca.Orders(gatewayDNS)); orders > 1 {
				t.Errorf("%s, %s: %d orders in one try", c.step, c.detail, orders)
			}
		})
	}
}

// TestAddressOfRecord: where the CA connected to is in its record of the validation.
func TestAddressOfRecord(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		g.ca.Refuse = func(step, _ string) *acmetest.Problem {
			if step != "validation" {
				return nil
			}
			return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:connection", Detail: "Timeout during connect",
				Record: &acmetest.ConnRecord{Address: "2001:db8::9", Port: "8080"}}
		}
	}, func(g *gateway) {
		if args := g.state().Problem.Args; args["Address"] != "2001:db8::9" || args["Port"] != "8080" {
			t.Errorf("%v", args)
		}
	})
}

func TestNoPermittedChallenge(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.Types = []string{"dns-01", "tls-alpn-01"} }, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseOther)
		if p := g.state().Problem; !strings.Contains(p.CA, "dns-01") || g.methods() != "" {
			t.Errorf("%+v, challenges %q", p, g.methods())
		}
	})
}

// TestHangingCA: a validation that never ends, and one of which the CA shows an error although it does not end.
func TestHangingCA(t *testing.T) {
	for _, c := range []struct {
		kind  string
		cause agent.CertificateCause
	}{{"", agent.CauseCAFailed}, {"connection", agent.CauseConnection}} {
		run(t, 90*day, func(g *gateway) {
			g.ca.Hangs = true
			g.ca.Refuse = func(step, _ string) *acmetest.Problem {
				if step != "validation" || c.kind == "" {
					return nil
				}
				return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:" + c.kind, Detail: "connection refused"}
			}
		}, func(g *gateway) {
			if s := g.state(); s.State != agent.OrderRunning {
				t.Errorf("state %s", s.State)
			}
			pass(6 * time.Minute)
			g.wantState(agent.OrderFailed, c.cause)
		})
	}
}

// TestEndOfProgramDoesNotWaitForCA: Run ends at once.
func TestEndOfProgramDoesNotWaitForCA(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.ca.Hangs = true }, func(g *gateway) {
		began := time.Now()
		if g.stop(); time.Since(began) > 0 {
			t.Errorf("it took %v", time.Since(began))
		}
		pass(time.Minute)
	})
}

// TestTerms asks real servers.
func TestTerms(t *testing.T) {
	quiet := func(s *httptest.Server) *httptest.Server { s.Config.ErrorLog = log.New(io.Discard, "", 0); return s }
	ca, err := acmetest.New(90 * day)
	if err != nil {
		t.Fatal(err)
	}
	page := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	directory := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Host = r.Host
		answer, err := ca.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		_, _ = io.Copy(w, answer.Body)
	})
	secure := func(h http.Handler) *httptest.Server {
		s := quiet(httptest.NewUnstartedServer(h))
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	good := secure(directory)
	roots := x509.NewCertPool()
	roots.AddCert(good.Certificate())
	plain := quiet(httptest.NewServer(directory))
	t.Cleanup(plain.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()

	for _, terms := range []string{"", "https://ca.company.ru/terms"} {
		ca.Set(func() { ca.Terms = terms })
		got, err := Terms(t.Context(), good.URL+"/directory", roots)
		if want := map[bool]string{true: agent.TermsNone, false: terms}[terms == ""]; err != nil || got != want {
			t.Errorf("terms %q, %v; want %q", got, err, want)
		}
	}
	host := func(url string) string { return strings.TrimPrefix(strings.SplitN(url, "/dir", 2)[0], "https://") }
	for name, c := range map[string]struct {
		directory string
		roots     *x509.CertPool
		cause     agent.CertificateCause
	}{
		"unknown CA":        {good.URL + "/directory", nil, agent.CauseUntrustedCA},
		"another root":      {good.URL + "/directory", ca.Roots(), agent.CauseUntrustedCA},
		"another name":      {strings.Replace(good.URL, "127.0.0.1", "localhost", 1) + "/directory", roots, agent.CauseUntrustedCA},
		"closed port":       {"https://" + closed.Addr().String() + "/directory", roots, agent.CauseUnreachable},
		"unknown host":      {"https://ca.company.invalid/directory", roots, agent.CauseUnreachable},
		"port of HTTP":      {strings.Replace(plain.URL, "http:", "https:", 1) + "/directory", roots, agent.CauseNoACME},
		"no encryption":     {plain.URL + "/directory", roots, agent.CauseNoACME},
		"a page":            {secure(page("<html>")).URL + "/dir", roots, agent.CauseNoACME},
		"other JSON":        {secure(page(`{"newNonce":1}`)).URL + "/dir", roots, agent.CauseNoACME},
		"old ACME":          {secure(page(`{"new-reg":"https://x/"}`)).URL + "/dir", roots, agent.CauseNoACME},
		"half a directory":  {secure(page(`{"newOrder":"https://x/"}`)).URL + "/dir", roots, agent.CauseNoACME},
		"not found":         {secure(http.NotFoundHandler()).URL + "/dir", roots, agent.CauseNoACME},
		"endless answer":    {secure(page(strings.Repeat(" ", 2*maxAnswer))).URL + "/dir", roots, agent.CauseNoACME},
		"redirect to HTTP":  {secure(http.RedirectHandler(plain.URL+"/directory", http.StatusFound)).URL + "/dir", roots, agent.CauseNoACME},
		"too many requests": {secure(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) })).URL + "/dir", roots, agent.CauseRateLimited},
	} {
		_, err := Terms(t.Context(), c.directory, c.roots)
		var p *agent.CertificateProblem
		if !errors.As(err, &p) || p.Code != c.cause {
			t.Errorf("%s: %v, want %s", name, err, c.cause)
			continue
		}
		if want := host(c.directory); p.Args["Host"] != want && name != "no encryption" && name != "redirect to HTTP" && p.Code != agent.CauseRateLimited {
			t.Errorf("%s: arguments %v, want the host %s", name, p.Args, want)
		}
		if p.Code == agent.CauseUntrustedCA && p.Args["Issuer"] != "Acme Co" && p.Args["Issuer"] != "O=Acme Co" {
			t.Errorf("%s: issuer %q", name, p.Args["Issuer"])
		}
	}
}

// TestBrokenChain: a chain whose certificates do not belong together is not served.
func TestBrokenChain(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		g.Orders.mu.Lock()
		h := g.orders[gatewayDNS].held
		g.Orders.mu.Unlock()
		if err := checkChain(h); err != nil {
			t.Fatal(err)
		}
		broken := &held{Certificate: &tls.Certificate{Certificate: [][]byte{h.Certificate.Certificate[0], h.Certificate.Certificate[0]}}}
		if checkChain(broken) == nil {
			t.Error("a broken chain is accepted")
		}
	})
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "60": time.Minute, "x": 0, "99999999": maxRetryAfter, "999999999999999999999": 0,
		"Mon, 01 Mar 2027 13:00:00 GMT": time.Hour, "Mon, 01 Mar 2027 11:00:00 GMT": 0, "Fri, 01 Mar 2030 11:00:00 GMT": maxRetryAfter,
	} {
		got := retryAfter(header, now)
		if want == 0 && !got.IsZero() || want != 0 && !got.Equal(now.Add(want)) {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestOrderedRenewal(t *testing.T) {
	from := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	for days, before := range map[time.Duration]time.Duration{1: 8 * time.Hour, 6: 2 * day, 45: 15 * day, 90: 30 * day, 397: 30 * day} {
		seen := map[time.Time]bool{}
		for i := range 50 {
			leaf := &x509.Certificate{NotBefore: from, NotAfter: from.Add(days * day), Raw: fmt.Append(nil, i)}
			at := orderedRenewal(leaf)
			if left := leaf.NotAfter.Sub(at); left < before || left > before*11/10 {
				t.Errorf("a certificate of %d days is renewed %v before its end", days, left)
			}
			seen[at] = true
		}
		if len(seen) < 45 {
			t.Errorf("only %d different times of renewal for %d days", len(seen), days)
		}
	}
}
