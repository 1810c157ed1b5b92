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

func TestCanonicalDirectory(t *testing.T) {
	der, text := newCA(t)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))
	group := DirectoryGroup{ID: "S-1-5"}
	got := DirectorySettings{Name: " Компания.РФ. ", DNS: []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.1")},
		Controllers: []string{" DC1.company.ru ", "", "10.0.0.5:3269", "fd00::1", "[fd00::1]:636", "10.0.0.5:3269"}, TLSName: " DC1.Company.ru",
		CA: "subject=dc\r\n" + key + text, User: " search@company.ru\n", Password: " p ", Bases: []string{" ou=a,dc=ru ", "", "ou=a,dc=ru"},
		LoginGroups: []DirectoryGroup{{}, {ID: " S-1-5 "}, group}, LockoutWindow: time.Hour}
	want := DirectorySettings{Kind: DirectoryAD, Name: "xn--80aqeigdi5k.xn--p1ai", DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Controllers: []string{"dc1.company.ru", "10.0.0.5:3269", "fd00::1", "[fd00::1]:636"}, Transport: TransportLDAPS, TLSName: "dc1.company.ru",
		CA: text, User: "search@company.ru", Password: " p ", Bases: []string{"ou=a,dc=ru"}, LoginGroups: []DirectoryGroup{group},
		CheckInterval: DefaultCheckInterval}
	problems := got.Canonicalize()
	if problems != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", problems, got, want)
	}
	again := got
	if problems := again.Canonicalize(); problems != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("again: %v\n%+v\n%+v", problems, again, got)
	}
	got.CA = der
	if problems := got.Canonicalize(); problems != nil || got.CA != text {
		t.Errorf("DER: %v %q", problems, got.CA)
	}
}

func TestProblemsOfADirectory(t *testing.T) {
	_, text := newCA(t)
	long := strings.Repeat("x", MaxDN+1)
	many := func(n int) (list []string) {
		for i := 0; i < n; i++ {
			list = append(list, "h"+strings.Repeat("x", i))
		}
		return list
	}
	for _, one := range []struct {
		field, code string
		change      func(*DirectorySettings)
	}{
		{"name", "field_required", func(d *DirectorySettings) { d.Name = " " }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "local" }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "10.0.0.1" }},
		{"name", "field_domain_name", func(d *DirectorySettings) { d.Name = "a b.ru" }},
		{"kind", "field_choice", func(d *DirectorySettings) { d.Kind = "nis" }},
		{"transport", "field_choice", func(d *DirectorySettings) { d.Transport = "ldap" }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"dc1:0"} }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"ldap://dc1"} }},
		{"controllers", "field_controller", func(d *DirectorySettings) { d.Controllers = []string{"dc1,dc2"} }},
		{"controllers", "field_too_many_lines", func(d *DirectorySettings) { d.Controllers = many(MaxControllers + 1) }},
		{"dns_ips", "field_address", func(d *DirectorySettings) { d.DNS = []netip.Addr{{}} }},
		{"dns_ips", "field_address", func(d *DirectorySettings) { d.DNS = []netip.Addr{netip.MustParseAddr("fe80::1%eth0")} }},
		{"dns_ips", "field_too_many_dns", func(d *DirectorySettings) {
			d.DNS = addrsOf(strings.Repeat("10.0.0.1 ", MaxDNS+1))
		}},
		{"tls_name", "field_domain", func(d *DirectorySettings) { d.TLSName = "a b" }},
		{"ca_pem", "field_certificate", func(d *DirectorySettings) { d.CA = "no certificate" }},
		{"ca_pem", "field_certificate", func(d *DirectorySettings) {
			d.CA = text + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
		}},
		{"ca_pem", "field_certificate", func(d *DirectorySettings) {
			d.CA = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
		}},
		{"ca_pem", "field_too_long", func(d *DirectorySettings) { d.CA = strings.Repeat(text, 1+MaxCA/len(text)) }},
		{"user", "field_required", func(d *DirectorySettings) { d.User = " " }},
		{"user", "field_too_long", func(d *DirectorySettings) { d.User = long }},
		{"password", "field_too_long", func(d *DirectorySettings) { d.Password = long }},
		{"ldap_paths", "field_too_long", func(d *DirectorySettings) { d.Bases = []string{long} }},
		{"ldap_paths", "field_too_many_lines", func(d *DirectorySettings) { d.Bases = many(MaxBases + 1) }},
		{"login_groups", "field_too_long", func(d *DirectorySettings) { d.LoginGroups = []DirectoryGroup{{DN: long}} }},
		{"remote_groups", "field_too_many_lines", func(d *DirectorySettings) {
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
		d := DirectorySettings{Name: "company.ru", User: "search"}
		if problems := d.Canonicalize(); problems != nil {
			t.Fatal(problems)
		}
		one.change(&d)
		problems := d.Canonicalize()
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
