package certs

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/web/certs/acmetest"
)

func TestNothingIsOrdered(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(*gateway)
		state agent.OrderState
		cause agent.CertificateCause
	}{
		"no directory":       {func(g *gateway) { g.settings.Directory = "" }, agent.OrderOff, ""},
		"terms not accepted": {func(g *gateway) { g.settings.Terms = "" }, agent.OrderOff, ""},
		"uploaded":           {func(g *gateway) { g.covered = true }, agent.OrderUploaded, ""},
		"address":            {func(g *gateway) { g.names = []string{"203.0.113.7"} }, agent.OrderNever, agent.CauseAddress},
		"single label":       {func(g *gateway) { g.names = []string{"gw"} }, agent.OrderNever, agent.CauseSingleLabel},
		"localhost":          {func(g *gateway) { g.names = []string{"localhost"} }, agent.OrderNever, agent.CausePrivateName},
		"private zone": {func(g *gateway) { g.names, g.settings.Directory = []string{"gw.company.local"}, agent.LetsEncrypt },
			agent.OrderNever, agent.CausePrivateName},
		"private address": {func(g *gateway) {
			g.settings.Directory = agent.LetsEncryptStaging
			g.checks = []agent.NameCheck{{Check: agent.CheckPrivateDNS, State: agent.StepFailed, Args: map[string]string{"Addresses": "10.0.0.1, 192.168.1.1"}}}
		}, agent.OrderFailed, agent.CausePrivateAddress},
		"private address, as the gateway finds out": {func(g *gateway) {
			g.settings.Directory = agent.LetsEncrypt
			g.checks = []agent.NameCheck{{Check: agent.CheckPrivateDNS, State: agent.StepFailed, Args: map[string]string{"Addresses": "10.0.0.1"}}}
		}, agent.OrderFailed, agent.CausePrivateAddress},
	} {
		run(t, 90*day, c.set, func(g *gateway) {
			pass(30 * day)
			g.wantState(c.state, c.cause)
			if n := len(g.ca.Orders(g.names[0])); n != 0 || g.Certificate(g.names[0]) != nil {
				t.Errorf("%s: %d orders", name, n)
			}
			if p := g.state().Problem; p != nil && p.Args["Name"] != g.names[0] {
				t.Errorf("%s: arguments %v", name, p.Args)
			}
		})
	}
}

// TestOrderedAllTheSame: names and addresses that a company's CA can check, and checks that only warn.
func TestOrderedAllTheSame(t *testing.T) {
	found := func(kind agent.NameCheckKind) []agent.NameCheck {
		return []agent.NameCheck{{Check: kind, State: agent.StepFailed, Args: map[string]string{"Addresses": "10.0.0.1"}}}
	}
	for name, set := range map[string]func(*gateway){
		"private zone at a company's CA":    func(g *gateway) { g.names = []string{"gw.company.local"} },
		"private address at a company's CA": func(g *gateway) { g.checks = found(agent.CheckPrivateDNS) },
		"public address":                    func(g *gateway) { g.settings.Directory, g.checks = agent.LetsEncrypt, found(agent.CheckPublicDNS) },
		"CAA":                               func(g *gateway) { g.settings.Directory, g.checks = agent.LetsEncrypt, found(agent.CheckCAA) },
		"split DNS":                         func(g *gateway) { g.settings.Directory, g.checks = agent.LetsEncrypt, found(agent.CheckSplitDNS) },
	} {
		run(t, 90*day, set, func(g *gateway) {
			if g.wantState(agent.OrderDone, ""); g.Certificate(g.names[0]) == nil {
				t.Errorf("%s: no certificate", name)
			}
		})
	}
}

