package agent

import (
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func TestInLocalNetworks(t *testing.T) {
	s := DefaultSettings()
	s.LocalNetworks, _ = ParseNetworks("local_networks", "10.0.0.0/8, 127.0.0.0/8 2001:db8::/64")
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "127.0.0.1": true, "2001:db8::7": true,
		"10.128.0.5": false, // in the VPN network, although 10.0.0.0/8 contains it
		"192.0.2.1":  false, "2001:db8:1::1": false,
	} {
		if got := s.InLocalNetworks(netip.MustParseAddr(addr)); got != want {
			t.Errorf("InLocalNetworks(%s) = %v", addr, got)
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
		"auth_domain":              func(s *Settings) { s.Domain = "GW.company.ru" },
		"former_domains":           func(s *Settings) { s.Domain, s.FormerDomains = "gw.company.ru", []string{"old.ru", "gw.company.ru"} },
		"vpn_network":              func(s *Settings) { s.VPNNetwork = netip.MustParsePrefix("10.0.0.0/8") },
		"local_networks":           func(s *Settings) { s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("10.128.1.0/24")} },
		"dns_suffix":               func(s *Settings) { s.DNSSuffixes = []string{"10.0.0.1"} },
		"session_hours_lan":        func(s *Settings) { s.SessionLAN = 0 },
		"session_hours_vpn":        func(s *Settings) { s.SessionVPN = 365*24*time.Hour + 1 },
		"grace_seconds":            func(s *Settings) { s.Grace = -1 },
		"devices_per_user":         func(s *Settings) { s.DevicesPerUser = 0 },
		"device_policy":            func(s *Settings) { s.DevicePolicy = "" },
		"journal_days":             func(s *Settings) { s.JournalDays = 0 },
		"journal_mb":               func(s *Settings) { s.JournalMB = 9 },
		"browser_sign_in_networks": func(s *Settings) { s.BrowserSignIn = make([]netip.Prefix, MaxNets+1) },
	} {
		s := DefaultSettings()
		change(&s)
		if p := s.Check(); len(p) != 1 || p[0].Field != field {
			t.Errorf("%s: %v", field, p)
		}
	}
}

// TestSettingsCheckNetworks: settings that agents refuse, and local networks that contain the Internet, are refused.
func TestSettingsCheckNetworks(t *testing.T) {
	nets := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	for _, c := range []struct {
		field, code string
		change      func(*Settings)
	}{
		{"local_networks", "field_whole_internet", func(s *Settings) { s.LocalNetworks = nets("0.0.0.0/0") }},
		{"local_networks", "field_whole_internet", func(s *Settings) { s.LocalNetworks = nets("64.0.0.0/2") }},
		{"local_networks", "field_whole_internet", func(s *Settings) { s.LocalNetworks = nets("::/0") }},
		{"local_networks", "field_whole_internet", func(s *Settings) { s.LocalNetworks = nets("2000::/3") }},
		{"local_networks", "", func(s *Settings) { s.LocalNetworks = nets("10.0.0.0/8") }},
		{"local_networks", "", func(s *Settings) { s.LocalNetworks = nets("127.0.0.0/8") }},
		{"local_networks", "", func(s *Settings) { s.LocalNetworks = nets("fc00::/7") }},
		{"vpn_network", "field_own_place", func(s *Settings) { s.VPNNetwork = nets("169.254.0.0/16")[0] }},
		{"vpn_network", "field_own_place", func(s *Settings) { s.VPNNetwork = nets("127.0.0.0/16")[0] }},
		{"vpn_network", "field_own_place", func(s *Settings) { s.VPNNetwork = nets("224.1.0.0/16")[0] }},
		{"forward_nets", "field_own_place", func(s *Settings) { s.ForwardNets = nets("127.0.0.0/8") }},
		{"forward_nets", "field_own_place", func(s *Settings) { s.ForwardNets = nets("169.254.169.254/32") }},
		{"forward_nets", "field_own_place", func(s *Settings) { s.ForwardNets = nets("239.0.0.0/8") }},
		{"forward_nets", "field_tunnel_address", func(s *Settings) { s.ForwardNets = nets("fd00::/8") }},
		{"forward_nets", "", func(s *Settings) { s.ForwardNets = nets("0.0.0.0/0") }},
		{"dns", "field_own_place", func(s *Settings) { s.DNS = []netip.Addr{netip.MustParseAddr("127.0.0.53")} }},
		{"dns", "field_own_place", func(s *Settings) { s.DNS = []netip.Addr{netip.IPv4Unspecified()} }},
		{"dns", "field_tunnel_address", func(s *Settings) { s.DNS = []netip.Addr{netip.MustParseAddr("fd00::53")} }},
		{"dns", "field_too_many_dns", func(s *Settings) {
			for i := byte(0); i <= MaxDNS; i++ {
				s.DNS = append(s.DNS, netip.AddrFrom4([4]byte{10, 0, 0, i}))
			}
		}},
		{"dns_suffix", "field_too_many_suffixes", func(s *Settings) {
			for i := 0; i <= MaxSuffixes; i++ {
				s.DNSSuffixes = append(s.DNSSuffixes, "corp.local")
			}
		}},
		{"dns_suffix", "field_domain_name", func(s *Settings) { s.DNSSuffixes = []string{"корп.рф"} }},
		{"dns_suffix", "field_domain_name", func(s *Settings) { s.DNSSuffixes = []string{"https://corp.local/x"} }},
		{"dns_suffix", "field_domain_name", func(s *Settings) { s.DNSSuffixes = []string{"corp.local/,other"} }},
	} {
		s := DefaultSettings()
		c.change(&s)
		got := s.Check()
		if c.code == "" && len(got) != 0 || c.code != "" && (len(got) != 1 || got[0].Field != c.field || got[0].Code != c.code) {
			t.Errorf("%v, want %s %s", got, c.field, c.code)
		}
	}
}

