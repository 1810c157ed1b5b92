package web

import (
	"net/netip"
	"testing"

	"ideco-agent/agent"
)

func TestCertificateName(t *testing.T) {
	own := func(a netip.Addr) bool {
		switch a.String() {
		case "10.0.0.5", "10.0.0.6", "198.51.100.1", "fd00::5":
			return true
		}
		return false
	}
	name := []string{"new.ru", "old.ru"}
	behindNAT := []string{"203.0.113.7"}
	for _, c := range []struct {
		domains []string // the domain and the former ones
		sni     string
		arrival string
		natted  bool
		want    string
	}{
		{name, "new.ru", "10.0.0.5", true, "new.ru"},
		{name, "old.ru", "10.0.0.5", true, "old.ru"},
		{name, "OLD.ru.", "10.0.0.5", true, "old.ru"},
		{name, "localhost", "127.0.0.1", true, "localhost"},
		{name, "other.ru", "10.0.0.5", true, "10.0.0.5"}, // asks for another host, so that it is refused
		{nil, "", "10.0.0.5", true, "10.0.0.5"},
		{name, "", "198.51.100.1", true, "198.51.100.1"},
		{name, "", "fd00::5", true, "fd00::5"}, // the address proof of an agent that does not send the gateway's name

		{behindNAT, "", "10.0.0.5", true, "203.0.113.7"},
		{behindNAT, "", "10.0.0.5", false, "10.0.0.5"}, // the portal, from the LAN
		{behindNAT, "", "127.0.0.1", true, "127.0.0.1"},
		{behindNAT, "", "fd00::5", true, "fd00::5"}, // an address proof over IPv6
		{[]string{"2001:db8::7"}, "", "fd00::5", true, "2001:db8::7"},
		{[]string{"new.ru", "203.0.113.7"}, "", "10.0.0.5", true, "203.0.113.7"},
		{[]string{"203.0.113.8", "203.0.113.7"}, "", "10.0.0.5", true, "203.0.113.8"},

		// A domain that is this computer's address is reached without NAT.
		{[]string{"10.0.0.5", "198.51.100.1"}, "", "10.0.0.5", true, "10.0.0.5"},
		{[]string{"10.0.0.5", "198.51.100.1"}, "", "198.51.100.1", true, "198.51.100.1"},
		{[]string{"10.0.0.5", "198.51.100.1"}, "", "10.0.0.6", true, "10.0.0.6"},
	} {
		var s agent.Settings
		if len(c.domains) > 0 {
			s.Domain, s.FormerDomains = c.domains[0], c.domains[1:]
		}
		if got := certificateName(s, own, c.sni, netip.MustParseAddr(c.arrival), c.natted); got != c.want {
			t.Errorf("%v, SNI %q at %s, natted %v: %s, want %s", c.domains, c.sni, c.arrival, c.natted, got, c.want)
		}
	}
}
