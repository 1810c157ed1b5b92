//go:build linux

package lab

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"
	"unicode/utf16"
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
	*Directory
	Second *Relay // dc2
}

var (
	sambaDir      = filepath.Join(root, "samba") // of the running server; its files contain this path
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
	ad := &AD{Directory: newSamba()}
	ad.DNS = DNS(tb)
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
	samba := newSamba()
	text, err := sambaPeople(samba)
	if err != nil {
		return err
	}
	if err := ldbmodify("sam.ldb", text); err != nil {
		return err
	}
	// sam.ldb refuses these values, or replaces the password with a random one (smart card), so the file of the partition is written.
	if err := ldbmodify(partition, fmt.Sprintf(`dn: %s
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
`, samba.PersonDN("pwexpired"), samba.PersonDN("locked"), fileTime(time.Now()), samba.PersonDN("smartcard"))); err != nil {
		return err
	}
	return os.Rename(sambaDir, sambaTemplate)
}

func smbConf() string { return filepath.Join(sambaDir, "etc", "smb.conf") }

type adPerson struct {
	Login, CN, OU, UPN, Mail, Password string
	UAC                                int
	More                               []string // lines of LDIF
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
			p.OU, p.Password = "Services", SearchPassword
			p.UAC |= noExpiry
		}
	}
	return all
}

func sambaPeople(samba *Directory) (string, error) {
	functions := template.FuncMap{
		"password": unicodePwd,
		"people":   adPeople,
		"ou":       func() []string { return []string{"People", "Groups", "Services", "Leavers"} },
		"groups":   func() []group { return append(groupsOf(samba, "Иван Петров"), group{"Empty", nil}) },
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

// partition is the file with the entries of the domain. Unlike sam.ldb it takes any value.
const partition = "sam.ldb.d/DC=EXAMPLE,DC=TEST.ldb"

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

// newSamba describes the domain without starting it.
func newSamba() *Directory {
	return &Directory{
		CA: sambaCA, Host: DC1,
		AdminDN:  "CN=Administrator,CN=Users," + BaseDN,
		SearchDN: "CN=svc-ldap,OU=Services," + BaseDN,
		PeopleDN: "OU=People," + BaseDN,
		GroupsDN: "OU=Groups," + BaseDN,
		rdn:      "CN",
		ports:    []string{"88", "389", "464", "636", "3268"},
		log:      filepath.Join(sambaDir, "output"),
		command:  []string{"samba", "-s", smbConf(), "-i", "-M", "single", "--no-process-group"},
	}
}

// Log returns the end of Samba's log, with all logins.
func (ad *AD) Log() string {
	out, _ := os.ReadFile(filepath.Join(sambaDir, "log.samba"))
	return string(out[max(0, len(out)-8000):])
}

// BadPasswords returns the count of wrong passwords of a person.
func (ad *AD) BadPasswords(tb testing.TB, login string) int {
	tb.Helper()
	values := ad.Attributes(tb, ad.PersonDN(login), "badPwdCount")
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
	values := ad.Attributes(tb, ad.PersonDN(login), "msDS-User-Account-Control-Computed")
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
	ad.Set(tb, ad.PersonDN(login), "lockoutTime", "0")
}

// SetPassword sets the password of a person.
func (ad *AD) SetPassword(tb testing.TB, login, password string) {
	tb.Helper()
	raw, _ := base64.StdEncoding.DecodeString(unicodePwd(password))
	ad.Set(tb, ad.PersonDN(login), "unicodePwd", string(raw))
}

// Disable disables the account of a person.
func (ad *AD) Disable(tb testing.TB, login string) {
	tb.Helper()
	ad.Set(tb, ad.PersonDN(login), "userAccountControl", "514")
}

// Enable enables it again.
func (ad *AD) Enable(tb testing.TB, login string) {
	tb.Helper()
	ad.Set(tb, ad.PersonDN(login), "userAccountControl", "512")
}

// Expire sets the time from which an account may not log in.
func (ad *AD) Expire(tb testing.TB, login string, at time.Time) {
	tb.Helper()
	ad.Set(tb, ad.PersonDN(login), "accountExpires", strconv.FormatInt(fileTime(at), 10))
}

// DenyRead forbids the search account to read any attribute of an entry and of the entries below it.
func (ad *AD) DenyRead(tb testing.TB, dn string) {
	tb.Helper()
	sid := ad.Attributes(tb, ad.SearchDN, "objectSid")[0]
	if err := run("samba-tool", "dsacl", "set", "--objectdn="+dn, "--action=deny", "--trusteedn="+ad.SearchDN,
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

// Keytab returns the file with the keys of HTTP/portal.example.test. Kerberos programs find the domain by KRB5_CONFIG.
func (ad *AD) Keytab(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(sambaDir, "http.keytab")
	_ = os.Remove(file) // the keys would be added to it
	if err := run("samba-tool", "domain", "exportkeytab", file, "--principal=HTTP/portal.example.test", "-s", smbConf()); err != nil {
		tb.Fatal(err)
	}
	return file
}
