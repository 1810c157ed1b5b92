//go:build linux

package lab

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Directory is a server of the lab. It answers ldaps://HOST and, with StartTLS, ldap://HOST.
type Directory struct {
	CA   *Authority
	DNS  *NameServer
	Host string

	SearchDN string // of the search account, with SearchPassword
	AdminDN  string // of an account that may do everything, with AdminPassword
	PeopleDN string
	GroupsDN string

	rdn     string // attribute that names people in their DNs
	ports   []string
	log     string // file
	command []string
	server  *server
	admin   *ldap.Conn
}

// PersonDN returns the DN of a person.
func (d *Directory) PersonDN(login string) string { return d.rdn + "=" + login + "," + d.PeopleDN }

// GroupDN returns the DN of a group.
func (d *Directory) GroupDN(name string) string { return "CN=" + name + "," + d.GroupsDN }

type group struct {
	Name    string
	Members []string // DNs
}

// groupsOf returns the groups that all servers have. The last member is named differently.
func groupsOf(d *Directory, ivan string) []group {
	return []group{
		{"Sales", []string{d.PersonDN("alice")}},
		{"Staff", []string{d.GroupDN("Sales")}},
		{"VPN-Users", []string{d.GroupDN("Staff"), d.PersonDN("bob"), d.PersonDN(ivan)}},
	}
}

// generalizedTime is now as LDAP writes times.
func generalizedTime() string { return time.Now().UTC().Format("20060102150405Z") }

// Start starts the server again after Stop.
func (d *Directory) Start(tb testing.TB) {
	tb.Helper()
	var listens []string
	for _, port := range d.ports {
		listens = append(listens, net.JoinHostPort(Address(d.Host).String(), port))
	}
	d.server = start(tb, d.log, listens, d.command[0], d.command[1:]...)
}

// Stop kills the server, which closes its connections and ports.
func (d *Directory) Stop() {
	d.admin = nil
	d.server.end(syscall.SIGKILL)
}

// Pause makes the server silent: the kernel still accepts connections, and nothing answers until Continue.
func (d *Directory) Pause() { d.signal(syscall.SIGSTOP) }

// Continue ends a pause.
func (d *Directory) Continue() { d.signal(syscall.SIGCONT) }

func (d *Directory) signal(s os.Signal) { _ = d.server.cmd.Process.Signal(s) }

// Admin returns a connection that is bound as AdminDN.
func (d *Directory) Admin(tb testing.TB) *ldap.Conn {
	tb.Helper()
	if d.admin != nil && !d.admin.IsClosing() {
		return d.admin
	}
	d.admin = d.Bind(tb, d.AdminDN, AdminPassword)
	return d.admin
}

// Bind returns a connection that is bound as an account. It must succeed.
func (d *Directory) Bind(tb testing.TB, name, password string) *ldap.Conn {
	tb.Helper()
	c := d.dial(tb)
	if err := c.Bind(name, password); err != nil {
		tb.Fatal(err)
	}
	return c
}

// dial connects over LDAPS until the end of the test.
func (d *Directory) dial(tb testing.TB) *ldap.Conn {
	tb.Helper()
	c, err := ldap.DialURL("ldaps://"+d.Host, ldap.DialWithTLSConfig(&tls.Config{RootCAs: d.CA.Pool()}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	c.SetTimeout(patience)
	return c
}

// Attributes returns the values of an attribute of an entry, none if the entry has none.
func (d *Directory) Attributes(tb testing.TB, dn, attribute string) []string {
	tb.Helper()
	r, err := d.Admin(tb).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{attribute}, nil))
	if err != nil {
		tb.Fatalf("read %s of %s: %v", attribute, dn, err)
	}
	return r.Entries[0].GetAttributeValues(attribute)
}

// Set replaces the values of an attribute; without values it removes the attribute.
func (d *Directory) Set(tb testing.TB, dn, attribute string, values ...string) {
	tb.Helper()
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	d.modify(tb, m)
}

func (d *Directory) modify(tb testing.TB, m *ldap.ModifyRequest) {
	tb.Helper()
	if err := d.Admin(tb).Modify(m); err != nil {
		tb.Fatalf("change %s: %v", m.DN, err)
	}
}

// AddTo makes an entry a member of a group.
func (d *Directory) AddTo(tb testing.TB, group, dn string) {
	tb.Helper()
	m := ldap.NewModifyRequest(d.GroupDN(group), nil)
	m.Add("member", []string{dn})
	d.modify(tb, m)
}

// RemoveFrom removes an entry from the members of a group.
func (d *Directory) RemoveFrom(tb testing.TB, group, dn string) {
	tb.Helper()
	m := ldap.NewModifyRequest(d.GroupDN(group), nil)
	m.Delete("member", []string{dn})
	d.modify(tb, m)
}

// Move moves an entry to another parent and returns its new DN. The first part of the DN must have no comma.
func (d *Directory) Move(tb testing.TB, dn, parent string) string {
	tb.Helper()
	rdn, _, _ := strings.Cut(dn, ",")
	if err := d.Admin(tb).ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, parent)); err != nil {
		tb.Fatalf("move %s: %v", dn, err)
	}
	return rdn + "," + parent
}

// Delete deletes an entry.
func (d *Directory) Delete(tb testing.TB, dn string) {
	tb.Helper()
	if err := d.Admin(tb).Del(ldap.NewDelRequest(dn, nil)); err != nil {
		tb.Fatalf("delete %s: %v", dn, err)
	}
}