// TestSettingsCheckChange: a domain at which no agent reaches the gateway is refused, and one that is there already stops no
// other change.
func TestSettingsCheckChange(t *testing.T) {
	saved := DefaultSettings()
	saved.VPNNetwork = netip.MustParsePrefix("10.128.0.0/16")
	saved.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/23"), netip.MustParsePrefix("10.9.0.4/31")}
	for _, c := range []struct{ before, domain, vpn, field, code string }{
		{"", "10.128.0.1", "10.128.0.0/16", "auth_domain", "field_domain_vpn"},
		{"", "10.128.7.7", "10.128.0.0/16", "auth_domain", "field_domain_vpn"},
		{"", "192.168.1.255", "10.128.0.0/16", "auth_domain", "field_domain_unusable"},
		{"", "192.168.0.0", "10.128.0.0/16", "auth_domain", "field_domain_unusable"},
		{"", "192.168.0.255", "10.128.0.0/16", "", ""},
		{"", "10.9.0.5", "10.128.0.0/16", "", ""},
		{"", "gw.company.ru", "10.128.0.0/16", "", ""},
		{"10.99.0.1", "10.99.0.1", "10.99.0.0/24", "vpn_network", "field_vpn_domain"},
		{"10.128.0.1", "10.128.0.1", "10.128.0.0/16", "", ""},
		{"169.254.1.1", "169.254.1.1", "10.99.0.0/24", "", ""},
	} {
		before, s := saved, saved
		before.Domain, s.Domain, s.VPNNetwork = c.before, c.domain, netip.MustParsePrefix(c.vpn)
		got := append(s.Check(), s.CheckChange(before)...)
		if c.code == "" && len(got) != 0 || c.code != "" && (len(got) != 1 || got[0].Field != c.field || got[0].Code != c.code || got[0].Value != c.domain) {
			t.Errorf("%s after %q: %v, want %s %s", c.domain, c.before, got, c.field, c.code)
		}
	}
}

// TestBrowserSignIn: browsers sign in from local networks and their parts only. A network that is saved already stops no other
// change, and nobody outside the LAN signs in from it.
func TestBrowserSignIn(t *testing.T) {
	before := DefaultSettings()
	before.LocalNetworks, _ = ParseNetworks("", "10.0.0.0/8 192.168.0.0/24 192.168.1.0/24 2001:db8::/48")
	before.BrowserSignIn, _ = ParseNetworks("", "172.16.0.0/24 10.9.0.0/16")
	for text, refused := range map[string]string{
		"": "", "10.1.0.0/16": "", "10.0.0.0/8": "", "192.168.0.0/24": "", "192.168.0.7/32": "", "2001:db8:0:7::/64": "", "172.16.0.0/24": "",
		"192.168.0.0/23": "192.168.0.0/23", "192.168.2.0/24": "192.168.2.0/24", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0", "2001:db8:1::/64": "2001:db8:1::/64",
		"172.16.0.0/25": "172.16.0.0/25", "10.128.0.0/16": "10.128.0.0/16", "10.128.1.0/24": "10.128.1.0/24", "10.1.0.0/16 10.128.0.1/32": "10.128.0.1/32",
	} {
		s := before
		s.BrowserSignIn, _ = ParseNetworks("", text)
		got := append(s.Check(), s.CheckChange(before)...)
		if refused == "" && len(got) != 0 || refused != "" && !reflect.DeepEqual(got, []Problem{{"browser_sign_in_networks", "field_not_local", refused}}) {
			t.Errorf("%q: %v", text, got)
		}
	}
	for addr, want := range map[string]bool{"10.9.1.1": true, "10.8.1.1": false, "172.16.0.1": true} {
		if got := before.SignsInByBrowser(Peer{Addr: netip.MustParseAddr(addr), Inside: true}); got != want {
			t.Errorf("%s signs in by a browser: %v", addr, got)
		}
		if before.SignsInByBrowser(Peer{Addr: netip.MustParseAddr(addr)}) {
			t.Errorf("%s signs in by a browser from outside the LAN", addr)
		}
	}
}

