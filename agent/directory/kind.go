package directory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// kind describes a product: its attributes, state flags and refusals.
type kind struct {
	people string // filter: only people match
	groups string // filter: only groups match
	login  string // attribute
	upn    string // attribute; empty = the product has none

	// more are the other attributes that a login and a check need. Only the test of a directory reads the advisory ones, to
	// report why a person cannot log in.
	more, advisory []string

	id      identity // of people
	groupID identity

	// byLogin returns the filter for a login.
	byLogin func(loginForm) string
	// client returns the names by which the KDC finds the client of a ticket, in its order.
	client func(name, realm string) []clientName
	// ignores reports whether an entry is no account although it matches people. The DN is as dnKey returns it.
	ignores func(dn string) bool

	// state returns why the person could not log in now, or an empty code. Without the advisory attributes, it returns at least
	// the codes that end access.
	state func(e *ldap.Entry, now time.Time) agent.Code
	// refusal returns the meaning of a refused bind. An empty code is a fault of the settings or of the server.
	refusal func(e *ldap.Entry, err *ldap.Error, answer []ldap.Control) agent.Code
	// noPassword returns why no password can be right, or an empty code. Then none is sent.
	noPassword func(e *ldap.Entry) agent.Code
	// accepted returns why a person may not log in although the directory accepted the password, or an empty code.
	accepted func(e *ldap.Entry, answer []ldap.Control, now time.Time) agent.Code
	// controls go with the bind.
	controls []ldap.Control

	policy  policyAttributes
	rules   passwordRules
	expiry  passwordExpiry
	members memberships
	// change replaces a password. Errors: *agent.Error.
	change func(ctx context.Context, r *remote, p person, password, newPassword string) error
}

// kinds has every kind of agent.DirectoryKinds.
var kinds = map[agent.DirectoryKind]*kind{
	agent.DirectoryAD:       activeDirectory,
	agent.DirectoryFreeIPA:  freeIPA,
	agent.DirectoryOpenLDAP: openLDAP,
}

// attributes returns the attributes of people that a login and a check need.
func (k *kind) attributes() []string {
	list := slices.Concat([]string{k.login, "displayName", "cn", "telephoneNumber", "mobile"}, k.id.attributes, k.more)
	if k.upn != "" {
		list = append(list, k.upn)
	}
	return list
}

// identity is the attribute that identifies an entry permanently, and its text form.
type identity struct {
	attributes []string // the first that an entry has counts
	text       func([]byte) (string, error)
	value      func(text string) ([]byte, error)
}

// plainIdentity is an identity that the directory has as text, too.
func plainIdentity(attributes ...string) identity {
	return identity{attributes,
		func(b []byte) (string, error) { return strings.ToLower(string(b)), nil },
		func(text string) ([]byte, error) { return []byte(text), nil },
	}
}

// of returns the identity of an entry, or "".
func (i identity) of(e *ldap.Entry) string {
	for _, name := range i.attributes {
		if value := e.GetEqualFoldRawAttributeValue(name); len(value) > 0 {
			text, err := i.text(value)
			if err == nil && len(text) <= maxIdentity {
				return text
			}
		}
	}
	return ""
}

// maxIdentity limits the text of an identity, in bytes.
const maxIdentity = 200

// filter returns a filter for entries with one of the identities. It leaves out a text that can be no identity.
func (i identity) filter(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		value, err := i.value(text)
		if err != nil || len(value) == 0 {
			continue
		}
		for _, name := range i.attributes {
			b.WriteString("(" + name + "=" + escapeBytes(value) + ")")
		}
	}
	if b.Len() == 0 {
		return matchNone
	}
	return "(|" + b.String() + ")"
}

// matchNone is a filter that no entry matches.
const matchNone = "(!(objectClass=*))"

// person is an account of a directory, as one search found it.
type person struct {
	agent.DirectoryPerson // without Refused and Remote
	entry                 *ldap.Entry
}

