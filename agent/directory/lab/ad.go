//go:build linux

package lab

import (
	"bytes"
	"crypto/tls"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
)

const (
	AdminDN       = "CN=Administrator,CN=Users," + BaseDN
	AdminPassword = "Adm1n-Passw0rd!"

	// The account for searches. Its password never expires.
	ServiceDN       = "CN=svc-ldap,OU=Services," + BaseDN
	ServicePassword = "S3rvice-Passw0rd!"
)

// AD is a Samba domain controller with the domain example.test. Three wrong passwords within 30 minutes lock an account for 30
// minutes. The logins below have the password Password. Their entries are CN=login,OU=People, and groups are CN=name,OU=Groups.
//
//	alice         in Sales, which is in Staff, which is in VPN-Users
//	bob           in VPN-Users
//	dave          his userPrincipalName is david.jones@example.test
//	carol         her userPrincipalName is carol@corp.example, an alternative suffix of the forest
//	Иван Петров   in VPN-Users
//	disabled, locked, expired, mustchange, pwexpired
//	nohours       may not log in at any hour
//	otherpc       may log in at OTHERPC only
//	smartcard     has the flag SMARTCARD_REQUIRED, with which Samba accepts a bind with the password all the same
//	strict        has a password policy of its own: two wrong passwords lock it for an hour
//
// svc-ldap is in OU=Services, like svc-http with the service principal HTTP/portal.example.test. PC1$ is a computer. The groups
// Domain Users (primary group of all people) and Empty have no members in their attribute.
type AD struct {
	CA     *Authority
	Second *Relay // dc2
	DNS    *DNSLab

	server *server
	admin  *ldap.Conn
}

var (
	sambaDir      = filepath.Join(root, "samba") // of the running server: the files name it
	sambaTemplate = filepath.Join(root, "samba.template")
	sambaCA       *Authority
	sambaReady    once
	sambaHeld     sync.Mutex

	//go:embed ad.conf
	sambaConf string
	//go:embed ad.ldif
	sambaLDIF string
)

// NewAD starts a new domain controller for the test. The first call in the process provisions the domain.
func NewAD(tb testing.TB) *AD {
	tb.Helper()
	require(tb, [2]string{"samba", "samba-ad-dc"}, [2]string{"samba-tool", "samba-ad-provision"}, [2]string{"ldbmodify", "ldb-tools"})
	hold(tb, &sambaHeld)
	sambaReady.do(tb, provision)
	if err := os.RemoveAll(sambaDir); err != nil {
		tb.Fatal(err)
	}
	if err := run("cp", "-a", sambaTemplate, sambaDir); err != nil {
		tb.Fatal(err)
	}
	ad := &AD{CA: sambaCA, DNS: DNS(tb)}
	ad.Start(tb)
	ad.Second = newRelay(tb, Address(DC2), Address(DC1))
	return ad
}

