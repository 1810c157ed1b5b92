package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// changePassword replaces a person's old password by a new one and returns the account. stored is the person's account, or zero if none
// is stored. A wrong old password counts at most once towards the directory's lockout. Refusals: those of authenticate,
// CodePasswordRejected, CodePasswordElsewhere.
func (r *remote) changePassword(ctx context.Context, p person, stored agent.User, password, newPassword string) (agent.User, error) {
	if !isPassword(password) {
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	if !isPassword(newPassword) {
		return agent.User{}, &agent.Error{Code: agent.CodePasswordRejected, Err: agent.ErrPasswordNotSent}
	}
	if r.kind.noPassword != nil {
		if code := r.kind.noPassword(p.entry); code != "" {
			return agent.User{}, &agent.Error{Code: code, Err: agent.ErrPasswordNotSent}
		}
	}
	current, err := r.reread(ctx, p)
	if err != nil {
		return agent.User{}, err
	}
	if stored.ID != 0 && !stored.Enabled {
		current.Refused = agent.CodeAccountDisabled
	}
	if current.Refused != "" || blocksChange(r.kind.state(current.entry, time.Now())) {
		return agent.User{}, r.refuseChange(ctx, current, stored, password)
	}
	switch err := r.kind.change(ctx, r, current, password, newPassword); {
	case errors.Is(err, errNotCompared):
		return agent.User{}, r.refuseChange(ctx, current, stored, password)
	case err != nil:
		return agent.User{}, err
	}
	// The password is changed. What fails below is only logged, except that a first account cannot be stored.
	if fresh, err := r.reread(ctx, p); err == nil {
		current = fresh
	} else {
		r.log.WarnContext(ctx, "the person could not be read after the password was changed", "directory", r.Name, "user", stored.ID, "error", err)
	}
	current.PasswordExpires, current.ExpiryRead = time.Time{}, true // the stored expiry belongs to the old password
	r.readExpiry(ctx, &current, nil)
	user, err := r.save(ctx, current.DirectoryPerson)
	if err != nil && stored.ID != 0 {
		r.log.WarnContext(ctx, "the account could not be stored after the password was changed", "directory", r.Name, "user", stored.ID, "error", err)
		return stored, nil
	}
	return user, err
}

// blocksChange reports whether this state of an account prevents a change of the password.
func blocksChange(state agent.Code) bool {
	return state != "" && state != agent.CodePasswordExpired && state != agent.CodePasswordMustChange
}

// errNotCompared says that the directory refused a person before it compared the password.
var errNotCompared = errors.New("the password was not compared")

// refuseChange returns the refusal of a change, as a login would get it. It checks the old password, so that somebody with a wrong password
// does not learn the state of the account. Some directories refuse before they compare the password.
func (r *remote) refuseChange(ctx context.Context, p person, stored agent.User, password string) error {
	checked, err := r.checkPassword(ctx, p, password)
	if err != nil {
		return err
	}
	code := checked.code
	if checked.bound || !blocksChange(code) { // the password is right
		code = cmp.Or(p.Refused, agent.CodeLogonRestricted)
		if state := r.kind.state(p.entry, time.Now()); blocksChange(state) {
			code = state
		}
	}
	if !stored.Enabled { // disabled here or not stored: the account keeps no refusal of the directory
		return agent.Refuse(code)
	}
	return r.refuse(ctx, p, stored.ID, checked, code)
}

// reread reads a person again, with state and groups.
func (r *remote) reread(ctx context.Context, p person) (person, error) {
	err := r.servers.search(ctx, func(c *ldap.Conn) error {
		e, err := readEntry(c, p.entry.DN, slices.Concat(r.kind.attributes(), r.kind.advisory, []string{r.kind.policy.reference})...)
		if err != nil {
			return err
		}
		p.entry = e
		people := []person{p}
		err = r.judge(c, people)
		p = people[0]
		return err
	})
	if errors.Is(err, errUnreachable) || isMissing(err) {
		err = fmt.Errorf("%w: %w", agent.ErrPasswordNotSent, err)
		return p, r.unreachable(err)
	}
	return p, err
}

// mayChange reports whether a person whose login was refused can change the password through the gateway. A change by RFC 3062 needs a
// bind, and some servers refuse the bind with an expired password. Active Directory needs no bind.
func (r *remote) mayChange(checked passwordCheck, code agent.Code) bool {
	if r.PasswordChange == agent.PasswordChangeOff || code != agent.CodePasswordExpired && code != agent.CodePasswordMustChange {
		return false
	}
	return checked.bound || r.kind == activeDirectory
}

// changeByExtension binds as the person and changes the password with the extended operation of RFC 3062.
func changeByExtension(ctx context.Context, r *remote, p person, password, newPassword string) error {
	var stopped error // why the request was not sent after a successful bind
	sent := false
	answer, err := r.servers.bindThen(ctx, p.entry.DN, password, func(c *ldap.Conn, answer []ldap.Control) error {
		if code := r.kind.accepted(p.entry, answer, time.Now()); blocksChange(code) {
			stopped = agent.Refuse(code)
			return stopped
		}
		sent = true
		_, err := c.PasswordModify(ldap.NewPasswordModifyRequest("", password, newPassword))
		return err
	}, r.kind.controls...)
	switch {
	case err == nil, stopped != nil:
		return stopped
	case !sent:
		code, err := r.refusedBind(p, answer, err)
		if err != nil {
			return err
		}
		return agent.Refuse(code)
	case !answered(err):
		return r.unreachable(err) // the old password was right; it may have been replaced
	}
	refused := ldapError(err)
	switch refused.ResultCode {
	case ldap.LDAPResultConstraintViolation, ldap.LDAPResultUnwillingToPerform:
		return r.rejected(ctx, p, nil, refused)
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultProtocolError: // no right, or an unknown operation
		return &agent.Error{Code: agent.CodePasswordElsewhere, Err: refused}
	}
	return fmt.Errorf("directory %s cannot change passwords: %w", r.Name, err)
}

func ldapError(err error) *ldap.Error {
	var e *ldap.Error
	errors.As(err, &e)
	return e
}

// rejected returns the refusal of a new password. If policy is nil, it reads the policy from the directory.
func (r *remote) rejected(ctx context.Context, p person, policy *agent.PasswordPolicy, cause error) error {
	read := r.passwordPolicy(ctx, p)
	switch {
	case policy == nil:
		policy = read
	case read != nil:
		policy.TooYoung = read.TooYoung
	}
	text := strings.ToLower(cause.Error())
	if strings.Contains(text, "too young") || strings.Contains(text, "too soon") || strings.Contains(text, "minimum age") {
		if policy == nil {
			policy = &agent.PasswordPolicy{}
		}
		policy.TooYoung = true
	}
	r.log.InfoContext(ctx, "a directory refused a new password", "directory", r.Name, "error", cause)
	return &agent.Error{Code: agent.CodePasswordRejected, Policy: policy, Err: cause}
}

// passwordRules names the attributes in which a product stores its password policy. Of each list, the first attribute in an entry counts.
type passwordRules struct {
	minLength, history, minAge, complex []string
	unit                                time.Duration // of minAge, which may be negative
	changed                             string        // attribute of a person: when the password was last changed
}

// passwordPolicy returns the policy for a person's new password; nil if it cannot be read.
func (r *remote) passwordPolicy(ctx context.Context, p person) *agent.PasswordPolicy {
	rules := r.kind.rules
	var policy *agent.PasswordPolicy
	err := r.servers.search(ctx, func(c *ldap.Conn) error {
		policy = nil
		f, err := r.currentFacts(c)
		if err != nil {
			return err
		}
		person, err := readEntry(c, p.entry.DN, r.kind.policy.reference, rules.changed)
		if err != nil {
			return err
		}
		base, scope, filter := first(person, r.kind.policy.reference), ldap.ScopeBaseObject, "(objectClass=*)"
		if base == "" {
			base, scope, filter = r.kind.policy.defaults(f)
		}
		found, err := searchFew(c, maxComparedPolicies+1, base, scope, filter, slices.Concat(rules.minLength, rules.history, rules.minAge, rules.complex)...)
		if err != nil || len(found) > maxComparedPolicies {
			return err
		}
		if policy = rules.agreed(found); policy != nil {
			policy.TooYoung = policy.MinAge > 0 && !rules.changedBefore(person, time.Now().Add(-policy.MinAge))
		}
		return nil
	})
	if err != nil {
		r.log.InfoContext(ctx, "the password policy of a directory cannot be read", "directory", r.Name, "error", err)
	}
	return policy
}

// maxComparedPolicies is how many policies agreed compares at most. With more, passwordPolicy returns nil.
const maxComparedPolicies = 100

// agreed returns the rules that are the same in all policies. Only the server's configuration says which of several is the default, so the
// gateway cannot choose one. It returns nil if no policy can be read, or if several have no rule in common.
func (a passwordRules) agreed(found []*ldap.Entry) *agent.PasswordPolicy {
	if len(found) == 0 || len(found[0].Attributes) == 0 {
		return nil
	}
	all := *a.policy(found[0])
	for _, e := range found[1:] {
		one := a.policy(e)
		if one.MinLength != all.MinLength {
			all.MinLength = 0
		}
		if one.History != all.History {
			all.History = 0
		}
		if one.MinAge != all.MinAge {
			all.MinAge = 0
		}
		all.Complex = all.Complex && one.Complex
	}
	if len(found) > 1 && all == (agent.PasswordPolicy{}) {
		return nil
	}
	return &all
}

// policy returns the policy in an entry.
func (a passwordRules) policy(e *ldap.Entry) *agent.PasswordPolicy {
	const most = 100 * 365 * 24 * time.Hour
	whole := func(names []string) int64 {
		n, _ := strconv.ParseInt(first(e, names...), 10, 64)
		if n < 0 {
			n = -n
		}
		return max(n, 0)
	}
	const complex = 1 // flag of pwdProperties
	flag := first(e, a.complex...)
	n, _ := strconv.Atoi(flag)
	return &agent.PasswordPolicy{
		MinLength: int(min(whole(a.minLength), 1000)),
		History:   int(min(whole(a.history), 1000)),
		MinAge:    time.Duration(min(whole(a.minAge), int64(most/a.unit))) * a.unit,
		Complex:   n&complex != 0 || strings.EqualFold(flag, "TRUE"),
	}
}

// changedBefore reports whether a person's password was last changed before limit. It is true also if the password must be changed or the
// time is not known.
func (a passwordRules) changedBefore(e *ldap.Entry, limit time.Time) bool {
	at, ok := adTime(e, a.changed)
	if !ok {
		at, ok = timeOf(e, a.changed)
	}
	return !ok || at.Before(limit)
}
