package agent

import (
	"encoding/json"
	"net/netip"
	"testing"
)

// TestPeerHost: in the LAN a host is one address, outside an IPv6 /64.
func TestPeerHost(t *testing.T) {
	for _, c := range []struct {
		addr       string
		inside     bool
		host, site string
		networks   int
	}{
		{"203.0.113.7", false, "203.0.113.7/32", "invalid Prefix", 1},
		{"192.168.1.7", true, "192.168.1.7/32", "invalid Prefix", 1},
		{"2001:db8:1:2ff:3::4", false, "2001:db8:1:2ff::/64", "2001:db8:1:200::/56", 4},
		{"2001:db8:1:2ff:3::4", true, "2001:db8:1:2ff:3::4/128", "invalid Prefix", 2},
		{"fd00::7", true, "fd00::7/128", "invalid Prefix", 2},
		{"fe80::7%eth0", true, "fe80::7/128", "invalid Prefix", 2},
	} {
		p := Peer{Addr: netip.MustParseAddr(c.addr), Inside: c.inside}
		if host, site := p.Host().String(), p.CustomerNetwork().String(); host != c.host || site != c.site {
			t.Errorf("%+v: host %s, site %s, want %s and %s", p, host, site, c.host, c.site)
		}
		networks := p.Networks()
		if len(networks) != c.networks || networks[len(networks)-1] != p.Host() {
			t.Errorf("%+v: %v", p, networks)
		}
		for i, network := range networks {
			if !network.Contains(p.Addr.WithZone("")) || i > 0 && network.Bits() <= networks[i-1].Bits() {
				t.Errorf("%+v: %v", p, networks)
			}
		}
	}
	if host := (Peer{}).Host(); host.IsValid() {
		t.Errorf("nobody: %s", host)
	}
	text, err := json.Marshal(Peer{Addr: netip.MustParseAddr("203.0.113.7")})
	if string(text) != `"203.0.113.7"` || err != nil {
		t.Errorf("in a JSON log: %s, %v", text, err)
	}
}
