package agent

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestInLAN(t *testing.T) {
	s := DefaultSettings()
	s.LocalNetworks, _ = ParseNetworks("local_networks", "10.0.0.0/8, 127.0.0.0/8 2001:db8::/64")
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "127.0.0.1": true, "2001:db8::7": true,
		"10.128.0.5": false, // the VPN network lies inside 10.0.0.0/8 and still is not the LAN
		"192.0.2.1":  false, "2001:db8:1::1": false,
	} {
		if got := s.InLAN(netip.MustParseAddr(addr)); got != want {
			t.Errorf("InLAN(%s) = %v", addr, got)
		}
	}
}

func TestParseNetworks(t *testing.T) {
	got, p := ParseNetworks("local_networks", "192.168.1.7/24\n10.0.0.1, 192.168.1.0/24")
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("192.168.1.0/24")}
	if p.Code != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseNetworks = %v, %v", got, p)
	}
	for _, bad := range []string{"10.0.0.0/33", "office", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, p := ParseNetworks("local_networks", bad); p.Code != "field_network" {
			t.Errorf("ParseNetworks(%q): %v", bad, p)
		}
	}
}

func TestSettingsCheck(t *testing.T) {
	if p := DefaultSettings().Check(); len(p) != 0 {
		t.Errorf("defaults: %v", p)
	}
	for field, change := range map[string]func(*Settings){
		"auth_domain":       func(s *Settings) { s.Domain = "GW.company.ru" },
		"vpn_network":       func(s *Settings) { s.VPNNetwork = netip.MustParsePrefix("10.0.0.0/8") },
		"local_networks":    func(s *Settings) { s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("10.128.1.0/24")} },
		"dns_suffix":        func(s *Settings) { s.DNSSuffixes = []string{"10.0.0.1"} },
		"session_hours_lan": func(s *Settings) { s.SessionLAN = 0 },
		"session_hours_vpn": func(s *Settings) { s.SessionVPN = 2 * MaxSession },
		"grace_seconds":     func(s *Settings) { s.Grace = -1 },
		"devices_per_user":  func(s *Settings) { s.DevicesPerUser = 0 },
		"device_policy":     func(s *Settings) { s.DevicePolicy = "" },
	} {
		s := DefaultSettings()
		change(&s)
		if p := s.Check(); len(p) != 1 || p[0].Field != field {
			t.Errorf("%s: %v", field, p)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		" a\x00b\n": "ab", "абвгд": "абв", "x\u202ey": "xy", "\xff": "\uFFFD",
	} {
		if got := Clean(in, 3); got != want {
			t.Errorf("Clean(%q) = %q", in, got)
		}
	}
}