// TestStateWithoutUploaded: what follows an uploaded certificate.
func TestStateWithoutUploaded(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*gateway)
		then agent.OrderState
	}{
		"off":       {func(g *gateway) { g.settings.Directory = "" }, agent.OrderOff},
		"terms":     {func(g *gateway) { g.settings.Terms = "" }, agent.OrderOff},
		"never":     {func(g *gateway) { g.names = []string{"gw"} }, agent.OrderNever},
		"none yet":  {func(*gateway) {}, agent.OrderRunning},
		"had one":   {func(g *gateway) { g.covered = false }, agent.OrderDone},
		"had error": {func(g *gateway) { g.covered, g.ca.HTTP = false, nil }, agent.OrderFailed},
	} {
		run(t, 90*day, func(g *gateway) { g.covered = true; c.set(g) }, func(g *gateway) {
			g.change(func() { g.covered = true })
			if s := g.state(); s.State != agent.OrderUploaded || s.Then != c.then || s.Problem != nil {
				t.Errorf("%s: %+v", name, s)
			}
			g.change(func() { g.covered = false })
			if s := g.state(); s.State != c.then || s.Then != "" {
				t.Errorf("%s, without it: %+v", name, s)
			}
		})
	}
}

func TestChecksOfProblem(t *testing.T) {
	for _, directory := range []string{agent.LetsEncrypt, companyCA} {
		run(t, 90*day, func(g *gateway) {
			g.ca.HTTP, g.settings.Directory = nil, directory
			g.checks = []agent.NameCheck{{Check: agent.CheckPort80, State: agent.StepFailed}}
		}, func(g *gateway) {
			g.wantState(agent.OrderFailed, agent.CauseConnection)
			if got := g.state().Problem.Checks; len(got) != 1 || got[0].Check != agent.CheckPort80 {
				t.Errorf("%s: checks %v", directory, got)
			}
		})
	}
}

func TestFormerNames(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.names = []string{"old.company.ru", "older.company.ru"} }, func(g *gateway) {
		g.change(func() { g.names = []string{gatewayDNS, "old.company.ru"} })
		pass(time.Minute)
		for i, name := range g.names {
			if s := g.State()[i]; s.Name != name || s.State != agent.OrderDone || g.Certificate(name) == nil {
				t.Errorf("%+v", s)
			}
		}
		if g.Certificate("older.company.ru") != nil {
			t.Error("the certificate of a removed name is still there")
		}
		if n := len(g.ca.Orders("old.company.ru")); n != 1 {
			t.Errorf("%d orders for a name that became a former one", n)
		}
	})
}

// TestRemovedName: nothing is ordered for a name that was removed, a try for it ends, and its files go, at a former CA too. What counts
// for the limits of the CA is not forgotten at once.
func TestRemovedName(t *testing.T) {
	const old = "old.company.ru"
	files := func(g *gateway, name string) int {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(g.dir, ordersDir, "*", certificateFile(name)))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	tried := func(g *gateway) (map[string]*tries, string) {
		t.Helper()
		path := filepath.Join(g.dir, ordersDir, caDir(agent.LetsEncrypt), triesFile)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return g.loadTries(caDir(agent.LetsEncrypt)), string(text)
	}
	run(t, 6*day, func(g *gateway) { g.names = []string{gatewayDNS, old} }, func(g *gateway) {
		g.change(func() { g.settings.Directory = agent.LetsEncrypt })
		pass(time.Minute)
		if files(g, old) != 2 || files(g, gatewayDNS) != 2 {
			t.Fatalf("%d and %d files", files(g, old), files(g, gatewayDNS))
		}
		g.change(func() { g.names = []string{gatewayDNS} })
		pass(time.Second)
		if files(g, old) != 0 || files(g, gatewayDNS) != 2 {
			t.Errorf("%d files of the removed name, %d of the other", files(g, old), files(g, gatewayDNS))
		}
		if list, _ := tried(g); list[old] == nil {
			t.Error("the times of its orders were forgotten at once")
		}
		orders := len(g.ca.Orders(old))
		pass(30 * day)
		if n := len(g.ca.Orders(old)); n != orders || files(g, old) != 0 {
			t.Errorf("%d more orders for the removed name, %d files", n-orders, files(g, old))
		}
		if list, text := tried(g); list[old] != nil || list[gatewayDNS] == nil {
			t.Errorf("tries: %s", text)
		}
		g.change(func() { g.names = []string{gatewayDNS, old} })
		pass(time.Minute)
		if g.State()[1].State != agent.OrderDone || g.Certificate(old) == nil {
			t.Errorf("it came back: %+v", g.State()[1])
		}
		g.stop() // removed while the program was off
		g.names = []string{gatewayDNS}
		g.open()
		if files(g, old) != 0 || g.Certificate(gatewayDNS) == nil {
			t.Errorf("%d files after a start", files(g, old))
		}
		g.start()
	})
	run(t, 6*day, func(g *gateway) { // while it is tried
		g.ca.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == old+":80" {
				g.change(func() { g.names = []string{gatewayDNS} })
			}
			g.ServeChallenge(w, r)
		})
		g.names = []string{gatewayDNS, old}
	}, func(g *gateway) {
		pass(10 * day)
		if n := len(g.ca.Orders(old)); n != 1 || files(g, old) != 0 {
			t.Errorf("%d orders, %d files", n, files(g, old))
		}
	})
}

