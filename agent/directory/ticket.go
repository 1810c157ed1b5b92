package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos"
)

// ReadKeytab reads the keytab of settings. Its realm must be the directory's name; only OpenLDAP may have another realm. Errors:
// an agent.Problem of the field keytab.
func ReadKeytab(s agent.DirectorySettings) (*kerberos.Keytab, error) {
	k, err := kerberos.ParseKeytab(s.Keytab)
	if err != nil {
		return nil, err
	}
	if s.Kind != agent.DirectoryOpenLDAP && !strings.EqualFold(k.Realm(), s.Name) {
		return nil, agent.Problem{Field: "keytab", Code: "field_keytab_realm", Value: agent.Clean(k.Realm(), 80)}
	}
	return k, nil
}

// Realms are the Kerberos realms whose tickets are accepted, one for each directory with a keytab.
func (d *Directories) Realms() (realms []string) {
	for _, r := range d.list() {
		if r.keytab != nil && !slices.Contains(realms, r.keytab.Realm()) {
			realms = append(realms, r.keytab.Realm())
		}
	}
	return realms
}

// Ticket verifies a token of Kerberos or SPNEGO and returns the account of its person, who is looked up anew. Refusals:
// CodeSSOUnavailable without any keytab; those of kerberos.Parse and Acceptor.Accept; CodeSSORefused for a name that means no person
// or several; those of an account whose password was right, without those about the password; CodeDirectoryUnreachable.
func (d *Directories) Ticket(ctx context.Context, token []byte) (agent.User, error) {
	if len(d.Realms()) == 0 {
		return agent.User{}, agent.Refuse(agent.CodeSSOUnavailable)
	}
	request, err := kerberos.Parse(token)
	if err != nil {
		return agent.User{}, err
	}
	list := d.list()
	i := slices.IndexFunc(list, func(r *remote) bool { return r.keytab != nil && strings.EqualFold(r.keytab.Realm(), request.Realm()) })
	if i < 0 {
		return agent.User{}, ticketRefused("no keytab is of the realm %q", agent.Clean(request.Realm(), agent.MaxLoginTyped))
	}
	client, err := d.acceptor.Accept(request, list[i].keytab)
	if err != nil {
		return agent.User{}, err
	}
	return list[i].clientAccount(ctx, client)
}

func ticketRefused(format string, args ...any) error {
	return &agent.Error{Code: agent.CodeSSORefused, Err: fmt.Errorf(format, args...)}
}

// clientAccount returns the account of a Kerberos client, and stores it like a login.
func (r *remote) clientAccount(ctx context.Context, client string) (agent.User, error) {
	var p person
	err := r.servers.search(ctx, func(c *ldap.Conn) (err error) {
		p, err = r.findClient(c, client)
		return err
	})
	switch {
	case errors.Is(err, agent.ErrNotFound), errors.Is(err, errSeveral):
		return agent.User{}, ticketRefused("the client %q: %w", agent.Clean(client, agent.MaxLogin), err)
	case err != nil:
		return agent.User{}, r.unreachable(err)
	}
	user, err := r.people.DirectoryUser(ctx, r.Name, p.GUID)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return agent.User{}, err
	}
	code := r.kind.state(p.entry, time.Now())
	switch code {
	case agent.CodePasswordExpired, agent.CodePasswordMustChange, agent.CodeSmartcardRequired: // the KDC has judged them
		code = ""
	}
	return r.admit(ctx, p, user.ID, passwordCheck{code: code})
}

// clientName is a value that an entry has if it may be the client of a ticket.
type clientName struct{ attribute, value string }

// findClient returns the person whom the KDC calls by a name. The KDC takes the first entry that has one of kind.client, in their
// order, whatever it is and wherever it stands, so persons and bases are no part of that search. Otherwise the owner of a computer
// account could get a ticket in the name of a person. Errors: agent.ErrNotFound, errSeveral.
func (r *remote) findClient(c *ldap.Conn, client string) (person, error) {
	f, err := r.currentFacts(c)
	if err != nil {
		return person{}, err
	}
	names := r.kind.client(client, r.keytab.Realm())
	filter := "(|"
	for _, n := range names {
		filter += equals(n.attribute, n.value)
	}
	attributes := slices.Concat(r.kind.attributes(), r.kind.advisory)
	entries, err := searchFew(c, 10, f.root, ldap.ScopeWholeSubtree, filter+")", attributes...)
	if err != nil {
		return person{}, err
	}
	entry, err := firstNamed(entries, names)
	if err != nil {
		return person{}, err
	}
	p, ok := r.kind.person(r.Name, entry)
	if !ok {
		return person{}, agent.ErrNotFound
	}
	people, _, err := r.matching(c, f, r.kind.id.filter(p.GUID))
	if err == nil && len(people) == 0 {
		err = agent.ErrNotFound // a computer, or outside the bases
	}
	return p, err
}

// firstNamed returns the entry that has the first name, or the next one that any entry has. No other entry may have a name in another
// attribute: for enterprise names, as of kinit -E, the KDC looks for userPrincipalName first, so the owner of such an entry could get a
// ticket in the name of another person. Errors: agent.ErrNotFound, errSeveral.
func firstNamed(entries []*ldap.Entry, names []clientName) (*ldap.Entry, error) {
	var first *ldap.Entry
	var by string // attribute
	for _, n := range names {
		if first != nil && n.attribute == by {
			continue
		}
		for _, e := range entries {
			if !slices.ContainsFunc(e.GetEqualFoldAttributeValues(n.attribute), func(v string) bool { return strings.EqualFold(v, n.value) }) {
				continue
			}
			if first != nil && first != e {
				return nil, errSeveral
			}
			first, by = e, n.attribute
		}
	}
	if first == nil {
		return nil, agent.ErrNotFound
	}
	return first, nil
}

// Ticket refuses every ticket: local accounts have no KDC.
func (*Local) Ticket(context.Context, []byte) (agent.User, error) {
	return agent.User{}, agent.Refuse(agent.CodeSSOUnavailable)
}
