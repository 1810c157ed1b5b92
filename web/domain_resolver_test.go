package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

func TestDomainResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards the variables below
		var domain string
		var changes int
		var found []netip.Addr // nil: DNS does not answer
		set := func(to string, list ...string) {
			mu.Lock()
			defer mu.Unlock()
			domain, found = to, addrs(list...)
		}
		l := newDomainResolver(t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil)))
		l.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(found) == 0 || host != domain {
				return nil, errors.New("no answer")
			}
			return found, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		saved := func() string {
			mu.Lock()
			defer mu.Unlock()
			return domain
		}
		go l.run(ctx, func() []string { return []string{saved(), "198.51.100.9"} }, func() {
			mu.Lock()
			defer mu.Unlock()
			changes++
		})
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		want := func(what, domain string, count int, list ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if got := l.addresses(domain); !reflect.DeepEqual(got, addrs(list...)) || changes != count {
				t.Errorf("%s: %v after %d changes, want %v after %d", what, got, changes, list, count)
			}
		}
		want("nothing saved", "", 0)
		want("an address", "203.0.113.5", 0, "203.0.113.5")
		want("loopback", "127.0.0.1", 0)
		const name = "gw.example.com"
		set(name, "203.0.113.9", "203.0.113.7", "127.0.0.1", "0.0.0.0", "::ffff:203.0.113.7")
		l.lookUpNow()
		synctest.Wait()
		want("looked up", name, 1, "203.0.113.7", "203.0.113.9")
		want("another", "other.example.com", 1)
		pass(lookUpEvery)
		want("the same", name, 1, "203.0.113.7", "203.0.113.9")
		set(name)
		pass(lookUpEvery)
		want("DNS fails", name, 1, "203.0.113.7", "203.0.113.9")
		set(name, "198.51.100.1")
		pass(lookUpRetry)
		want("moved", name, 2, "198.51.100.1")
		cancel()
		synctest.Wait()
	})
}