// TestOneNameDoesNotHoldUpTheOther: a name that the CA cannot reach.
func TestOneNameDoesNotHoldUpTheOther(t *testing.T) {
	run(t, 6*day, func(g *gateway) {
		g.names = []string{"closed.company.ru", gatewayDNS}
		g.ca.Refuse = func(step, name string) *acmetest.Problem {
			if step == "validation" && name == "closed.company.ru" {
				return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:connection", Detail: "Timeout during connect"}
			}
			return nil
		}
	}, func(g *gateway) {
		pass(30 * day)
		g.wantState(agent.OrderFailed, agent.CauseConnection)
		if g.State()[1].State != agent.OrderDone || g.Certificate(gatewayDNS) == nil {
			t.Errorf("%+v", g.State()[1])
		}
	})
}

// TestAnotherCA: the certificate of the CA before is served until the new CA has issued one, but never a test certificate of Let's Encrypt.
// While nothing is ordered, none is served.
func TestAnotherCA(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.settings.Directory = agent.LetsEncryptStaging }, func(g *gateway) {
		staging := g.Certificate(gatewayDNS)
		if staging == nil {
			t.Fatal("no certificate")
		}
		g.ca.Set(func() { g.ca.Down = func() bool { return true } })
		g.change(func() { g.settings.Directory = agent.LetsEncrypt })
		if g.Certificate(gatewayDNS) != nil {
			t.Error("a certificate for tests is served")
		}
		g.ca.Set(func() { g.ca.Down = nil })
		pass(time.Hour)
		first := g.Certificate(gatewayDNS)
		if first == nil || first.Leaf.Equal(staging.Leaf) {
			t.Fatalf("%+v", g.state())
		}
		g.ca.Set(func() { g.ca.Down = func() bool { return true } })
		g.change(func() { g.settings.Directory = companyCA })
		pass(time.Hour)
		if c := g.Certificate(gatewayDNS); c == nil || !c.Leaf.Equal(first.Leaf) {
			t.Error("the certificate of the CA before is not served")
		}
		g.wantState(agent.OrderFailed, agent.CauseUnreachable)
		g.ca.Set(func() { g.ca.Down = nil })
		g.change(func() { g.settings.Email = "admin@company.ru" })
		pass(time.Minute)
		g.wantState(agent.OrderDone, "")
		company := g.Certificate(gatewayDNS)
		if company == nil || company.Leaf.Equal(first.Leaf) {
			t.Error("the certificate of the CA before is still served")
		}
		orders := len(g.ca.Orders(gatewayDNS))
		g.change(func() { g.settings.Directory = agent.LetsEncrypt })
		pass(time.Minute)
		if c := g.Certificate(gatewayDNS); c == nil || !c.Leaf.Equal(first.Leaf) || len(g.ca.Orders(gatewayDNS)) != orders {
			t.Error("going back to a CA does not serve its certificate from the file")
		}
		g.change(func() { g.settings.Directory = "" })
		if g.wantState(agent.OrderOff, ""); g.Certificate(gatewayDNS) != nil {
			t.Error("a certificate is served although nothing is ordered")
		}
	})
}

// TestChangeEndsTry: a try under settings that have changed leaves no problem and no certificate.
func TestChangeEndsTry(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		g.ca.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.change(func() { g.settings.Directory = "" })
			g.ServeChallenge(w, r)
		})
	}, func(g *gateway) {
		pass(time.Hour)
		g.wantState(agent.OrderOff, "")
		g.wantEvents()
		if g.Certificate(gatewayDNS) != nil {
			t.Error("there is a certificate")
		}
	})
}

