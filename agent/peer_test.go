package agent

import (
	"encoding/json"
	"net/netip"
	"testing"
)

// A LAN's hosts share a /64, and one must not pay for another; outside, one host has the whole /64.
func TestPeerHost(t *testing.T) {
	for _, c := range []struct {
		addr       string
		inside     bool
		host, site string
	}{
		{"203.0.113.7", false, "203.0.113.7/32", "invalid Prefix"},
		{"192.168.1.7", true, "192.168.1.7/32", "invalid Prefix"},
		{"2001:db8:1:2ff:3::4", false, "2001:db8:1:2ff::/64", "2001:db8:1:200::/56"},
		{"2001:db8:1:2ff:3::4", true, "2001:db8:1:2ff:3::4/128", "invalid Prefix"},
		{"fd00::7", true, "fd00::7/128", "invalid Prefix"},
		{"fe80::7%eth0", true, "fe80::7/128", "invalid Prefix"},
	} {
		p := Peer{Addr: netip.MustParseAddr(c.addr), Inside: c.inside}
		if host, site := p.Host().String(), p.Site().String(); host != c.host || site != c.site {
			t.Errorf("%+v: host %s, site %s, want %s and %s", p, host, site, c.host, c.site)
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