// TestDomainAfterRestart: until DNS answers, a new process uses the previous one's answer for the same domain.
func TestDomainAfterRestart(t *testing.T) {
	const name = "gw.example.com"
	dir := t.TempDir()
	var log bytes.Buffer
	start := func(found ...string) *domainResolver {
		l := newDomainResolver(dir, slog.New(slog.NewTextHandler(&log, nil)))
		l.lookup = func(context.Context, string) ([]netip.Addr, error) {
			if len(found) == 0 {
				return nil, errors.New("no answer")
			}
			return addrs(found...), nil
		}
		return l
	}
	look := func(l *domainResolver, domain string, want bool) {
		t.Helper()
		if differs, err := l.lookUp(t.Context(), domain); err == nil && differs != want {
			t.Errorf("%s leads elsewhere: %t", domain, differs)
		}
	}
	knows := func(what string, l *domainResolver, domain string, list ...string) {
		t.Helper()
		if got := l.addresses(domain); !reflect.DeepEqual(got, addrs(list...)) {
			t.Errorf("%s: %v, want %v", what, got, list)
		}
	}

	knows("the first process", start(), name)
	look(start("203.0.113.9", "203.0.113.7"), name, true)
	next := start()
	knows("before DNS has answered", next, name, "203.0.113.7", "203.0.113.9")
	knows("another domain", next, "other.example.com")
	look(next, name, false)
	knows("DNS does not answer", next, name, "203.0.113.7", "203.0.113.9")
	look(start("203.0.113.7", "203.0.113.9"), name, false)
	look(start("198.51.100.1"), name, true)
	knows("moved", start(), name, "198.51.100.1")
	look(start("198.51.100.2"), "other.example.com", true)
	knows("the domain before", start(), name)
	if log.Len() > 0 {
		t.Errorf("logged: %s", &log)
	}

	file := filepath.Join(dir, outwardFile)
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("kept as %v, %v", info, err)
	}
	if err := os.WriteFile(file, []byte(`{"domain":"gw.example.com","addresses":["203.0.113.7","127.0.0.1","", "x"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	knows("a broken file", start(), name)
	if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "something"), 0o700)); err != nil {
		t.Fatal(err)
	}
	full := start("203.0.113.7")
	for range 2 {
		look(full, name, full.addresses(name) == nil)
	}
	if n := strings.Count(log.String(), "after a restart they are unknown"); n != 1 {
		t.Errorf("a file that cannot be written is logged %d times:\n%s", n, &log)
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	look(full, name, false)
	knows("written later", start(), name, "203.0.113.7")
}

// TestFormerDomains: agents that know the gateway by a former domain are led to it as well.
func TestFormerDomains(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, outwardFile), []byte(`{"domain":"old.example.com","addresses":["203.0.113.7"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	l := newDomainResolver(dir, log)
	domains := []string{"new.example.com", "old.example.com", "198.51.100.9", "gone.example.com"}
	wants := func(what string, l *domainResolver, list ...string) {
		t.Helper()
		if got := l.addresses(domains...); !reflect.DeepEqual(got, addrs(list...)) {
			t.Errorf("%s: %v, want %v", what, got, list)
		}
	}
	wants("of an earlier version", l, "198.51.100.9", "203.0.113.7")
	l.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "new.example.com" {
			return addrs("203.0.113.9", "203.0.113.7"), nil
		}
		return nil, errors.New("no answer")
	}
	if differs, err := l.lookUp(t.Context(), domains...); !differs || err == nil {
		t.Errorf("differs %v, %v", differs, err)
	}
	wants("one answers", l, "198.51.100.9", "203.0.113.7", "203.0.113.9")
	wants("after a restart", newDomainResolver(dir, log), "198.51.100.9", "203.0.113.7", "203.0.113.9")
	if got := newDomainResolver(dir, log).addresses("old.example.com"); !reflect.DeepEqual(got, addrs("203.0.113.7")) {
		t.Errorf("the former domain leads to %v", got)
	}
	if differs, err := l.lookUp(t.Context(), "new.example.com"); !differs || err != nil {
		t.Errorf("removed: differs %v, %v", differs, err)
	}
	if got := l.addresses("old.example.com"); got != nil {
		t.Errorf("a domain that was removed leads to %v", got)
	}
}

// TestManyAddressesOfFormerDomain: somebody who has a former domain by now cannot crowd out the addresses of the saved one.
func TestManyAddressesOfFormerDomain(t *testing.T) {
	l := newDomainResolver(t.TempDir(), slog.New(slog.DiscardHandler))
	l.lookup = func(_ context.Context, host string) (list []netip.Addr, err error) {
		if host == "gw.example.com" {
			return addrs("203.0.113.7"), nil
		}
		for i := range 2 * maxOutward {
			list = append(list, netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}))
		}
		return list, nil
	}
	if _, err := l.lookUp(t.Context(), "gw.example.com", "old.example.com"); err != nil {
		t.Fatal(err)
	}
	got := l.addresses("gw.example.com", "old.example.com")
	if len(got) != maxOutward || !slices.Contains(got, netip.MustParseAddr("203.0.113.7")) {
		t.Errorf("%v", got)
	}
}

// TestFirewallAfterPowerCut: the first plan of a process already redirects agents in the LAN to the gateway.
func TestFirewallAfterPowerCut(t *testing.T) {
	s := gatewaySettings()
	c := Config{Data: t.TempDir(), Firewall: firewall.ModeOff, TunnelName: "ideco0", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	l := newDomainResolver(c.Data, c.Log)
	l.lookup = func(context.Context, string) ([]netip.Addr, error) { return addrs("203.0.113.7"), nil }
	if _, err := l.lookUp(t.Context(), s.Domain); err != nil {
		t.Fatal(err)
	}
	w, err := openFirewall(c, func() agent.Settings { return s }, tunnel{}, &listeners{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for domain, want := range map[string][]netip.Addr{s.Domain: addrs("203.0.113.7"), "changed.example.com": nil} {
		s.Domain = domain
		if p, _, err := w.planFor(s); err != nil || !reflect.DeepEqual(p.Redirect.GatewayAddrs, want) {
			t.Errorf("%s leads to %v, want %v; %v", domain, p.Redirect.GatewayAddrs, want, err)
		}
	}
}
