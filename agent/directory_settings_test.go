package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// newCA returns a certificate, in DER and in PEM.
func newCA(t *testing.T) (der, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func TestParseDirectoryName(t *testing.T) {
	for text, want := range map[string]string{" Company.RU. ": "company.ru", "Компания.РФ": "xn--80aqeigdi5k.xn--p1ai", "a_b.local": "a_b.local",
		"": "field_required", "10.0.0.1": "field_domain_name", "a b.ru": "field_domain_name", "local": "field_directory_local"} {
		if name, problem := ParseDirectoryName(text); name+problem.Code != want || problem.Code != "" && problem.Field != "name" {
			t.Errorf("%q: %q, %v", text, name, problem)
		}
	}
}

func TestParseControllers(t *testing.T) {
	typed := []string{" DC1.company.ru", "10.0.0.5:3269", "fd00::1", "[fd00::1]:636", "dc1.company.ru"}
	want := []string{"dc1.company.ru", "10.0.0.5:3269", "fd00::1", "[fd00::1]:636"}
	got, problem := ParseControllers("controllers", typed)
	if problem.Code != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %q", problem, got)
	}
	if again, problem := ParseControllers("controllers", got); problem.Code != "" || !reflect.DeepEqual(again, want) {
		t.Errorf("again: %v, %q", problem, again)
	}
	for _, wrong := range []string{"", "dc1:0", "dc1:x", "dc1:", "ldap://dc1", "dc1,dc2", "dc1/", "fd00::1:x"} {
		if got, problem := ParseControllers("controllers", []string{wrong}); problem.Code != "field_controller" {
			t.Errorf("%q became %q", wrong, got)
		}
	}
}

