package directory

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// policyAttributes are the attributes with which a product stores its lockout policies.
type policyAttributes struct {
	reference       string   // attribute of a person: DN of the person's policy
	limits, windows []string // attributes of a policy; the first that it has counts
	enabled         string   // attribute of a policy: locks only if TRUE; empty = always
	unit            int64    // of windows, in nanoseconds
	// defaults returns base, scope and filter of the policies of people without a policy of their own.
	defaults func(facts) (base string, scope int, filter string)
}

// unknownLockout is used for a policy that cannot be read.
var unknownLockout = agent.Lockout{Limit: agent.UnknownLockoutLimit, Window: agent.UnknownLockoutWindow}

const (
	lockoutAge = 5 * time.Minute // how long policies are cached

	// longestWindow is used for a window without end, where only a login clears the count of wrong passwords.
	longestWindow = 24 * time.Hour

	maxPolicies = 1000  // in the cache
	maxLogins   = 10000 // in the cache
)

type cachedLockout struct {
	agent.Lockout
	at time.Time
}

// typedLockout returns the lockout in the settings. It reports false where the directory's policies count.
func typedLockout(s agent.DirectorySettings) (agent.Lockout, bool) {
	rule := agent.Lockout{Limit: s.LockoutLimit, Window: s.LockoutWindow}
	if rule.Window <= 0 {
		rule.Window = agent.UnknownLockoutWindow
	}
	return rule, rule.Limit > 0
}

// cachedPolicy is the DN of a person's policy. Active Directory computes it for each answer, which takes time.
type cachedPolicy struct {
	dn string // empty = the person has none
	at time.Time
}

// policyOf returns the cached DN of the policy of the person whom a login means. It reports false where it must be read.
func (r *remote) policyOf(form loginForm) (dn string, ok bool) {
	if _, ok := typedLockout(r.DirectorySettings); ok {
		return "", true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.policies[form]
	return p.dn, ok && time.Since(p.at) < lockoutAge
}

func (r *remote) keepPolicy(form loginForm, dn string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.policies) >= maxLogins {
		clear(r.policies)
	}
	r.policies[form] = cachedPolicy{dn, time.Now()}
}

// lockoutOf returns the lockout of a policy. The empty DN means the policy of people without one of their own.
func (r *remote) lockoutOf(c *ldap.Conn, f facts, policy string) (agent.Lockout, error) {
	if rule, ok := typedLockout(r.DirectorySettings); ok {
		return rule, nil
	}
	r.mu.Lock()
	cached, ok := r.lockouts[policy]
	r.mu.Unlock()
	if ok && time.Since(cached.at) < lockoutAge {
		return cached.Lockout, nil
	}
	base, scope, filter := policy, ldap.ScopeBaseObject, "(objectClass=*)"
	if policy == "" {
		base, scope, filter = r.kind.policy.defaults(f)
	}
	rule, _, err := r.kind.policy.read(c, base, scope, filter)
	if err != nil {
		return agent.Lockout{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lockouts) >= maxPolicies {
		clear(r.lockouts)
	}
	r.lockouts[policy] = cachedLockout{rule, time.Now()}
	return rule, nil
}

// read returns the strictest values of the policies. It reports false with unknownLockout if none is readable.
func (a policyAttributes) read(c *ldap.Conn, base string, scope int, filter string) (rule agent.Lockout, known bool, err error) {
	attributes := slices.Concat(a.limits, a.windows)
	if a.enabled != "" {
		attributes = append(attributes, a.enabled)
	}
	entries, err := searchFew(c, maxPolicies, base, scope, filter, attributes...)
	if err != nil && !answered(err) {
		return agent.Lockout{}, false, err
	}
	known = slices.ContainsFunc(entries, func(e *ldap.Entry) bool { return a.enabled != "" || first(e, a.limits...) != "" })
	return a.strictest(entries), known, nil
}

// readDefault is read for people without a policy of their own.
func (a policyAttributes) readDefault(c *ldap.Conn, f facts) (rule agent.Lockout, known bool, err error) {
	base, scope, filter := a.defaults(f)
	return a.read(c, base, scope, filter)
}

// strictest returns the lowest limit and the longest window.
func (a policyAttributes) strictest(policies []*ldap.Entry) agent.Lockout {
	if len(policies) == 0 {
		return unknownLockout
	}
	strictest := agent.Lockout{}
	for _, e := range policies {
		one := a.rule(e)
		if one.Limit == 0 {
			continue
		}
		if strictest.Limit == 0 || one.Limit < strictest.Limit {
			strictest.Limit = one.Limit
		}
		strictest.Window = max(strictest.Window, one.Window)
	}
	return strictest
}

// rule returns the lockout of a policy.
func (a policyAttributes) rule(e *ldap.Entry) agent.Lockout {
	if a.enabled != "" && !isTrue(e, a.enabled) {
		return agent.Lockout{}
	}
	limit, err := strconv.ParseInt(first(e, a.limits...), 10, 64)
	switch {
	case err != nil && a.enabled != "" && first(e, a.limits...) == "": // a policy without a limit
		return agent.Lockout{}
	case err != nil || limit < 0:
		return unknownLockout
	case limit == 0:
		return agent.Lockout{}
	}
	return agent.Lockout{Limit: int(min(limit, math.MaxInt32)), Window: a.window(first(e, a.windows...))}
}

// window reads an observation window, which is negative in Active Directory.
func (a policyAttributes) window(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	unit := a.unit
	if unit < 0 {
		n, unit = -n, -unit
	}
	switch {
	case err != nil && text != "":
		return agent.UnknownLockoutWindow
	case n <= 0, n > int64(longestWindow)/unit:
		return longestWindow
	}
	return time.Duration(n * unit)
}
