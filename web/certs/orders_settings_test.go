package certs

import (
	"net/http"
	"os"
	"path/filepath"
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
		g.ca.Down = func() bool { return true }
		g.change(func() { g.settings.Directory = agent.LetsEncrypt })
		if g.Certificate(gatewayDNS) != nil {
			t.Error("a certificate for tests is served")
		}
		g.ca.Down = nil
		pass(time.Hour)
		first := g.Certificate(gatewayDNS)
		if first == nil || first.Leaf.Equal(staging.Leaf) {
			t.Fatalf("%+v", g.state())
		}
		g.ca.Down = func() bool { return true }
		g.change(func() { g.settings.Directory = companyCA })
		pass(time.Hour)
		if c := g.Certificate(gatewayDNS); c == nil || !c.Leaf.Equal(first.Leaf) {
			t.Error("the certificate of the CA before is not served")
		}
		g.wantState(agent.OrderFailed, agent.CauseUnreachable)
		g.ca.Down = nil
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
			g.ca.EAB["kid-2"] = key
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
		g.ca.Terms = changed
		pass(30 * day)
		g.wantState(agent.OrderDone, "")
		g.ca.Refuse = func(step, _ string) *acmetest.Problem {
			if step != "order" {
				return nil
			}
			return &acmetest.Problem{Status: 403, Type: "urn:ietf:params:acme:error:userActionRequired", Detail: "Terms of service have changed"}
		}
		pass(7 * day)
		g.wantState(agent.OrderFailed, agent.CauseTerms)
	})
}

func TestEmail(t *testing.T) {
	run(t, 90*day, func(g *gateway) { g.settings.Email = "admin@company.ru" }, func(g *gateway) {
		if got := g.ca.Accounts(); len(got) != 1 || len(got[0]) != 1 || got[0][0] != "mailto:admin@company.ru" {
			t.Errorf("accounts %v", got)
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
