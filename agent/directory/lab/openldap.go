//go:build linux

package lab

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/go-ldap/ldap/v3"
)

// MemberOf says whether OpenLDAP maintains the attribute memberOf.
type MemberOf bool

var (
	openLDAPDir  = filepath.Join(root, "openldap")
	openLDAPHeld sync.Mutex

	//go:embed openldap.conf
	openLDAPConf string
	//go:embed openldap.ldif
	openLDAPLDIF string
)

// NewOpenLDAP starts an OpenLDAP server for the test at LDAP. Three wrong passwords within 30 minutes lock an account for 30 minutes.
// People are uid=login,ou=People, and groups are cn=name,ou=Groups with objectClass groupOfNames. The people alice, bob and
// Иван Петров and their groups are those of AD. More people:
//
//	locked, disabled  pwdAccountLockedTime: now, and the value of an administrator
//	pwexpired         the password has expired, without grace logins
//	mustchange        pwdReset
//	expired           pwdEndTime is over
//
// Nothing is readable without a login.
func NewOpenLDAP(tb testing.TB, memberOf MemberOf) *Directory {
	tb.Helper()
	require(tb, [2]string{"slapd", "slapd"})
	hold(tb, &openLDAPHeld)
	d := &Directory{
		DNS: DNS(tb), Host: LDAP,
		AdminDN:  "cn=admin," + BaseDN,
		SearchDN: "cn=svc-ldap,ou=Services," + BaseDN,
		PeopleDN: "ou=People," + BaseDN,
		GroupsDN: "ou=Groups," + BaseDN,
		rdn:      "uid",
		ports:    []string{"389", "636"},
		log:      filepath.Join(openLDAPDir, "output"),
		command: []string{"slapd", "-d", "0", "-f", filepath.Join(openLDAPDir, "slapd.conf"),
			"-h", "ldap://" + Address(LDAP).String() + " ldaps://" + Address(LDAP).String()},
	}
	if err := fillOpenLDAP(d, memberOf); err != nil {
		tb.Fatal(err)
	}
	d.Start(tb)
	// slapadd runs no overlays, so memberOf would be missing.
	for _, g := range groupsOf(d, "Иван Петров") {
		if err := d.Admin(tb).Add(&ldap.AddRequest{DN: d.GroupDN(g.Name), Attributes: []ldap.Attribute{
			{Type: "objectClass", Vals: []string{"groupOfNames"}}, {Type: "member", Vals: g.Members}}}); err != nil {
			tb.Fatal(err)
		}
	}
	return d
}

// fillOpenLDAP writes the configuration and the people.
func fillOpenLDAP(d *Directory, memberOf MemberOf) (err error) {
	if err := os.RemoveAll(openLDAPDir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(openLDAPDir, "db"), 0o700); err != nil {
		return err
	}
	if d.CA, err = newAuthority("Lab OpenLDAP CA"); err != nil {
		return err
	}
	pair, err := d.CA.issue(nil, LDAP)
	if err != nil {
		return err
	}
	if err := writePair(filepath.Join(openLDAPDir, "tls"), d.CA, pair); err != nil {
		return err
	}
	conf := strings.ReplaceAll(openLDAPConf, "DIR", openLDAPDir)
	if memberOf {
		conf += "overlay memberof\n"
	}
	if err := os.WriteFile(filepath.Join(openLDAPDir, "slapd.conf"), []byte(conf), 0o600); err != nil {
		return err
	}
	type person struct {
		Login, Mail string
		More        []string // lines of LDIF
	}
	var ldif bytes.Buffer
	if err := template.Must(template.New("").Parse(openLDAPLDIF)).Execute(&ldif, map[string]any{
		"OUs": []string{"People", "Groups", "Services", "Leavers"},
		"People": []person{
			{"alice", "alice@" + Domain, nil},
			{"bob", "bob@" + Domain, nil},
			{"Иван Петров", "petrov@" + Domain, nil},
			{"locked", "locked@" + Domain, []string{"pwdAccountLockedTime: " + generalizedTime()}},
			{"disabled", "disabled@" + Domain, []string{"pwdAccountLockedTime: 000001010000Z"}},
			{"pwexpired", "pwexpired@" + Domain, []string{"pwdPolicySubentry: cn=oldpasswords," + BaseDN, "pwdChangedTime: 20200101000000Z"}},
			{"mustchange", "mustchange@" + Domain, []string{"pwdReset: TRUE"}},
			{"expired", "expired@" + Domain, []string{"pwdEndTime: 20200101000000Z"}},
		},
	}); err != nil {
		return err
	}
	file := filepath.Join(openLDAPDir, "people.ldif")
	if err := os.WriteFile(file, ldif.Bytes(), 0o600); err != nil {
		return err
	}
	return run("slapadd", "-q", "-f", filepath.Join(openLDAPDir, "slapd.conf"), "-l", file)
}
