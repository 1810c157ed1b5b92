//go:build ad

package directory

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
	"ideco-agent/agent/directory/lab"
)

// ticket signs in by a token and returns the account and the refusal.
func (o *office) ticket(t testing.TB, token []byte) (agent.User, *agent.Error) {
	t.Helper()
	user, err := o.Ticket(t.Context(), token)
	if err == nil {
		return user, nil
	}
	return user, agent.AsError(err)
}

func (o *office) wantTicket(t testing.TB, token []byte, login string) {
	t.Helper()
	if user, err := o.ticket(t, token); err != nil || user.Login != login {
		t.Errorf("got %q, %v; want %q", user.Login, err, login)
	}
}

func (o *office) wantNoTicket(t testing.TB, token []byte, code agent.Code, cause string) {
	t.Helper()
	if user, err := o.ticket(t, token); err == nil || err.Code != code || !strings.Contains(err.Error(), cause) {
		t.Errorf("got %q, %v; want %s with %q", user.Login, err, code, cause)
	}
}

func readKeytab(t testing.TB, ad *lab.AD) []byte {
	t.Helper()
	file, err := os.ReadFile(ad.Keytab(t))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestADTicket: people sign in by tickets of a real KDC, by either of their names. A token is good once, and after a restart a
// fresh one with the same ticket is accepted at once.
func TestADTicket(t *testing.T) {
	ad := lab.NewAD(t)
	s := labSettings(agent.DirectoryAD, ad.Directory)
	s.Keytab = readKeytab(t, ad)
	o := newOffice(t, s)
	if realms := o.Realms(); !slices.Equal(realms, []string{lab.Realm}) {
		t.Errorf("realms %q", realms)
	}
	alice := ad.LogIn(t, "alice", lab.Password)
	token := alice.Token(t)
	o.wantTicket(t, token, "alice")
	o.wantNoTicket(t, token, agent.CodeSSORefused, "replay")
	o.wantTicket(t, alice.Token(t), "alice")

	late := alice.Token(t)
	restarted := newOffice(t, s)
	began := time.Now()
	restarted.wantNoTicket(t, token, agent.CodeSSOStale, "")
	restarted.wantNoTicket(t, late, agent.CodeSSOStale, "")
	restarted.wantTicket(t, alice.Token(t), "alice")
	if took := time.Since(began); took > time.Second {
		t.Errorf("a fresh token was accepted after %v", took)
	}

	o.wantTicket(t, ad.LogIn(t, "david.jones", lab.Password).Token(t), "dave")
	o.wantTicket(t, ad.LogIn(t, "Иван Петров", lab.Password).Token(t), "Иван Петров")

	// As kinit -E carol@corp.example and a person in many groups show them.
	minted := func(client string, size int) []byte {
		return mint.Token(t, mint.Ticket{Keytab: s.Keytab, Service: lab.Service, Realm: lab.Realm, Client: client, Size: size})
	}
	o.wantTicket(t, minted("carol@corp.example", 0), "carol")
	large := minted("bob", 64300)
	if len(large) < 64800 {
		t.Fatalf("%d bytes", len(large))
	}
	o.wantTicket(t, large, "bob")
	o.wantNoTicket(t, minted("PC1$", 0), agent.CodeSSORefused, "not found")
	o.wantNoTicket(t, minted("PC1", 0), agent.CodeSSORefused, "not found")
	o.wantNoTicket(t, minted("nobody", 0), agent.CodeSSORefused, "not found")
	o.wantNoTicket(t, minted("*", 0), agent.CodeSSORefused, "not found")
}

// TestADTicketOfComputer: the KDC gives the owner of the computer david.jones$ a ticket in the name david.jones, which is also the
// userPrincipalName of dave. It is not taken for his.
func TestADTicketOfComputer(t *testing.T) {
	ad := lab.NewAD(t)
	s := labSettings(agent.DirectoryAD, ad.Directory)
	s.Keytab = readKeytab(t, ad)
	o := newOffice(t, s)
	computer := ldap.NewAddRequest("CN=david.jones,OU=Services,"+lab.BaseDN, nil)
	computer.Attribute("objectClass", []string{"computer"})
	computer.Attribute("sAMAccountName", []string{"david.jones$"})
	computer.Attribute("userAccountControl", []string{"4096"})
	if err := ad.Admin(t).Add(computer); err != nil {
		t.Fatal(err)
	}
	token := mint.Token(t, mint.Ticket{Keytab: s.Keytab, Service: lab.Service, Realm: lab.Realm, Client: "david.jones"})
	o.wantNoTicket(t, token, agent.CodeSSORefused, errSeveral.Error())
	o.wantTicket(t, mint.Token(t, mint.Ticket{Keytab: s.Keytab, Service: lab.Service, Realm: lab.Realm, Client: "dave"}), "dave")
}

// TestADTicketLooksUp: the account is looked up at each sign-in: a person who was renamed, disabled or put out of the groups after
// the ticket was got. What is wrong with the password does not matter.
func TestADTicketLooksUp(t *testing.T) {
	ad := lab.NewAD(t)
	s := labSettings(agent.DirectoryAD, ad.Directory)
	s.Keytab = readKeytab(t, ad)
	o := newOffice(t, s)
	alice := ad.LogIn(t, "alice", lab.Password)
	user, refusal := o.ticket(t, alice.Token(t))
	if refusal != nil {
		t.Fatal(refusal)
	}

	ad.Set(t, ad.PersonDN("alice"), "pwdLastSet", "0")
	o.wantTicket(t, alice.Token(t), "alice")
	ad.Set(t, ad.PersonDN("alice"), "pwdLastSet", "-1")
	ad.Disable(t, "alice")
	o.wantNoTicket(t, alice.Token(t), agent.CodeAccountDisabled, "")
	if stored, err := o.DirectoryUser(t.Context(), lab.Domain, user.GUID); err != nil || stored.Refused != agent.CodeAccountDisabled {
		t.Errorf("stored: %+v, %v", stored, err)
	}
	ad.Enable(t, "alice")
	ad.Expire(t, "alice", time.Now().Add(-time.Hour))
	o.wantNoTicket(t, alice.Token(t), agent.CodeAccountExpired, "")
	ad.Set(t, ad.PersonDN("alice"), "accountExpires", "0")
	o.wantTicket(t, alice.Token(t), "alice")

	ad.Set(t, ad.PersonDN("alice"), "sAMAccountName", "alice.new")
	ad.Set(t, ad.PersonDN("alice"), "userPrincipalName", "alice.new@example.test")
	o.wantNoTicket(t, alice.Token(t), agent.CodeSSORefused, "not found")
	renamed := ad.LogIn(t, "alice.new", lab.Password)
	same, refusal := o.ticket(t, renamed.Token(t))
	if refusal != nil || same.GUID != user.GUID || same.Login != "alice.new" {
		t.Errorf("%+v, %v", same, refusal)
	}

	minted := func(client string) []byte {
		return mint.Token(t, mint.Ticket{Keytab: s.Keytab, Service: lab.Service, Realm: lab.Realm, Client: client})
	}
	for client, code := range map[string]agent.Code{"disabled": agent.CodeAccountDisabled, "locked": agent.CodeAccountLocked, "expired": agent.CodeAccountExpired} {
		o.wantNoTicket(t, minted(client), code, "")
	}
	for _, client := range []string{"mustchange", "pwexpired", "smartcard"} {
		o.wantTicket(t, minted(client), client)
	}

	s.LoginGroups = o.group(t, s, "VPN-Users")
	o.Set([]agent.DirectorySettings{s})
	o.wantTicket(t, minted("bob"), "bob")
	o.wantNoTicket(t, minted("dave"), agent.CodeNotPermitted, "")
	s.LoginGroups, s.Bases = nil, []string{"OU=Services," + lab.BaseDN}
	o.Set([]agent.DirectorySettings{s})
	o.wantNoTicket(t, minted("bob"), agent.CodeSSORefused, "not found")
}

// TestADKeytab: a keytab with the keys from before and after a new password of the service account accepts tickets of both. One of
// them alone says which key is missing.
func TestADKeytab(t *testing.T) {
	ad := lab.NewAD(t)
	s := labSettings(agent.DirectoryAD, ad.Directory)
	before := readKeytab(t, ad)
	alice := ad.LogIn(t, "alice", lab.Password)
	first := alice.Token(t)
	ad.Set(t, "CN=svc-http,OU=Services,"+lab.BaseDN, "unicodePwd", unicodePassword("An0ther-Passw0rd!"))
	after := readKeytab(t, ad)
	bob := ad.LogIn(t, "bob", lab.Password)
	use := func(keytab []byte) *office {
		s.Keytab = keytab
		o := newOffice(t, s)
		return o
	}
	both := use(append(slices.Clone(before), after[2:]...))
	both.wantTicket(t, alice.Token(t), "alice")
	both.wantTicket(t, bob.Token(t), "bob")
	both.wantNoTicket(t, first, agent.CodeSSOStale, "")
	use(before).wantNoTicket(t, bob.Token(t), agent.CodeSSORefused, "no key for kvno 2")
	use(after).wantTicket(t, bob.Token(t), "bob")

	s.Keytab = before
	s.Name = "other.test"
	o := newOffice(t, s)
	o.wantNoTicket(t, alice.Token(t), agent.CodeSSOUnavailable, "")
}

// unicodePassword is a password as unicodePwd takes it; ASCII only.
func unicodePassword(password string) string {
	var b []byte
	for _, c := range []byte(`"` + password + `"`) {
		b = append(b, c, 0)
	}
	return string(b)
}
