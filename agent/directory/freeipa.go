package directory

import (
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// freeIPA is FreeIPA and ALD Pro.
var freeIPA = &kind{
	people: "(objectClass=inetOrgPerson)",
	groups: "(|(objectClass=ipaUserGroup)(objectClass=groupOfNames)(objectClass=nestedGroup))",
	login:  "uid",
	upn:    "krbPrincipalName",
	more:   []string{"nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration", "krbLastPwdChange", "memberOf"},

	id:      plainIdentity("ipaUniqueID"),
	groupID: plainIdentity("ipaUniqueID"),

	byLogin: func(f loginForm) string { return equals("uid", f.user) },
	client: func(name, realm string) []clientName {
		return []clientName{{"krbPrincipalName", name + "@" + realm}}
	},
	// Staged and preserved accounts may have the login of an active one. The tree compat repeats accounts.
	ignores: func(dn string) bool {
		return strings.Contains(dn, ",cn=provisioning,") || strings.Contains(dn, ",cn=compat,")
	},

	state:   ipaState,
	refusal: policyRefusal(ipaState),
	accepted: func(e *ldap.Entry, answer []ldap.Control, now time.Time) agent.Code {
		if code := ipaState(e, now); code != "" {
			return code
		}
		return policyAnswer(answer)
	},
	controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()},

	policy: policyAttributes{
		reference: "krbPwdPolicyReference",
		limits:    []string{"krbPwdMaxFailure"},
		windows:   []string{"krbPwdFailureCountInterval"},
		unit:      int64(time.Second),
		defaults: func(f facts) (string, int, string) {
			return "cn=kerberos," + f.root, ldap.ScopeWholeSubtree, "(&(objectClass=krbPwdPolicy)(cn=global_policy))"
		},
	},
	rules: passwordRules{
		minLength: []string{"krbPwdMinLength"},
		history:   []string{"krbPwdHistoryLength"},
		minAge:    []string{"krbMinPwdLife"},
		unit:      time.Second,
		changed:   "krbLastPwdChange",
	},
	expiry:  passwordExpiry{attribute: "krbPasswordExpiration"},
	members: memberOf{},
	change:  changeByExtension,
}

// ipaState judges the state by the entry, because a bind may succeed with an expired password or account. A password that an
// administrator has set expires in the moment in which it was set.
func ipaState(e *ldap.Entry, now time.Time) agent.Code {
	switch {
	case isTrue(e, "nsAccountLock"):
		return agent.CodeAccountDisabled
	case passed(e, "krbPrincipalExpiration", now):
		return agent.CodeAccountExpired
	case !passed(e, "krbPasswordExpiration", now):
		return ""
	case first(e, "krbPasswordExpiration") == first(e, "krbLastPwdChange"):
		return agent.CodePasswordMustChange
	}
	return agent.CodePasswordExpired
}
