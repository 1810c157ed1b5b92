//go:build gateway

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"ideco-agent/agent/netlab"
)

// trust reads a file of roots.
func trust(t testing.TB, rootFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}

// TestFirewallAnotherDomain: agents in the LAN that know the gateway by its former name reach it before login, log in, prove
// their IPv6 addresses and come back after a restart, with the root that they installed then. The gateway's addresses may
// change meanwhile.
func TestFirewallAnotherDomain(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		installed, before := g.rootFile(), g.rootPEM()
		to, six := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world")), w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Says("world"))
		opens := func(when, host, root string, want bool) {
			t.Helper()
			status, page, err := w.fetch(inTwo, two, "https://"+host+":"+portalPort+"/healthz", trust(t, root))
			if (err == nil) != want || err == nil && status != 200 {
				t.Errorf("%s: %s with the root from before %v: %d %s, %v", when, host, root == installed, status, page, err)
			}
		}

		w.IP(t, "gw", "addr", "add", "198.51.100.99/32", "dev", "wan0")
		w.IP(t, "gw", "addr", "add", "fd99:1::1/64", "dev", "lan0", "nodad")
		w.IP(t, "gw", "addr", "add", "2001:db8:77::1/64", "dev", "lan0", "nodad")
		w.IP(t, "gw", "link", "add", "bridge9", "type", "bridge")
		w.IP(t, "gw", "addr", "add", "172.19.0.1/16", "dev", "bridge9")
		g.set("grace_seconds", 60)
		if !bytes.Equal(before, g.rootPEM()) {
			t.Error("new addresses issued another root")
		}
		for _, host := range []string{domain, "10.77.1.1"} {
			opens("new addresses", host, installed, true)
		}

		agent := g.agentIn(w.Name(inOne), "anna", userPassword, "pc", "--root", installed)
		agent.waits("authorized")
		w.open(t, "IPv4", inOne, one, to)
		proved := func(when string) {
			t.Helper()
			netlab.Eventually(t, "IPv6 "+when, func() bool {
				word, _ := w.Hears(inOne, one6, six, netlab.Silence)
				return word == "world"
			})
		}
		proved("before")

		g.set("auth_domain", newDomain)
		now := g.rootFile()
		goesOn := func(when string) {
			t.Helper()
			opens(when, domain, installed, true)
			opens(when, domain, now, true)
			opens(when, newDomain, now, true)
			opens(when, newDomain, installed, false)
			opens(when, "10.77.1.1", installed, true)
		}
		goesOn("saved")
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		goesOn("logged out")
		agent = g.agentIn(w.Name(inOne), "anna", userPassword, "pc", "--root", installed)
		agent.waits("authorized")
		proved("by the former name")

		g.kill(syscall.SIGKILL)
		g.begin()
		agent.waits("authorized")
		goesOn("restarted")
		proved("after a restart")
	})
}

// TestFirewallDomainIsAddress: agents know the gateway by the address of the router in front of it, inside and outside, also
// after another domain is saved.
func TestFirewallDomainIsAddress(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"auth_domain": outer.String()})
		g.person("anna")
		g.where.Agents = []string{netip.MustParseAddrPort(outer.String() + ":" + agentPort).String()}
		installed := g.rootFile()
		six := w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Says("world"))
		for _, when := range []string{"saved", "former"} {
			agent := g.agentIn(w.Name(inOne), "anna", userPassword, "pc", "--root", installed)
			agent.waits("authorized")
			netlab.Eventually(t, "IPv6, "+when, func() bool {
				word, _ := w.Hears(inOne, one6, six, netlab.Silence)
				return word == "world"
			})
			agent.signal(syscall.SIGTERM)
			agent.exits(0)
			if status, page, err := w.fetch(inHome, home, "https://"+outer.String()+":"+portalPort+"/healthz", trust(t, installed)); err != nil || status != 200 {
				t.Errorf("%s, from outside: %d %s, %v", when, status, page, err)
			}
			g.set("auth_domain", newDomain)
		}
	})
}