func TestParseSuffixes(t *testing.T) {
	got, p := ParseSuffixes("dns_suffix", []string{"корп.рф", ".Corp.Local", " company.ru. ", "corp.local", "Old_AD.local", "_msdcs.company.ru", "имя_1.рф"})
	if want := []string{"xn--j1aidd.xn--p1ai", "corp.local", "company.ru", "old_ad.local", "_msdcs.company.ru", "xn--_1-vlcq9g.xn--p1ai"}; p.Code != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseSuffixes = %q, %v", got, p)
	}
	for _, bad := range []string{"https://corp.local/x", "corp.local/,other", "corp.local,other", "10.0.0.1", "::1", "~.", "--help", "", ".", "*.corp.local", "a b.local", "corp$.local", "corp'.local", "-corp_.local", "10.0.0.300"} {
		if got, p := ParseSuffixes("dns_suffix", []string{"company.ru", bad}); p.Code != "field_domain_name" || p.Field != "dns_suffix" || got != nil {
			t.Errorf("ParseSuffixes(%q) = %q, %v", bad, got, p)
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

// TestNumbers: a new gateway has the defaults; Min and Max are allowed, and values beyond them are refused.
func TestNumbers(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, n := range Numbers() {
		if names[n.Name] || keys[n.Key] {
			t.Errorf("%s (%s) is there twice", n.Name, n.Key)
		}
		names[n.Name], keys[n.Key] = true, true
		s := DefaultSettings()
		if n.Get(&s) != n.Default || n.Default < n.Min || n.Default > n.Max {
			t.Errorf("%s is %v on a new gateway, want %v", n.Name, n.Get(&s), n.Default)
		}
		for _, v := range []float64{n.Min, n.Max} {
			if n.Set(&s, v); n.Get(&s) != v || len(s.Check()) != 0 {
				t.Errorf("%s: %v became %v: %v", n.Name, v, n.Get(&s), s.Check())
			}
			var read Settings
			if p := n.Parse(&read, n.Text(&s)); p.Code != "" || n.Get(&read) != v {
				t.Errorf("%s: %q is read as %v, %v", n.Name, n.Text(&s), n.Get(&read), p)
			}
		}
		step := 1.0
		if n.Fraction {
			step = 0.0005
		}
		for _, v := range []float64{n.Min - step, n.Max + step, -math.MaxFloat64, math.Inf(1)} {
			n.Set(&s, v)
			if p := s.Check(); len(p) != 1 || p[0].Field != n.Name || p[0].Code != n.Code {
				t.Errorf("%s: %v is taken: %v", n.Name, v, p)
			}
		}
	}
}

func TestNumberParse(t *testing.T) {
	hours, seconds, devices := SessionNumbers[0], FirewallTimeout, SessionNumbers[3]
	for _, c := range []struct {
		n    NumberSetting
		text string
		want int64 // nanoseconds or things; -1 = refused
	}{
		{hours, "24", int64(24 * time.Hour)}, {hours, " 0,5 ", int64(30 * time.Minute)}, {hours, "0.001", int64(3600 * time.Millisecond)},
		{hours, "", -1}, {hours, "NaN", -1}, {hours, "a day", -1},
		{seconds, "60", int64(time.Minute)}, {seconds, "1.5", -1}, {seconds, "-1", -1}, {seconds, "2147483648", -1}, {seconds, "", -1},
		{devices, "5", 5}, {devices, "+5", 5}, {devices, "five", -1}, {devices, "5.0", -1},
	} {
		var s Settings
		p := c.n.Parse(&s, c.text)
		if refused := p == (Problem{c.n.Name, "field_number", ""}); refused != (c.want < 0) || !refused && c.n.raw(&s) != c.want {
			t.Errorf("%s %q: %v, %v", c.n.Name, c.text, c.n.raw(&s), p)
		}
	}
	var s Settings
	if hours.Parse(&s, "inf"); hours.Get(&s) != hours.Max+1 {
		t.Errorf("without an end: %v hours", hours.Get(&s))
	}
}

// TestNumberSettingFraction: a fraction is refused, not cut off, unless Fraction is set.
func TestNumberSettingFraction(t *testing.T) {
	for _, n := range Numbers() {
		if n.Fraction {
			continue
		}
		s := DefaultSettings()
		if n.Set(&s, n.Default+0.3); len(s.Check()) != 1 {
			t.Errorf("%s: %v gives %s, problems %v", n.Name, n.Default+0.3, n.Text(&s), s.Check())
		}
	}
}
