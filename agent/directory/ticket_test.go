package directory

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
)

const portal = "HTTP/portal.example.test"

// TestTicketChoosesByRealm: a ticket goes to the directory whose keytab is of its realm. The directories here do not answer, so the
// refusal says which one was asked.
func TestTicketChoosesByRealm(t *testing.T) {
	one := mint.Keytab(t, mint.Key{Principal: portal, Realm: "EXAMPLE.TEST", KVNO: 1, Password: mint.Password()})
	two := mint.Keytab(t, mint.Key{Principal: portal, Realm: "BRANCH.TEST", KVNO: 1, Password: mint.Password()})
	d := newUnreachable(t, &memoryPeople{}, agent.DirectorySettings{Name: "example.test", Keytab: one}, agent.DirectorySettings{Name: "branch.test", Keytab: two},
		agent.DirectorySettings{Name: "without.test"})
	if realms := d.Realms(); !slices.Equal(realms, []string{"EXAMPLE.TEST", "BRANCH.TEST"}) {
		t.Errorf("realms %q", realms)
	}
	ask := func(ticket mint.Ticket) *agent.Error {
		ticket.Service, ticket.Client = portal, "alice"
		_, err := d.Ticket(t.Context(), mint.Token(t, ticket))
		return agent.AsError(err)
	}
	for realm, keytab := range map[string][]byte{"EXAMPLE.TEST": one, "BRANCH.TEST": two} {
		if err := ask(mint.Ticket{Keytab: keytab, Realm: realm}); err.Code != agent.CodeDirectoryUnreachable || !strings.EqualFold(err.Domain, realm) {
			t.Errorf("%s: %v", realm, err)
		}
	}
	if err := ask(mint.Ticket{Keytab: two, Realm: "BRANCH.TEST", ClientRealm: "EXAMPLE.TEST"}); err.Code != agent.CodeSSORefused {
		t.Errorf("a client of another realm: %v", err)
	}
	third := mint.Keytab(t, mint.Key{Principal: portal, Realm: "OTHER.TEST", KVNO: 1, Password: mint.Password()})
	if err := ask(mint.Ticket{Keytab: third, Realm: "OTHER.TEST"}); err.Code != agent.CodeSSORefused || !strings.Contains(err.Error(), "OTHER.TEST") {
		t.Errorf("another realm: %v", err)
	}
	if _, err := d.Ticket(t.Context(), mint.NTLMToken); agent.AsError(err).Code != agent.CodeSSONTLM {
		t.Errorf("NTLM: %v", err)
	}
	d.Set(nil)
	if err := ask(mint.Ticket{Keytab: one, Realm: "EXAMPLE.TEST"}); err.Code != agent.CodeSSOUnavailable {
		t.Errorf("without a keytab: %v", err)
	}
}

// TestReadKeytab: a keytab of another domain is refused, because its people would be taken for those of this one.
func TestReadKeytab(t *testing.T) {
	file := mint.Keytab(t, mint.Key{Principal: portal, Realm: "OTHER.TEST", KVNO: 1, Password: mint.Password()})
	for kind, code := range map[agent.DirectoryKind]string{agent.DirectoryAD: "field_keytab_realm", agent.DirectoryFreeIPA: "field_keytab_realm", agent.DirectoryOpenLDAP: ""} {
		_, err := ReadKeytab(agent.DirectorySettings{Kind: kind, Name: "example.test", Keytab: file})
		var problem agent.Problem
		if errors.As(err, &problem); problem.Code != code {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestFirstNamed: a sAMAccountName goes before a computer's. A userPrincipalName of another entry makes the name ambiguous, with and
// without a suffix: the KDC takes it first for an enterprise name.
func TestFirstNamed(t *testing.T) {
	entry := func(dn, sam, upn string) *ldap.Entry {
		return ldap.NewEntry(dn, map[string][]string{"sAMAccountName": {sam}, "userPrincipalName": {upn}})
	}
	person, computer := entry("person", "Alice", "a@example.test"), entry("computer", "alice$", "")
	other, twin := entry("other", "bob", "alice@example.test"), entry("twin", "eve", "ALICE@example.test")
	for _, c := range []struct {
		want    string
		entries []*ldap.Entry
	}{
		{"person", []*ldap.Entry{computer, person}},
		{"person", []*ldap.Entry{entry("person", "Alice", "ALICE@example.test")}},
		{"computer", []*ldap.Entry{computer}},
		{"other", []*ldap.Entry{other}},
		{"", []*ldap.Entry{entry("similar", "álice", "")}},
		{"several", []*ldap.Entry{other, twin}},
		{"several", []*ldap.Entry{other, computer, person}},
		{"several", []*ldap.Entry{other, computer}},
		{"several", []*ldap.Entry{person, entry("no suffix", "mallory", "alice")}},
		{"several", []*ldap.Entry{entry("no suffix", "mallory", "alice"), person}},
	} {
		want, entries := c.want, c.entries
		got := "several"
		e, err := firstNamed(entries, activeDirectory.client("alice", "EXAMPLE.TEST"))
		if errors.Is(err, agent.ErrNotFound) {
			got = ""
		} else if err == nil {
			got = e.DN
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for name, first := range map[string]clientName{"carol@corp.example": {"userPrincipalName", "carol@corp.example"}, "carol@Example.Test": {"sAMAccountName", "carol"}} {
		if names := activeDirectory.client(name, "EXAMPLE.TEST"); names[0] != first {
			t.Errorf("%s: %v", name, names)
		}
	}
}
