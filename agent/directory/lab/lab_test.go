//go:build ad

package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/miekg/dns"

	"ideco-agent/agent/needs"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// login binds over LDAPS and returns the error of the server, or "".
func login(t *testing.T, host string, ca *Authority, name, password string) string {
	t.Helper()
	c := ldapConn(t, host, ca)
	if err := c.Bind(name, password); err != nil {
		return err.Error()
	}
	return ""
}

func ldapConn(t *testing.T, host string, ca *Authority) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL("ldaps://"+host, ldap.DialWithTLSConfig(&tls.Config{RootCAs: ca.Pool()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestADAccounts: Samba answers a login of each account as Active Directory does.
func TestADAccounts(t *testing.T) {
	ad := NewAD(t)
	for _, c := range []struct{ name, password, want string }{
		{`EXAMPLE\alice`, Password, ""},
		{`EXAMPLE\alice`, "wrong", "data 52e"},
		{"alice@example.test", Password, ""},
		{"david.jones@example.test", Password, ""},
		{"carol@corp.example", Password, ""},
		{`EXAMPLE\Иван Петров`, Password, ""},
		{"Иван Петров@example.test", Password, ""},
		{`EXAMPLE\nobody`, Password, "data 52"}, // 525 or 52e
		{`EXAMPLE\nohours`, Password, "data 530"},
		{`EXAMPLE\otherpc`, Password, "data 531"},
		{`EXAMPLE\pwexpired`, Password, "data 532"},
		{`EXAMPLE\disabled`, Password, "data 533"},
		{`EXAMPLE\expired`, Password, "data 701"},
		{`EXAMPLE\mustchange`, Password, "data 773"},
		{`EXAMPLE\locked`, Password, "data 775"},
		{`EXAMPLE\smartcard`, Password, ""}, // Samba accepts its password
		{ad.SearchDN, SearchPassword, ""},
		{`EXAMPLE\PC1$`, Password, ""},
	} {
		if got := login(t, DC1, ad.CA, c.name, c.password); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: %q, want %q", c.name, c.password, got, c.want)
		}
	}
}

// TestADLockout: a person's own lockout policy (strict has one) applies instead of that of the domain.
func TestADLockout(t *testing.T) {
	ad := NewAD(t)
	for person, threshold := range map[string]int{"alice": 3, "strict": 2} {
		for n := range threshold {
			if ad.Locked(t, person) || ad.BadPasswords(t, person) != n {
				t.Fatalf("%s after %d wrong passwords: %d, locked %v", person, n, ad.BadPasswords(t, person), ad.Locked(t, person))
			}
			login(t, DC2, ad.CA, `EXAMPLE\`+person, "wrong")
		}
		if !ad.Locked(t, person) {
			t.Errorf("%s is not locked after %d wrong passwords", person, threshold)
		}
		ad.Unlock(t, person)
		if got := login(t, DC1, ad.CA, `EXAMPLE\`+person, Password); got != "" {
			t.Errorf("%s, unlocked: %s", person, got)
		}
	}
}

// TestOpenLDAP: the result of a login of each account, and the reason, which a client gets that asks for the password policy.
func TestOpenLDAP(t *testing.T) {
	for _, memberOf := range []MemberOf{false, true} {
		t.Run(fmt.Sprintf("memberOf %v", memberOf), func(t *testing.T) {
			d := NewOpenLDAP(t, memberOf)
			const none = -1
			for _, c := range []struct {
				dn, password string
				code         uint16
				policy       int8
			}{
				{d.PersonDN("alice"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("alice"), "wrong", ldap.LDAPResultInvalidCredentials, none},
				{d.PersonDN("Иван Петров"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("locked"), Password, ldap.LDAPResultInvalidCredentials, ldap.BeheraAccountLocked},
				{d.PersonDN("disabled"), Password, ldap.LDAPResultInvalidCredentials, ldap.BeheraAccountLocked},
				{d.PersonDN("expired"), Password, ldap.LDAPResultInvalidCredentials, ldap.BeheraAccountLocked},
				{d.PersonDN("pwexpired"), Password, ldap.LDAPResultInvalidCredentials, ldap.BeheraPasswordExpired},
				{d.PersonDN("mustchange"), Password, ldap.LDAPResultSuccess, ldap.BeheraChangeAfterReset},
				{d.SearchDN, SearchPassword, ldap.LDAPResultSuccess, none},
			} {
				code, policy := policyLogin(t, d, c.dn, c.password)
				if code != c.code || policy != c.policy {
					t.Errorf("%s with %s: %d, policy %d; want %d, %d", c.dn, c.password, code, policy, c.code, c.policy)
				}
			}
			for range 2 {
				policyLogin(t, d, d.PersonDN("alice"), "wrong")
			}
			if code, policy := policyLogin(t, d, d.PersonDN("alice"), Password); policy != ldap.BeheraAccountLocked {
				t.Errorf("after three wrong passwords: %d, policy %d", code, policy)
			}
			if got := d.Attributes(t, d.PersonDN("alice"), "memberOf"); bool(memberOf) != slices.Contains(got, "cn=Sales,ou=Groups,dc=example,dc=test") {
				t.Errorf("memberOf: %q", got)
			}
		})
	}
}

// policyLogin binds over StartTLS. It returns the result code and the error of the password policy, or -1.
func policyLogin(t *testing.T, d *Directory, dn, password string) (code uint16, policy int8) {
	t.Helper()
	c, err := ldap.DialURL("ldap://" + d.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{RootCAs: d.CA.Pool(), ServerName: d.Host}); err != nil {
		t.Fatal(err)
	}
	r, err := c.SimpleBind(&ldap.SimpleBindRequest{Username: dn, Password: password,
		Controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}})
	var refusal *ldap.Error
	if errors.As(err, &refusal) {
		code = refusal.ResultCode
	} else if err != nil {
		t.Fatal(err)
	}
	policy = -1
	for _, control := range r.Controls {
		if p, ok := control.(*ldap.ControlBeheraPasswordPolicy); ok {
			policy = p.Error
		}
	}
	return code, policy
}

// TestRelay: the relay of the second controller can pause, stop, drop connections and present another certificate.
func TestRelay(t *testing.T) {
	ad := NewAD(t)
	trusting := &tls.Config{RootCAs: ad.CA.Pool(), ServerName: DC2}
	dial := func() error {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", DC2+":636", trusting)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	otherCA := NewAuthority(t, "Another CA")
	for name, pair := range map[string]tls.Certificate{
		"unknown authority":     otherCA.Issue(t, nil, DC2),
		"valid for other names": ad.CA.Issue(t, nil, DC1),
		"no names":              ad.CA.Issue(t, NoNames, DC2),
		"expired":               ad.CA.Issue(t, Expired, DC2),
		"SHA-1":                 ad.CA.Issue(t, SHA1, DC2),
		"signed by itself":      SelfSigned(t, DC2),
	} {
		ad.Second.Present(&pair)
		var refused *tls.CertificateVerificationError
		if err := dial(); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := ad.CA.Issue(t, nil, DC2)
	ad.Second.Present(&good)
	if got := login(t, DC2, ad.CA, "alice@example.test", Password); got != "" {
		t.Errorf("with a good certificate of this test: %s", got)
	}
	ad.Second.Present(nil)

	served := ad.Second.Accepted()
	c := ldapConn(t, DC2, ad.CA)
	if ad.Second.Accepted() != served+1 {
		t.Errorf("%d connections, then %d", served, ad.Second.Accepted())
	}
	ad.Second.Drop()
	if err := c.Bind("alice@example.test", Password); err == nil {
		t.Error("a login over a dropped connection")
	}

	ad.Second.Pause()
	answered := make(chan error)
	go func() { answered <- dial() }()
	select {
	case err := <-answered:
		t.Errorf("answered during a pause: %v", err)
	case <-time.After(200 * time.Millisecond):
		ad.Second.Continue()
		if err := <-answered; err != nil {
			t.Errorf("after a pause: %v", err)
		}
	}
	ad.Second.Stop()
	if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("stopped: %v", err)
	}
	ad.Second.Start(t)
	if err := dial(); err != nil {
		t.Errorf("started again: %v", err)
	}
}

// TestController: the domain controller can be paused, and keeps its data when it starts again. The address Silent never answers.
func TestController(t *testing.T) {
	ad := NewAD(t)
	dial := func(host string) error {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 300 * time.Millisecond}, "tcp", host+":636", &tls.Config{RootCAs: ad.CA.Pool()})
		if err == nil {
			c.Close()
		}
		return err
	}
	ad.Pause()
	for _, host := range []string{DC1, Silent} {
		if err := dial(host); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", host, err)
		}
	}
	ad.Continue()
	if answer := askCLDAP(t); answer == 0 {
		t.Error("no answer by CLDAP")
	}
	ad.Disable(t, "bob")
	ad.Stop()
	if err := dial(DC1); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("stopped: %v", err)
	}
	ad.Start(t)
	if got := login(t, DC1, ad.CA, `EXAMPLE\bob`, Password); !strings.Contains(got, "data 533") {
		t.Errorf("bob, disabled before: %q", got)
	}
}

// askCLDAP asks for the root DSE over UDP and returns the size of the answer.
func askCLDAP(t *testing.T) int {
	t.Helper()
	c, err := net.Dial("udp", DC1+":389")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// A search without base, with scope base and filter (objectClass=*).
	if _, err := c.Write([]byte("\x30\x25\x02\x01\x01\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass\x30\x00")); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1<<16))
	if err != nil {
		t.Errorf("CLDAP: %v", err)
	}
	return n
}

// TestDNS: the system's resolver asks the DNS server of the lab, whose records a test can change.
func TestDNS(t *testing.T) {
	d := DNS(t)
	targets := func() (all []string) {
		_, records, err := net.DefaultResolver.LookupSRV(t.Context(), "ldap", "tcp", Domain)
		if err != nil {
			t.Error(err)
		}
		for _, r := range records {
			all = append(all, r.Target)
		}
		return all
	}
	if got := targets(); !slices.Equal(got, []string{DC1 + ".", DC2 + "."}) {
		t.Errorf("%q", got)
	}
	d.Set(t, "_ldap._tcp.example.test. SRV 0 100 389 dc2.example.test.")
	if got := targets(); !slices.Equal(got, []string{DC2 + "."}) {
		t.Errorf("after a change: %q", got)
	}
	if n := d.Asked("_ldap._tcp.example.test.", dns.TypeSRV); n != 2 {
		t.Errorf("asked %d times", n)
	}
	d.Remove("_ldap._tcp.example.test.")
	_, _, err := net.DefaultResolver.LookupSRV(t.Context(), "ldap", "tcp", Domain)
	var missing *net.DNSError
	if !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("removed: %v", err)
	}
	if got, err := net.LookupHost(LDAP); err != nil || !slices.Equal(got, []string{Address(LDAP).String()}) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestBulk: the people, the group and the chain of groups that a test adds are all found.
func TestBulk(t *testing.T) {
	ad := NewAD(t)
	people := ad.AddPeople(t, "Bulk", 300)
	large := ad.AddGroup(t, "Large", people...)
	ad.AddChain(t, ad.PersonDN("alice"), 20)
	if got := ad.Attributes(t, large, "member"); len(got) != 300 {
		t.Errorf("%d members", len(got))
	}
	for filter, want := range map[string]int{
		"(userPrincipalName=bulk-p*@example.test)":                                                     300,
		"(&(cn=chain-*)(member:1.2.840.113556.1.4.1941:=" + ad.PersonDN("alice") + "))":                20,
		"(memberOf:1.2.840.113556.1.4.1941:=CN=chain-0020,OU=Groups,DC=example,DC=test)":               20, // the 19 other groups of the chain, and alice
		"(&(objectClass=user)(primaryGroupID=513)(sAMAccountName=bulk-p0300))":                         1,
		"(&(objectClass=user)(userAccountControl:1.2.840.113556.1.4.803:=2)(sAMAccountName=disabled))": 1,
	} {
		r, err := ad.Admin(t).SearchWithPaging(ldap.NewSearchRequest(BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			filter, []string{"cn"}, nil), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Entries) != want {
			t.Errorf("%s: %d entries, want %d", filter, len(r.Entries), want)
		}
	}
}

// TestChanges: clients of the directory see the changes that tests make.
func TestChanges(t *testing.T) {
	ad := NewAD(t)
	refusal := func(name, password string) string { t.Helper(); return login(t, DC1, ad.CA, `EXAMPLE\`+name, password) }
	ad.Disable(t, "alice")
	if got := refusal("alice", Password); !strings.Contains(got, "data 533") {
		t.Errorf("disabled: %q", got)
	}
	ad.Enable(t, "alice")
	ad.Expire(t, "bob", time.Now().Add(-time.Hour))
	if got := refusal("bob", Password); !strings.Contains(got, "data 701") {
		t.Errorf("expired: %q", got)
	}
	ad.SetPassword(t, "alice", "An0ther-Passw0rd!")
	if got := refusal("alice", "An0ther-Passw0rd!"); got != "" {
		t.Errorf("with the new password: %s", got)
	}
	moved := ad.Move(t, ad.PersonDN("alice"), "OU=Leavers,"+BaseDN)
	ad.RemoveFrom(t, "Sales", moved)
	ad.AddTo(t, "Empty", moved)
	if got := ad.Attributes(t, moved, "memberOf"); !slices.Equal(got, []string{ad.GroupDN("Empty")}) {
		t.Errorf("memberOf: %q", got)
	}
	ad.Delete(t, ad.GroupDN("Empty"))
	if got := ad.Attributes(t, moved, "memberOf"); len(got) != 0 {
		t.Errorf("memberOf after the group was deleted: %q", got)
	}

	searcher := ad.Bind(t, ad.SearchDN, SearchPassword)
	seen := func() int {
		r, err := searcher.Search(ldap.NewSearchRequest(BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(sAMAccountName=dave)", []string{"memberOf"}, nil))
		if err != nil {
			t.Fatal(err)
		}
		return len(r.Entries)
	}
	if seen() != 1 {
		t.Error("the search account does not see dave")
	}
	ad.DenyRead(t, ad.PersonDN("dave"))
	if seen() != 0 {
		t.Error("the search account sees dave, whom it may not read")
	}
}

// TestKerberos: alice gets a ticket for the portal, and the keytab decrypts it.
func TestKerberos(t *testing.T) {
	ad := NewAD(t)
	needs.Program(t, "kinit", "krb5-user")
	t.Setenv("KRB5CCNAME", filepath.Join(t.TempDir(), "tickets"))
	kinit := exec.Command("kinit", "alice")
	kinit.Stdin = strings.NewReader(Password + "\n")
	if out, err := kinit.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
	if out, err := exec.Command("kvno", "-k", ad.Keytab(t), "HTTP/portal.example.test").CombinedOutput(); err != nil {
		t.Errorf("kvno: %v\n%s", err, out)
	}
}

// Test389: the result of a login of each account. The second test gets the same data again, although the first changes it.
func Test389(t *testing.T) {
	const none = -1
	for _, test := range []string{"first", "second"} {
		t.Run(test, func(t *testing.T) {
			d := New389(t)
			for _, c := range []struct {
				dn, password string
				code         uint16
				policy       int8
			}{
				{d.PersonDN("alice"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("alice"), "wrong", ldap.LDAPResultInvalidCredentials, none},
				{d.PersonDN("petrov"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("expired"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("pwexpired"), Password, ldap.LDAPResultSuccess, none},
				{d.PersonDN("oldpassword"), Password, ldap.LDAPResultInvalidCredentials, ldap.BeheraPasswordExpired},
				{d.PersonDN("locked"), Password, ldap.LDAPResultConstraintViolation, ldap.BeheraAccountLocked},
				{d.PersonDN("disabled"), Password, ldap.LDAPResultUnwillingToPerform, ldap.BeheraAccountLocked},
				{d.SearchDN, SearchPassword, ldap.LDAPResultSuccess, none},
			} {
				code, policy := policyLogin(t, d, c.dn, c.password)
				if code != c.code || policy != c.policy {
					t.Errorf("%s with %s: %d, policy %d; want %d, %d", c.dn, c.password, code, policy, c.code, c.policy)
				}
			}
			r, err := d.Bind(t, d.SearchDN, SearchPassword).Search(ldap.NewSearchRequest(d.PeopleDN, ldap.ScopeWholeSubtree,
				ldap.NeverDerefAliases, 0, 0, false, "(uid=alice)", []string{"ipaUniqueID", "nsUniqueId", "entryUUID", "memberOf"}, nil))
			if err != nil || len(r.Entries) != 1 {
				t.Fatalf("%v, %v", r, err)
			}
			for _, id := range []string{"ipaUniqueID", "nsUniqueId", "entryUUID"} {
				if r.Entries[0].GetAttributeValue(id) == "" {
					t.Errorf("no %s", id)
				}
			}
			if got := r.Entries[0].GetAttributeValues("memberOf"); len(got) != 3 {
				t.Errorf("memberOf: %q", got)
			}
			d.Set(t, d.PersonDN("bob"), "nsAccountLock", "TRUE") // the second test must not see it
		})
	}
}