// provision prepares the files of the domain.
func provision() (err error) {
	if err := run("samba-tool", "domain", "provision", "--realm=EXAMPLE.TEST", "--domain="+NetBIOS, "--server-role=dc",
		"--dns-backend=NONE", "--host-name=dc1", "--host-ip="+Address(DC1).String(), "--adminpass="+AdminPassword,
		"--use-rfc2307", "--targetdir="+sambaDir, "--option=interfaces="+Address(DC1).String()+"/24",
		"--option=bind interfaces only=yes"); err != nil {
		return err
	}
	if sambaCA, err = newAuthority("Lab AD CA"); err != nil {
		return err
	}
	pair, err := sambaCA.issue(nil, DC1, DC2, Domain)
	if err != nil {
		return err
	}
	if err := writePair(filepath.Join(sambaDir, "tls"), sambaCA, pair); err != nil {
		return err
	}
	conf := strings.ReplaceAll(sambaConf, "DIR", sambaDir)
	if err := os.WriteFile(smbConf(), []byte(conf), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(sambaDir, "run"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(krb5Conf(), []byte(krb5), 0o644); err != nil {
		return err
	}
	text, err := sambaPeople()
	if err != nil {
		return err
	}
	if err := ldbmodify("sam.ldb", text); err != nil {
		return err
	}
	// sam.ldb refuses these values, or replaces the password with a random one (smart card), so the file of the partition is written.
	if err := ldbmodify("sam.ldb.d/DC=EXAMPLE,DC=TEST.ldb", fmt.Sprintf(`dn: %s
changetype: modify
replace: pwdLastSet
pwdLastSet: 132000000000000000

dn: %s
changetype: modify
replace: lockoutTime
lockoutTime: %d
-
replace: badPwdCount
badPwdCount: 3

dn: %s
changetype: modify
replace: userAccountControl
userAccountControl: 262656
`, PersonDN("pwexpired"), PersonDN("locked"), fileTime(time.Now()), PersonDN("smartcard"))); err != nil {
		return err
	}
	return os.Rename(sambaDir, sambaTemplate)
}

const krb5 = `[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_realm = false
	dns_lookup_kdc = true
	dns_canonicalize_hostname = false
	rdns = false
[domain_realm]
	.example.test = EXAMPLE.TEST
	example.test = EXAMPLE.TEST
`

func smbConf() string  { return filepath.Join(sambaDir, "etc", "smb.conf") }
func krb5Conf() string { return filepath.Join(sambaDir, "krb5.conf") }

type adPerson struct {
	Login, CN, OU, UPN, Mail, Password string
	UAC                                int
	More                               []string // lines of LDIF
}

type adGroup struct {
	Name    string
	Members []string // DNs
}

func adPeople() []adPerson {
	const normal, noExpiry, off = 0x200, 0x10000, 2
	person := func(login string, more ...string) adPerson {
		return adPerson{login, login, "People", login + "@" + Domain, login + "@" + Domain, Password, normal, more}
	}
	all := []adPerson{
		person("alice"), person("bob"), person("dave"), person("carol"), person("Иван Петров"),
		person("disabled"), person("locked"), person("pwexpired"), person("strict"),
		person("expired", "accountExpires: 132000000000000000"),
		person("mustchange", "pwdLastSet: 0"),
		person("nohours", "logonHours:: "+base64.StdEncoding.EncodeToString(make([]byte, 21))),
		person("otherpc", "userWorkstations: OTHERPC"),
		person("smartcard"),
		person("svc-ldap"),
		person("svc-http", "servicePrincipalName: HTTP/portal.example.test", "msDS-SupportedEncryptionTypes: 24"), // AES
	}
	for i := range all {
		switch p := &all[i]; p.Login {
		case "disabled":
			p.UAC |= off
		case "dave":
			p.UPN = "david.jones@" + Domain
		case "carol":
			p.UPN = "carol@corp.example"
		case "Иван Петров":
			p.Mail = "petrov@" + Domain
		case "svc-ldap", "svc-http":
			p.OU, p.Password = "Services", ServicePassword
			p.UAC |= noExpiry
		}
	}
	return all
}

func sambaPeople() (string, error) {
	functions := template.FuncMap{
		"password": unicodePwd,
		"people":   adPeople,
		"ou":       func() []string { return []string{"People", "Groups", "Services", "Leavers"} },
		"groups": func() []adGroup {
			return []adGroup{
				{"Sales", []string{PersonDN("alice")}},
				{"Staff", []string{GroupDN("Sales")}},
				{"VPN-Users", []string{GroupDN("Staff"), PersonDN("bob"), PersonDN("Иван Петров")}},
				{"Empty", nil},
			}
		},
	}
	t, err := template.New("ad.ldif").Funcs(functions).Parse(sambaLDIF)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, nil)
	return b.String(), err
}

// unicodePwd returns a password as the attribute of that name takes it, in base64.
func unicodePwd(password string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// ldbmodify changes a database of the domain without the server. It accepts a server that runs, but not one that is paused.
func ldbmodify(database, ldif string) error {
	cmd := exec.Command("ldbmodify", "-H", filepath.Join(sambaDir, "private", database))
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ldbmodify %s: %w\n%s", database, err, out)
	}
	return nil
}

// fileTime is a time in units of 100 ns since 1601.
func fileTime(t time.Time) int64 { return t.UnixNano()/100 + 116444736000000000 }

// PersonDN returns the DN of a person of the domain.
func PersonDN(login string) string { return "CN=" + login + ",OU=People," + BaseDN }

// GroupDN returns the DN of a group of the domain.
func GroupDN(name string) string { return "CN=" + name + ",OU=Groups," + BaseDN }

// Start starts the controller again after Stop.
func (ad *AD) Start(tb testing.TB) {
	tb.Helper()
	var listens []string
	for _, port := range []string{"88", "389", "636", "3268"} {
		listens = append(listens, net.JoinHostPort(Address(DC1).String(), port))
	}
	tb.Setenv("KRB5_CONFIG", krb5Conf())
	ad.server = start(tb, filepath.Join(sambaDir, "output"), listens,
		"samba", "-s", smbConf(), "-i", "-M", "single", "--no-process-group")
}

// Stop ends the controller and its connections.
func (ad *AD) Stop() {
	ad.admin = nil
	ad.server.end(syscall.SIGKILL)
}

// Pause makes the controller silent: the kernel still accepts connections, and nothing answers until Continue.
func (ad *AD) Pause() { _ = ad.server.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue ends a pause.
func (ad *AD) Continue() { _ = ad.server.cmd.Process.Signal(syscall.SIGCONT) }

// Log returns the end of Samba's log, with all logins.
func (ad *AD) Log() string {
	out, _ := os.ReadFile(filepath.Join(sambaDir, "log.samba"))
	return string(out[max(0, len(out)-8000):])
}

// Admin returns a connection of the domain administrator, for changes of any kind.
func (ad *AD) Admin(tb testing.TB) *ldap.Conn {
	tb.Helper()
	if ad.admin == nil {
		ad.admin = bind(tb, "ldaps://"+DC1, ad.CA, AdminDN, AdminPassword)
	}
	return ad.admin
}

// bind connects until the end of the test.
func bind(tb testing.TB, url string, ca *Authority, dn, password string) *ldap.Conn {
	tb.Helper()
	c, err := ldap.DialURL(url, ldap.DialWithTLSConfig(&tls.Config{RootCAs: ca.Pool()}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	c.SetTimeout(patience)
	if err := c.Bind(dn, password); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Attributes returns the values of an attribute of an entry, none if the entry has none.
func (ad *AD) Attributes(tb testing.TB, dn, attribute string) []string {
	tb.Helper()
	return read(tb, ad.Admin(tb), dn, attribute)
}

func read(tb testing.TB, c *ldap.Conn, dn, attribute string) []string {
	tb.Helper()
	r, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{attribute}, nil))
	if err != nil {
		tb.Fatalf("read %s of %s: %v", attribute, dn, err)
	}
	return r.Entries[0].GetAttributeValues(attribute)
}

// BadPasswords returns the count of wrong passwords of a person.
func (ad *AD) BadPasswords(tb testing.TB, login string) int {
	tb.Helper()
	values := ad.Attributes(tb, PersonDN(login), "badPwdCount")
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// Locked reports whether wrong passwords have locked the account of a person.
func (ad *AD) Locked(tb testing.TB, login string) bool {
	tb.Helper()
	values := ad.Attributes(tb, PersonDN(login), "msDS-User-Account-Control-Computed")
	if len(values) == 0 {
		tb.Fatalf("%s has no computed flags", login)
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		tb.Fatal(err)
	}
	return n&0x10 != 0
}

// Unlock clears the count of wrong passwords and the lock.
func (ad *AD) Unlock(tb testing.TB, login string) {
	tb.Helper()
	ad.Set(tb, PersonDN(login), "lockoutTime", "0")
}

// Set replaces the values of an attribute; without values it removes the attribute.
func (ad *AD) Set(tb testing.TB, dn, attribute string, values ...string) {
	tb.Helper()
	set(tb, ad.Admin(tb), dn, attribute, values...)
}

func set(tb testing.TB, c *ldap.Conn, dn, attribute string, values ...string) {
	tb.Helper()
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	if err := c.Modify(m); err != nil {
		tb.Fatalf("set %s of %s: %v", attribute, dn, err)
	}
}

// SetPassword sets the password of a person.
func (ad *AD) SetPassword(tb testing.TB, login, password string) {
	tb.Helper()
	raw, _ := base64.StdEncoding.DecodeString(unicodePwd(password))
	ad.Set(tb, PersonDN(login), "unicodePwd", string(raw))
}

// Disable disables the account of a person.
func (ad *AD) Disable(tb testing.TB, login string) {
	tb.Helper()
	ad.Set(tb, PersonDN(login), "userAccountControl", "514")
}

// Enable enables it again.
func (ad *AD) Enable(tb testing.TB, login string) {
	tb.Helper()
	ad.Set(tb, PersonDN(login), "userAccountControl", "512")
}

// Expire sets the time from which an account may not log in.
func (ad *AD) Expire(tb testing.TB, login string, at time.Time) {
	tb.Helper()
	ad.Set(tb, PersonDN(login), "accountExpires", strconv.FormatInt(fileTime(at), 10))
}

// Move moves an entry to another parent, such as "OU=Leavers,"+BaseDN. The DN must have no escaped comma in its first part.
func (ad *AD) Move(tb testing.TB, dn, parent string) {
	tb.Helper()
	rdn, _, _ := strings.Cut(dn, ",")
	if err := ad.Admin(tb).ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, parent)); err != nil {
		tb.Fatalf("move %s: %v", dn, err)
	}
}

// Delete deletes an entry.
func (ad *AD) Delete(tb testing.TB, dn string) {
	tb.Helper()
	if err := ad.Admin(tb).Del(ldap.NewDelRequest(dn, nil)); err != nil {
		tb.Fatalf("delete %s: %v", dn, err)
	}
}

// AddTo makes an entry a member of a group.
func (ad *AD) AddTo(tb testing.TB, group, dn string) {
	tb.Helper()
	m := ldap.NewModifyRequest(GroupDN(group), nil)
	m.Add("member", []string{dn})
	if err := ad.Admin(tb).Modify(m); err != nil {
		tb.Fatalf("add %s to %s: %v", dn, group, err)
	}
}

// RemoveFrom ends that.
func (ad *AD) RemoveFrom(tb testing.TB, group, dn string) {
	tb.Helper()
	m := ldap.NewModifyRequest(GroupDN(group), nil)
	m.Delete("member", []string{dn})
	if err := ad.Admin(tb).Modify(m); err != nil {
		tb.Fatalf("remove %s from %s: %v", dn, group, err)
	}
}

// DenyRead forbids the service account to read any attribute of an entry and of the entries below it.
func (ad *AD) DenyRead(tb testing.TB, dn string) {
	tb.Helper()
	sid := ad.Attributes(tb, ServiceDN, "objectSid")[0]
	if err := run("samba-tool", "dsacl", "set", "--objectdn="+dn, "--action=deny", "--trusteedn="+ServiceDN,
		"--sddl=(D;CI;RPLCLORC;;;"+sidString(sid)+")", "-s", smbConf(), "-H", samDB()); err != nil {
		tb.Fatal(err)
	}
}

func samDB() string { return filepath.Join(sambaDir, "private", "sam.ldb") }

// sidString writes a binary SID as S-1-5-….
func sidString(b string) string {
	s := fmt.Sprintf("S-%d-%d", b[0], b[7])
	for b = b[8:]; len(b) >= 4; b = b[4:] {
		s += fmt.Sprintf("-%d", uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)
	}
	return s
}

// Keytab returns the file with the keys of HTTP/portal.example.test. KRB5_CONFIG is set for kinit and others during the test.
func (ad *AD) Keytab(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "http.keytab")
	if err := run("samba-tool", "domain", "exportkeytab", file, "--principal=HTTP/portal.example.test", "-s", smbConf()); err != nil {
		tb.Fatal(err)
	}
	return file
}
