package agent

import "testing"

func TestParseDomain(t *testing.T) {
	for _, c := range []struct {
		text, host string
		removed    string // the scheme, port and path that were cut off, separated by spaces
		code       string
	}{
		{"gw.company.ru", "gw.company.ru", "", ""},
		{"  GW.Company.RU.  ", "gw.company.ru", "", ""},
		{"https://gw.company.ru", "gw.company.ru", "https://", ""},
		{"https://gw.company.ru/agent?x=1", "gw.company.ru", "https:// /agent?x=1", ""},
		{"gw.company.ru:14765", "gw.company.ru", ":14765", ""},
		{"gw.company.ru/", "gw.company.ru", "/", ""},
		{"шлюз.рф", "xn--g1ah2bza.xn--p1ai", "", ""},
		{"192.168.1.1", "192.168.1.1", "", ""},
		{"192.168.1.1:8443", "192.168.1.1", ":8443", ""},
		{"2001:DB8::1", "2001:db8::1", "", ""},
		{"[2001:db8::1]:14765", "2001:db8::1", ":14765", ""},
		{"::ffff:10.0.0.1", "10.0.0.1", "", ""},
		{"gateway", "gateway", "", ""},
		{"", "", "", "field_required"},
		{"   ", "", "", "field_required"},
		{"gw company.ru", "", "", "field_domain_spaces"},
		{"gw_1.company.ru", "", "", "field_domain"},
		{"-gw.company.ru", "", "", "field_domain"},
		{"10.0.0.300", "", "", "field_domain"},
		{"user@gw.company.ru", "", "", "field_domain"},
		{"0.0.0.0", "", "", "field_domain_unusable"},
		{"fe80::1%eth0", "", "", "field_domain_unusable"},
		{"fe80::1", "", "", "field_domain_unusable"},
		{"https://[fe80::1]:8443/", "", "", "field_domain_unusable"},
		{"::", "", "", "field_domain_unusable"},
		{"[::]:8443", "", "", "field_domain_unusable"},
		{"ff02::1", "", "", "field_domain_unusable"},
		{"169.254.10.20", "", "", "field_domain_unusable"},
		{"::ffff:169.254.10.20", "", "", "field_domain_unusable"},
		{"224.0.0.1:8443", "", "", "field_domain_unusable"},
		{"255.255.255.255", "", "", "field_domain_unusable"},
		{"240.0.0.1", "", "", "field_domain_unusable"},
		{"0.1.2.3", "", "", "field_domain_unusable"},
		{"127.0.0.1", "127.0.0.1", "", ""}, // an agent on the gateway
		{"::1", "::1", "", ""},
		{"https://gw.company.ru:8443/agent", "gw.company.ru", "https:// :8443 /agent", ""},
		{"gw..ru", "", "", "field_domain"},
		{"\x80", "", "", "field_domain"},
		{"gw.\xff.ru", "", "", "field_domain"},
		{"https://", "", "", "field_domain"},
	} {
		host, removed, p := ParseDomain(c.text)
		if host != c.host || removed != c.removed || p.Code != c.code {
			t.Errorf("ParseDomain(%q) = %q, %q, %v; want %q, %q, %q", c.text, host, removed, p, c.host, c.removed, c.code)
		}
		if host != "" && !IsHost(host) {
			t.Errorf("IsHost(%q) = false for what ParseDomain returned", host)
		}
	}
}

func TestParseServer(t *testing.T) {
	for _, c := range []struct {
		text, host string
		port       uint16
		code       string
	}{
		{"gw.company.ru", "gw.company.ru", 14765, ""},
		{"GW.company.ru:443", "gw.company.ru", 443, ""},
		{"2001:db8::1", "2001:db8::1", 14765, ""},
		{"[2001:db8::1]:443", "2001:db8::1", 443, ""},
		{"[2001:db8::1]", "2001:db8::1", 14765, ""},
		{"10.0.0.1:14765", "10.0.0.1", 14765, ""},
		{"", "", 0, "field_required"},
		{"gw:0", "", 0, "field_server"},
		{"gw:99999", "", 0, "field_server"},
		{"https://gw", "", 0, "field_server"},
		{"gw ru", "", 0, "field_server"},
		{"\x80", "", 0, "field_server"},
	} {
		host, port, p := ParseServer(c.text)
		if host != c.host || port != c.port || p.Code != c.code {
			t.Errorf("ParseServer(%q) = %q, %d, %v", c.text, host, port, p)
		}
	}
}

// FuzzParseDomain: an accepted name is parsed to itself and has no characters that are special in a command line, a header
// or an MSI property.
func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"gw.company.ru", "https://шлюз.рф/x", "[::1]:1", "a..b", "%", "xn--a", "10.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, _, p := ParseDomain(s)
		if p.Code != "" {
			return
		}
		again, removed, p := ParseDomain(host)
		if again != host || removed != "" || p.Code != "" || !IsHost(host) {
			t.Errorf("ParseDomain(%q) = %q, which parses to %q, %q, %v", s, host, again, removed, p)
		}
		for _, c := range host {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == ':') {
				t.Errorf("ParseDomain(%q) = %q with %q", s, host, c)
			}
		}
	})
}