func TestExternalAccount(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	needed := func(g *gateway) { g.ca.EAB = map[string][]byte{"kid-1": key} }
	with := func(kid string, key []byte) func(*gateway) {
		return func(g *gateway) { needed(g); g.settings.EAB = &acme.ExternalAccountBinding{KID: kid, Key: key} }
	}
	for name, c := range map[string]struct {
		set   func(*gateway)
		state agent.OrderState
		cause agent.CertificateCause
	}{
		"right":       {with("kid-1", key), agent.OrderDone, ""},
		"none":        {needed, agent.OrderFailed, agent.CauseEABNeeded},
		"unknown":     {with("kid-2", key), agent.OrderFailed, agent.CauseEABWrong},
		"another key": {with("kid-1", []byte("0123456789abcdef")), agent.OrderFailed, agent.CauseEABWrong},
		"lost": {func(g *gateway) { with("kid-1", nil)(g); g.settings.EABLost = true },
			agent.OrderFailed, agent.CauseEABLost},
		"lost, as a nil": {func(g *gateway) { needed(g); g.settings.EABLost = true }, agent.OrderFailed, agent.CauseEABLost},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, 90*day, c.set, func(g *gateway) { g.wantState(c.state, c.cause) })
		})
	}
	t.Run("lost after the account was made", func(t *testing.T) {
		run(t, 6*day, with("kid-1", key), func(g *gateway) {
			g.change(func() { g.settings.EAB, g.settings.EABLost = &acme.ExternalAccountBinding{KID: "kid-1"}, true })
			pass(30 * day)
			g.wantState(agent.OrderDone, "")
			if n := len(g.ca.Accounts()); n != 1 {
				t.Errorf("%d accounts", n)
			}
		})
	})
	t.Run("another external account", func(t *testing.T) {
		run(t, 6*day, with("kid-1", key), func(g *gateway) {
			g.ca.Set(func() { g.ca.EAB["kid-2"] = key })
			g.change(func() { g.settings.EAB = &acme.ExternalAccountBinding{KID: "kid-2", Key: key} })
			pass(30 * day)
			if n := len(g.ca.Accounts()); n != 2 {
				t.Errorf("%d accounts", n)
			}
		})
	})
}

// TestTermsOfService: only accepted terms are agreed to. An account that exists is still used under other terms, unless the CA refuses it.
func TestTermsOfService(t *testing.T) {
	const old, changed = "https://ca.company.ru/terms-1", "https://ca.company.ru/terms-2"
	run(t, 90*day, func(g *gateway) { g.ca.Terms = changed; g.settings.Terms = old }, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseTerms)
		if len(g.ca.Accounts()) != 0 {
			t.Error("an account was made")
		}
		g.change(func() { g.settings.Terms = changed })
		pass(time.Minute)
		g.wantState(agent.OrderDone, "")
	})
	run(t, 6*day, func(g *gateway) { g.ca.Terms = old; g.settings.Terms = old }, func(g *gateway) {
		g.ca.Set(func() { g.ca.Terms = changed })
		pass(30 * day)
		g.wantState(agent.OrderDone, "")
		g.ca.Set(func() {
			g.ca.Refuse = func(step, _ string) *acmetest.Problem {
				if step != "order" {
					return nil
				}
				return &acmetest.Problem{Status: 403, Type: "urn:ietf:params:acme:error:userActionRequired", Detail: "Terms of service have changed"}
			}
		})
		pass(7 * day)
		g.wantState(agent.OrderFailed, agent.CauseTerms)
	})
}