func TestParseCertificates(t *testing.T) {
	der, text := newCA(t)
	_, other := newCA(t)
	space, spaceText := newCA(t)
	for strings.TrimSpace(space) == space {
		space, spaceText = newCA(t)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	for _, one := range []struct{ what, data, want string }{
		{"PEM with comments", "\xef\xbb\xbfsubject=dc\r\n" + text + "issuer=ca\n" + other + text, text + other},
		{"DER", der, text},
		{"DER whose last byte is white space", space, spaceText},
		{"nothing", " \r\n", ""},
		{"text", "no certificate", "field_ca"},
		{"a broken one", text + broken, "field_ca"},
		{"a key", text + key, "field_ca_key"},
	} {
		if got, problem := ParseCertificates("ca_pem", []byte(one.data)); got+problem.Code != one.want {
			t.Errorf("%s: %q, %v", one.what, got, problem)
		}
	}
}

func TestProblemsOfADirectory(t *testing.T) {
	_, text := newCA(t)
	long := strings.Repeat("x", MaxDN+1)
	many := func(n int) (list []string) {
		for i := 0; i < n; i++ {
			list = append(list, "h="+strings.Repeat("x", i))
		}
		return list
	}
	for _, one := range []struct {
		field, code string
		change      func(*DirectorySettings)
	}{
		{"name", "field_required", func(d *DirectorySettings) { d.Name = " " }},
		{"name", "field_directory_local", func(d *DirectorySettings) { d.Name = "local" }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "Company.ru" }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "10.0.0.1" }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "a b.ru" }},
		{"kind", "field_choice", func(d *DirectorySettings) { d.Kind = "nis" }},
		{"transport", "field_choice", func(d *DirectorySettings) { d.Transport = "ldap" }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"dc1:0"} }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"ldap://dc1"} }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"dc1,dc2"} }},
		{"controllers", "field_too_many_controllers", func(d *DirectorySettings) {
			d.Controllers = strings.Fields(strings.ReplaceAll(strings.Join(many(MaxControllers+1), " "), "=", ""))
		}},
		{"dns_ips", "field_open_address", func(d *DirectorySettings) { d.DNS = []netip.Addr{{}} }},
		{"dns_ips", "field_open_address", func(d *DirectorySettings) { d.DNS = []netip.Addr{netip.MustParseAddr("fe80::1%eth0")} }},
		{"dns_ips", "field_too_many_dns", func(d *DirectorySettings) {
			d.DNS = addrsOf(strings.Repeat("10.0.0.1 ", MaxDNS+1))
		}},
		{"tls_name", "field_domain_name", func(d *DirectorySettings) { d.TLSName = "a b" }},
		{"ca_pem", "field_ca", func(d *DirectorySettings) { d.CA = "no certificate" }},
		{"ca_pem", "field_too_long", func(d *DirectorySettings) { d.CA = strings.Repeat(text, 1+MaxCA/len(text)) }},
		{"user", "field_required", func(d *DirectorySettings) { d.User = " " }},
		{"user", "field_too_long", func(d *DirectorySettings) { d.User = long }},
		{"password", "field_too_long", func(d *DirectorySettings) { d.Password = long }},
		{"ldap_paths", "field_base", func(d *DirectorySettings) { d.Bases = []string{"dc=" + long} }},
		{"ldap_paths", "field_base", func(d *DirectorySettings) { d.Bases = []string{"company.ru"} }},
		{"ldap_paths", "field_too_many_bases", func(d *DirectorySettings) { d.Bases = many(MaxBases + 1) }},
		{"login_groups", "field_too_long", func(d *DirectorySettings) { d.LoginGroups = []DirectoryGroup{{DN: long}} }},
		{"login_groups", "field_required", func(d *DirectorySettings) { d.LoginGroups = []DirectoryGroup{{}} }},
		{"remote_groups", "field_too_many_groups", func(d *DirectorySettings) {
			for _, id := range many(MaxDirectoryGroups + 1) {
				d.RemoteGroups = append(d.RemoteGroups, DirectoryGroup{ID: id})
			}
		}},
		{"lockout_limit", "field_lockout_limit", func(d *DirectorySettings) { d.LockoutLimit = -1 }},
		{"lockout_limit", "field_lockout_limit", func(d *DirectorySettings) { d.LockoutLimit, d.LockoutWindow = 1000, time.Hour }},
		{"lockout_minutes", "field_lockout_minutes", func(d *DirectorySettings) { d.LockoutLimit = 3 }},
		{"lockout_minutes", "field_lockout_minutes", func(d *DirectorySettings) { d.LockoutLimit, d.LockoutWindow = 3, 90*time.Second }},
		{"check_minutes", "field_check_minutes", func(d *DirectorySettings) { d.CheckInterval = time.Second }},
		{"check_minutes", "field_check_minutes", func(d *DirectorySettings) { d.CheckInterval = 25 * time.Hour }},
	} {
		d := DirectorySettings{Kind: DirectoryAD, Name: "company.ru", Transport: TransportLDAPS, User: "search", CheckInterval: DefaultCheckInterval}
		if problems := d.Check(); problems != nil {
			t.Fatal(problems)
		}
		one.change(&d)
		problems := d.Check()
		if len(problems) != 1 || problems[0].Field != one.field || problems[0].Code != one.code {
			t.Errorf("want %s: %s, got %v", one.field, one.code, problems)
		}
	}
}

func addrsOf(text string) (list []netip.Addr) {
	for _, one := range strings.Fields(text) {
		list = append(list, netip.MustParseAddr(one))
	}
	return list
}

func TestSameServer(t *testing.T) {
	saved := DirectorySettings{Name: "company.ru", User: "search", Controllers: []string{"a", "b"}, DNS: addrsOf("10.0.0.1")}
	for _, one := range []struct {
		what   string
		same   bool
		change func(*DirectorySettings)
	}{
		{"name", false, func(d *DirectorySettings) { d.Name = "evil.ru" }},
		{"controllers", false, func(d *DirectorySettings) { d.Controllers = []string{"a", "evil"} }},
		{"no controllers", false, func(d *DirectorySettings) { d.Controllers = nil }},
		{"DNS", false, func(d *DirectorySettings) { d.DNS = addrsOf("10.0.0.2") }},
		{"TLS name", false, func(d *DirectorySettings) { d.TLSName = "evil" }},
		{"CA", false, func(d *DirectorySettings) { d.CA = "evil" }},
		{"transport", false, func(d *DirectorySettings) { d.Transport = TransportStartTLS }},
		{"user", false, func(d *DirectorySettings) { d.User = "admin" }},
		{"the rest", true, func(d *DirectorySettings) {
			d.Bases, d.LoginGroups, d.LockoutLimit, d.CheckInterval, d.Default = []string{"x"}, []DirectoryGroup{{}}, 1, time.Hour, true
		}},
	} {
		now := saved
		one.change(&now)
		if saved.SameServer(now) != one.same {
			t.Errorf("another %s: the same server is %v", one.what, !one.same)
		}
	}
}
