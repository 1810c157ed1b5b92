package web

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// TestPortalHosts: the setup link is given for this machine and for its addresses in the local networks, no others.
func TestPortalHosts(t *testing.T) {
	local := agent.DefaultSettings()
	local.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fd00::/8"),
		netip.MustParsePrefix("10.0.0.0/8")}
	var own []netip.Addr
	for _, a := range []string{"127.0.0.1", "192.168.1.1", "203.0.113.7", "10.128.0.1", "fd00::1", "2001:db8::1"} {
		own = append(own, netip.MustParseAddr(a))
	}
	for listens, want := range map[string][]string{
		"[::]:8443":        {"127.0.0.1:8443", "192.168.1.1:8443", "[fd00::1]:8443"},
		"0.0.0.0:443":      {"127.0.0.1", "192.168.1.1", "[fd00::1]"},
		"127.0.0.1:8443":   {"127.0.0.1:8443"},
		"192.168.1.1:8443": {"192.168.1.1:8443"},
	} {
		if got := portalHosts(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(listens)), local, own); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", listens, got, want)
		}
	}
}

// TestSetupLink: the lines of the file differ only in the host, and any of them uses up all.
func TestSetupLink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "setup-link")
	s, links, err := newSetupLink(path, []string{"127.0.0.1:8443", "192.168.1.1:8443"}, func(ctx context.Context) (bool, error) { return false, nil })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != strings.Join(links, "\n")+"\n" || len(links) != 2 {
		t.Fatalf("%q, %v, want %q", text, err, links)
	}
	for i, host := range []string{"127.0.0.1:8443", "192.168.1.1:8443"} {
		token, ours := strings.CutPrefix(links[i], "https://"+host+"/setup/")
		if !ours || !s.Valid(t.Context(), token) {
			t.Errorf("%q is not valid", links[i])
		}
	}
	s.Void()
	if _, token, _ := strings.Cut(links[1], "/setup/"); s.Valid(t.Context(), token) {
		t.Error("the link is still valid")
	}
}

// TestPortalURL: before a domain is saved the link leads to the address that the browser came to, if the portal listens there.
func TestPortalURL(t *testing.T) {
	for _, c := range []struct{ domain, listens, arrival, want string }{
		{"gw.company.ru", "[::]:8443", "192.168.1.1", "https://gw.company.ru:8443/"},
		{"", "[::]:8443", "192.168.1.1", "https://192.168.1.1:8443/"},
		{"", "[::]:443", "fd00::1", "https://[fd00::1]/"},
		{"", "127.0.0.1:8443", "127.0.0.1", "https://127.0.0.1:8443/"},
		{"", "127.0.0.1:8443", "192.168.1.1", ""},
		{"", "[::]:8443", "", ""},
	} {
		arrival, _ := netip.ParseAddr(c.arrival)
		if got := portalURL(c.domain, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.listens)), arrival); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
