package directory

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// policyAttributes say where a product keeps the rules by which it locks accounts.
type policyAttributes struct {
	reference       string   // attribute of a person: DN of the person's policy
	limits, windows []string // attributes of a policy; the first that it has counts
	enabled         string   // attribute of a policy: locks only if TRUE; empty = always
	unit            int64    // of windows, in nanoseconds
	// defaults returns base, scope and filter of the policies of people without a policy of their own. Of several the strictest
	// is taken.
	defaults func(facts) (base string, scope int, filter string)
}

// unknownLockout is taken where the directory does not let its rule be read.
var unknownLockout = agent.Lockout{Limit: agent.UnknownLockoutLimit, Window: agent.UnknownLockoutWindow}

const (
	lockoutAge = 5 * time.Minute // how long a rule that was read is used

	// longestWindow stands for a window without end: the count of wrong passwords is cleared by a login only.
	longestWindow = 24 * time.Hour

	maxPolicies = 1000  // in the cache
	maxLogins   = 10000 // in the cache
)

// lockout is a rule in the cache.
type lockout struct {
	agent.Lockout
	at time.Time
}

// typedLockout returns the rule in the settings. It reports false where the directory's own rule counts.
func typedLockout(s agent.DirectorySettings) (agent.Lockout, bool) {
	rule := agent.Lockout{Limit: s.LockoutLimit, Window: s.LockoutWindow}
	if rule.Window <= 0 {
		rule.Window = agent.UnknownLockoutWindow
	}
	return rule, rule.Limit > 0
}

// personPolicy is the DN of a person's policy in the cache. Active Directory computes it for each answer, which takes time.
type personPolicy struct {
	dn string // empty = the person has none
	at time.Time
}

// policyOf returns the DN of the policy of the person whom a login means. It reports false where it must be read.
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
	r.policies[form] = personPolicy{dn, time.Now()}
}

// lockoutOf returns the rule of a policy, or of everybody without one if the DN is empty.
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
	r.lockouts[policy] = lockout{rule, time.Now()}
	return rule, nil
}

// read returns the strictest of the policies. It reports false if none is readable; the rule is unknownLockout then.
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

// rule reads a policy.
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

// window reads an observation window.
func (a policyAttributes) window(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	longest := int64(longestWindow) / a.unit // negative in Active Directory
	switch {
	case err != nil && text != "":
		return agent.UnknownLockoutWindow
	case n == 0, (n < 0) != (longest < 0), a.unit > 0 && n > longest, a.unit < 0 && n < longest:
		return longestWindow
	}
	return time.Duration(n * a.unit)
}