// TestAccountGone: an account that the CA no longer has, or that was deactivated, is replaced under the accepted terms. One that the CA
// has revoked is not.
func TestAccountGone(t *testing.T) {
	const terms = "https://ca.company.ru/terms"
	key := []byte("0123456789abcdef0123456789abcdef")
	problem := func(status int, kind, detail string) *acmetest.Problem {
		return &acmetest.Problem{Status: status, Type: "urn:ietf:params:acme:error:" + kind, Detail: detail}
	}
	deactivated := problem(403, "unauthorized", "Account is not valid, has status \"deactivated\"")
	for name, c := range map[string]struct {
		closed   *acmetest.Problem
		change   func(*gateway) // at the time when the account goes; nil = nothing
		state    agent.OrderState
		cause    agent.CertificateCause
		accounts int
	}{
		"deactivated":    {deactivated, nil, agent.OrderDone, "", 2},
		"does not exist": {problem(400, "accountDoesNotExist", "Account not found"), nil, agent.OrderDone, "", 2},
		"other words":    {problem(401, "unauthorized", "Account has been deactivated"), nil, agent.OrderDone, "", 2},
		"bound":          {deactivated, func(g *gateway) { g.ca.EAB = map[string][]byte{"kid-1": key} }, agent.OrderDone, "", 2},
		"other terms":    {deactivated, func(g *gateway) { g.ca.Terms = terms + "-2" }, agent.OrderFailed, agent.CauseTerms, 1},
		"revoked":        {problem(403, "unauthorized", "Account is not valid, has status \"revoked\""), nil, agent.OrderFailed, "", 1},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %v", name, late), func(t *testing.T) {
				run(t, 6*day, func(g *gateway) {
					g.ca.Terms, g.settings.Terms = terms, terms
					if name == "bound" {
						g.settings.EAB = &acme.ExternalAccountBinding{KID: "kid-1", Key: key}
					}
				}, func(g *gateway) {
					g.wantState(agent.OrderDone, "")
					g.ca.Close(c.closed, late)
					if c.change != nil {
						g.ca.Set(func() { c.change(g) })
					}
					pass(20 * day)
					if s := g.state(); s.State != c.state || c.cause != "" && s.Problem.Code != c.cause || len(g.ca.Accounts()) != c.accounts {
						t.Errorf("%s, %+v, %d accounts", s.State, s.Problem, len(g.ca.Accounts()))
					}
					for i, at := range g.ca.Orders(gatewayDNS)[1:] {
						if at.Sub(g.ca.Orders(gatewayDNS)[i]) < day {
							t.Errorf("an order at %v after one at %v", at, g.ca.Orders(gatewayDNS)[i])
						}
					}
				})
			})
		}
	}
	run(t, 6*day, nil, func(g *gateway) { // at a CA that closes every account
		tries := 0
		g.ca.Set(func() {
			g.ca.Refuse = func(step, _ string) *acmetest.Problem {
				if step != "order" {
					return nil
				}
				tries++
				return deactivated
			}
		})
		pass(30 * day)
		if g.wantState(agent.OrderFailed, agent.CauseOther); tries > 2*30*24/6 {
			t.Errorf("%d tries in 30 days", tries)
		}
	})
}

// TestEmail: an address that changes reaches the account without an order, also where the CA is down at first or the program is
// started again meanwhile.
func TestEmail(t *testing.T) {
	contacts := func(g *gateway, want ...string) {
		t.Helper()
		got := g.ca.Accounts()
		if len(got) != 1 || !slices.Equal(got[0], want) || len(g.ca.Orders(gatewayDNS)) != 1 {
			t.Errorf("accounts %q, want one with %q; %d orders", got, want, len(g.ca.Orders(gatewayDNS)))
		}
	}
	down := func(g *gateway, down bool) { g.ca.Set(func() { g.ca.Down = func() bool { return down } }) }
	for name, first := range map[string]string{"changed": "admin@company.ru", "added": ""} {
		t.Run(name, func(t *testing.T) {
			run(t, 90*day, func(g *gateway) { g.settings.Email = first }, func(g *gateway) {
				if first == "" {
					contacts(g)
				} else {
					contacts(g, "mailto:"+first)
				}
				g.change(func() { g.settings.Email = "boss@company.ru" })
				pass(time.Minute)
				contacts(g, "mailto:boss@company.ru")
				g.wantState(agent.OrderDone, "")

				down(g, true)
				g.change(func() { g.settings.Email = "new@company.ru" })
				pass(time.Hour)
				contacts(g, "mailto:boss@company.ru")
				g.wantState(agent.OrderDone, "")
				down(g, false)
				pass(2 * time.Hour)
				contacts(g, "mailto:new@company.ru")

				down(g, true)
				g.change(func() { g.settings.Email = "last@company.ru" })
				pass(time.Minute)
				g.stop()
				down(g, false)
				g.open()
				g.start()
				pass(time.Minute)
				contacts(g, "mailto:last@company.ru")
				g.wantEvents(agent.EventIssued)
			})
		})
	}
}

