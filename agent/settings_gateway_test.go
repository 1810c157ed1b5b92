package agent

import (
	"net/netip"
	"reflect"
	"strconv"
	"testing"
	"time"
)

func between(lan, wan string) GatewaySettings {
	g := DefaultSettings().GatewaySettings
	g.LANInterfaces, g.WANInterfaces = []string{lan}, []string{wan}
	return g
}

func TestSettingsCheckGateway(t *testing.T) {
	for _, c := range []struct {
		field, code string
		change      func(*GatewaySettings)
	}{
		{"", "", func(*GatewaySettings) {}},
		{"", "", func(g *GatewaySettings) { g.LANInterfaces = []string{"br-0123456789ab", "eth0.100"} }},
		{"", "", func(g *GatewaySettings) { g.LANInterfaces, g.WANInterfaces = nil, nil }},
		{"lan_interfaces", "field_lan_missing", func(g *GatewaySettings) { g.LANInterfaces = nil }},
		{"wan_interfaces", "field_wan_missing", func(g *GatewaySettings) { g.WANInterfaces = nil }},
		{"wan_interfaces", "field_interface_twice", func(g *GatewaySettings) { g.WANInterfaces = g.LANInterfaces }},
		{"lan_interfaces", "field_interface_twice", func(g *GatewaySettings) { g.LANInterfaces = []string{"a", "a"} }},
		{"lan_interfaces", "field_too_many_interfaces", func(g *GatewaySettings) {
			for i := 0; i < MaxInterfaces; i++ {
				g.LANInterfaces = append(g.LANInterfaces, "v"+strconv.Itoa(i))
			}
		}},
		{"open_before_login", "", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("2001:db8::53") }},
		{"open_before_login", "", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("192.0.2.53:53", "[2001:db8::53]:53") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("127.0.0.53:53") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("0.0.0.0") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("127.0.0.53") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("255.255.255.255") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("::") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("fe80::1") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("ff02::1") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("::ffff:10.0.0.1") }},
		{"open_before_login", "field_open_address", func(g *GatewaySettings) { g.OpenBeforeLogin = opens("2001:db8::1%eth0") }},
		{"open_before_login", "field_too_many_open", func(g *GatewaySettings) {
			for i := byte(0); i <= MaxOpen; i++ {
				g.OpenBeforeLogin = append(g.OpenBeforeLogin, OpenServer{Addr: netip.AddrFrom4([4]byte{10, 0, 0, i})})
			}
		}},
		{"firewall_timeout_seconds", "", func(g *GatewaySettings) { g.FirewallTimeout = 10 * time.Second }},
		{"firewall_timeout_seconds", "", func(g *GatewaySettings) { g.FirewallTimeout = 10 * time.Minute }},
		{"firewall_timeout_seconds", "field_firewall_timeout", func(g *GatewaySettings) { g.FirewallTimeout = 9 * time.Second }},
		{"firewall_timeout_seconds", "field_firewall_timeout", func(g *GatewaySettings) { g.FirewallTimeout = 10*time.Minute + time.Second }},
		{"firewall_timeout_seconds", "field_firewall_timeout", func(g *GatewaySettings) { g.FirewallTimeout = 10*time.Second + 1 }},
	} {
		s := DefaultSettings()
		s.GatewaySettings = between("lan0", "wan0")
		c.change(&s.GatewaySettings)
		got := s.Check()
		if c.code == "" && len(got) != 0 || c.code != "" && (len(got) != 1 || got[0].Field != c.field || got[0].Code != c.code) {
			t.Errorf("%v, want %s %s", got, c.field, c.code)
		}
	}
}

func TestIsInterface(t *testing.T) {
	for name, want := range map[string]bool{
		"eth0": true, "eth0.100": true, "br-0123456789ab": true, "wan@home": true,
		"": false, ".": false, "..": false, "br-0123456789abc": false, "a/b": false, "a b": false, "a\tb": false, "eth0:1": false,
		"eth*": false, `a"b`: false, `a\b`: false, "сеть": false, "a\x00": false, "a\x7f": false,
	} {
		if IsInterface(name) != want {
			t.Errorf("IsInterface(%q) = %v", name, !want)
		}
	}
}

func TestGatewayTrial(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)
	first, second, third := DefaultSettings().GatewaySettings, between("lan0", "wan0"), between("lan1", "wan0")
	s := DefaultSettings()
	is := func(what string, choice GatewaySettings, until time.Time) {
		t.Helper()
		if !s.GatewaySettings.Same(choice) || !s.Trial.Until.Equal(until) || s.OnTrial() == until.IsZero() {
			t.Errorf("%s: %+v on trial until %v", what, s.GatewaySettings, s.Trial.Until)
		}
	}

	s.TryGateway(first, now)
	is("what is there", first, time.Time{})
	s.TryGateway(second, now)
	is("another one", second, now.Add(TrialLength))
	s.TryGateway(second, now.Add(time.Second))
	is("the same again", second, now.Add(TrialLength))
	s.TryGateway(third, now.Add(time.Second))
	is("one more", third, now.Add(time.Second+TrialLength))
	s.RevertGateway()
	is("what was confirmed last", first, time.Time{})
	s.RevertGateway()
	is("nothing to return", first, time.Time{})

	s.TryGateway(second, now)
	s.TryGateway(first, now)
	is("chosen back", first, time.Time{})

	s.TryGateway(second, now)
	s.ConfirmGateway()
	is("kept", second, time.Time{})
	s.ExpireGateway(now)
	if is("nothing to expire", second, time.Time{}); !s.Trial.Returned.IsZero() {
		t.Error("nothing came back")
	}

	s.TryGateway(third, now)
	s.ExpireGateway(now.Add(TrialLength))
	if is("expired", second, time.Time{}); !s.Trial.Returned.Equal(now.Add(TrialLength)) {
		t.Errorf("reverted at %v", s.Trial.Returned)
	}
	for _, choice := range []GatewaySettings{second, third} {
		s.Trial.Returned = now
		if s.TryGateway(choice, now); !s.Trial.Returned.IsZero() {
			t.Error("an earlier return is still told")
		}
	}
}

func TestGatewaySettingsSame(t *testing.T) {
	for what, change := range map[string]func(*GatewaySettings){
		"LAN":        func(g *GatewaySettings) { g.LANInterfaces = []string{"lan1"} },
		"WAN":        func(g *GatewaySettings) { g.WANInterfaces = append(g.WANInterfaces, "wan1") },
		"masquerade": func(g *GatewaySettings) { g.Masquerade = false },
		"open":       func(g *GatewaySettings) { g.OpenBeforeLogin = opens("10.0.0.53:53") },
		"DNS":        func(g *GatewaySettings) { g.DNSInLAN = true },
		"peers":      func(g *GatewaySettings) { g.VPNPeersMayTalk = true },
		"timeout":    func(g *GatewaySettings) { g.FirewallTimeout *= 2 },
	} {
		a, b := between("lan0", "wan0"), between("lan0", "wan0")
		if change(&b); !a.Same(a) || a.Same(b) || b.Same(a) {
			t.Errorf("another %s counts as the same", what)
		}
	}
	if reflect.TypeOf(GatewaySettings{}).NumField() != 7 {
		t.Error("Same and this test do not know of every field")
	}
}