// person reads an entry. It reports false for an entry that is no account.
func (k *kind) person(directory string, e *ldap.Entry) (person, bool) {
	p := person{agent.DirectoryPerson{
		Directory: directory,
		GUID:      k.id.of(e),
		Login:     agent.Clean(e.GetEqualFoldAttributeValue(k.login), agent.MaxLogin),
		Name:      agent.Clean(first(e, "displayName", "cn"), agent.MaxName),
		Phone:     agent.Clean(first(e, "telephoneNumber", "mobile"), agent.MaxPhone),
	}, e}
	if k.upn != "" {
		p.UPN = agent.Clean(e.GetEqualFoldAttributeValue(k.upn), agent.MaxLoginTyped)
	}
	return p, p.GUID != "" && p.Login != "" && (k.ignores == nil || !k.ignores(dnKey(e.DN)))
}

// first returns the first value that an entry has of several attributes.
func first(e *ldap.Entry, attributes ...string) string {
	for _, name := range attributes {
		if value := e.GetEqualFoldAttributeValue(name); value != "" {
			return value
		}
	}
	return ""
}

// equals makes a filter for one value of an attribute.
func equals(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

func isTrue(e *ldap.Entry, attribute string) bool {
	return strings.EqualFold(e.GetEqualFoldAttributeValue(attribute), "TRUE")
}

// number reads an attribute that is a decimal number. It reports false where there is none.
func number(e *ldap.Entry, attribute string) (int64, bool) {
	n, err := strconv.ParseInt(e.GetEqualFoldAttributeValue(attribute), 10, 64)
	return n, err == nil
}

// timeOf reads an attribute with the syntax GeneralizedTime. It reports false where there is none.
func timeOf(e *ldap.Entry, attribute string) (time.Time, bool) {
	text := e.GetEqualFoldAttributeValue(attribute)
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z", "200601021504Z", "20060102150405Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// passed reports whether the time in an attribute has come.
func passed(e *ldap.Entry, attribute string, now time.Time) bool {
	t, ok := timeOf(e, attribute)
	return ok && !t.After(now)
}

// Errors of the control for password policies, draft-behera-ldap-password-policy-10.
const (
	policyPasswordExpired  = 0
	policyAccountLocked    = 1
	policyChangeAfterReset = 2
)

// policyAnswer returns the meaning of the server's control for password policies, or an empty code.
func policyAnswer(answer []ldap.Control) agent.Code {
	c, ok := ldap.FindControl(answer, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy)
	if !ok {
		return ""
	}
	switch c.Error {
	case policyPasswordExpired:
		return agent.CodePasswordExpired
	case policyAccountLocked:
		return agent.CodeAccountLocked
	case policyChangeAfterReset:
		return agent.CodePasswordMustChange
	}
	return ""
}

// policyRefusal is kind.refusal of servers with the control for password policies.
func policyRefusal(state func(*ldap.Entry, time.Time) agent.Code) func(*ldap.Entry, *ldap.Error, []ldap.Control) agent.Code {
	return func(e *ldap.Entry, err *ldap.Error, answer []ldap.Control) agent.Code {
		if code := policyAnswer(answer); code != "" {
			if ends := state(e, time.Now()); code == agent.CodeAccountLocked && ends.EndsAccess() {
				return ends // the control has no code for it
			}
			return code
		}
		switch err.ResultCode {
		case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInappropriateAuthentication:
			return agent.CodeBadCredentials // the last one: the person has no password
		case ldap.LDAPResultConstraintViolation: // 389 Directory Server
			return agent.CodeAccountLocked
		case ldap.LDAPResultUnwillingToPerform: // 389 Directory Server and FreeIPA
			if code := state(e, time.Now()); code.EndsAccess() {
				return code
			}
			if strings.Contains(strings.ToLower(err.Err.Error()), "failed logins") {
				return agent.CodeAccountLocked
			}
		}
		return ""
	}
}

// isMissing reports whether a search failed because its base does not exist in the directory.
func isMissing(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultReferral, ldap.LDAPResultInvalidDNSyntax)
}