// TestEmailRefused: a CA that refuses the address renews all the same.
func TestEmailRefused(t *testing.T) {
	run(t, 6*day, nil, func(g *gateway) {
		asked := 0
		g.ca.Set(func() {
			g.ca.Refuse = func(step, _ string) *acmetest.Problem {
				if step != "contact" {
					return nil
				}
				asked++
				return &acmetest.Problem{Status: 400, Type: "urn:ietf:params:acme:error:invalidContact", Detail: "forbidden domain"}
			}
		})
		g.change(func() { g.settings.Email = "admin@company.invalid" })
		pass(30 * day)
		if g.wantState(agent.OrderDone, ""); asked < 2 || asked > 2*30+8 || len(g.ca.Orders(gatewayDNS)) < 5 {
			t.Errorf("the CA was told %d times in 30 days; %d orders", asked, len(g.ca.Orders(gatewayDNS)))
		}
	})
}

// TestStorage: without its files nothing is ordered. A certificate that cannot be written is served all the same.
func TestStorage(t *testing.T) {
	run(t, 90*day, func(g *gateway) {
		if err := os.WriteFile(filepath.Join(g.dir, ordersDir, caDir(companyCA)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseStorage)
		if g.state().Problem.Args["Error"] == "" || len(g.ca.Orders(gatewayDNS)) != 0 {
			t.Errorf("%+v, %d orders", g.state().Problem, len(g.ca.Orders(gatewayDNS)))
		}
		if err := os.Remove(filepath.Join(g.dir, ordersDir, caDir(companyCA))); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		g.wantState(agent.OrderDone, "")
	})
	run(t, 90*day, func(g *gateway) {
		blocked := filepath.Join(g.dir, ordersDir, caDir(companyCA), certificateFile(gatewayDNS), "x")
		if err := os.MkdirAll(blocked, 0o700); err != nil {
			t.Fatal(err)
		}
	}, func(g *gateway) {
		g.wantState(agent.OrderFailed, agent.CauseStorage)
		if g.Certificate(gatewayDNS) == nil {
			t.Error("the certificate is not served")
		}
		if err := os.RemoveAll(filepath.Join(g.dir, ordersDir, caDir(companyCA), certificateFile(gatewayDNS))); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		g.wantState(agent.OrderDone, "")
		if n := len(g.ca.Orders(gatewayDNS)); n != 1 {
			t.Errorf("%d orders", n)
		}
		g.open()
		if g.Certificate(gatewayDNS) == nil {
			t.Error("it was not written later")
		}
	})
}

// TestDamagedFiles: what cannot be read is ordered anew.
func TestDamagedFiles(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		g.stop()
		dir := filepath.Join(g.dir, ordersDir, caDir(companyCA))
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 3 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			path := filepath.Join(dir, f.Name())
			info, err := f.Info()
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
			}
			if err := os.WriteFile(path, []byte("null"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		g.open()
		g.start()
		pass(time.Minute)
		g.wantState(agent.OrderDone, "")
		if len(g.ca.Orders(gatewayDNS)) != 2 || len(g.ca.Accounts()) != 2 {
			t.Errorf("%d orders, %d accounts", len(g.ca.Orders(gatewayDNS)), len(g.ca.Accounts()))
		}
	})
}

// TestLeftovers: what a crash left half-written may hold a private key.
func TestLeftovers(t *testing.T) {
	run(t, 90*day, nil, func(g *gateway) {
		g.stop()
		left := filepath.Join(g.dir, ordersDir, caDir(companyCA), "."+certificateFile(gatewayDNS)+".123.tmp")
		if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		g.open()
		if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", left, err)
		}
		if g.Certificate(gatewayDNS) == nil {
			t.Error("the certificate is not served")
		}
		g.start()
	})
}

// TestChainSize: clients refuse a chain that is too large, so it must not take the place of the own root's.
func TestChainSize(t *testing.T) {
	for size, want := range map[int]bool{1 << 10: true, maxChainBytes: false} {
		key, err := newKey()
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{DNSNames: []string{gatewayDNS}, NotAfter: time.Now().Add(90 * day),
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, size)}}}
		leaf, err := sign(template, template, key, key)
		if err != nil {
			t.Fatal(err)
		}
		h := &held{Certificate: &tls.Certificate{Certificate: [][]byte{leaf.Raw}, Leaf: leaf}}
		if err := checkChain(h); (err == nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
