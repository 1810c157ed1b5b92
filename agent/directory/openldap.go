package directory

import (
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// openLDAP is OpenLDAP, and 389 Directory Server without FreeIPA. Computers of a Samba domain have logins that end in $.
var openLDAP = &kind{
	people:   "(&(|(objectClass=person)(objectClass=inetOrgPerson)(objectClass=posixAccount))(!(uid=*$)))",
	groups:   "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
	login:    "uid",
	more:     []string{"pwdAccountLockedTime", "pwdEndTime", "nsAccountLock", "memberOf", "gidNumber"},
	advisory: []string{"pwdReset"},

	id:      plainIdentity("entryUUID", "nsUniqueId"),
	groupID: plainIdentity("entryUUID", "nsUniqueId"),

	byLogin: func(f loginForm) string { return equals("uid", f.user) },
	client:  func(name, _ string) []clientName { return []clientName{{"uid", name}} },

	state:   openLDAPState,
	refusal: policyRefusal(openLDAPState),
	accepted: func(e *ldap.Entry, answer []ldap.Control, now time.Time) agent.Code {
		if code := openLDAPState(e, now); code.EndsAccess() {
			return code
		}
		return policyAnswer(answer)
	},
	controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()},

	policy: policyAttributes{
		reference: "pwdPolicySubentry",
		limits:    []string{"pwdMaxFailure"},
		windows:   []string{"pwdFailureCountInterval"},
		enabled:   "pwdLockout",
		unit:      int64(time.Second),
		defaults: func(f facts) (string, int, string) { // the default is named only in the server's configuration
			return f.root, ldap.ScopeWholeSubtree, "(objectClass=pwdPolicy)"
		},
	},
	rules: passwordRules{
		minLength: []string{"pwdMinLength"},
		history:   []string{"pwdInHistory"},
		minAge:    []string{"pwdMinAge"},
		unit:      time.Second,
		changed:   "pwdChangedTime",
	},
	members: memberLists{},
	change:  changeByExtension,
}

// lockedForEver is the pwdAccountLockedTime of an account that an administrator has locked.
const lockedForEver = "000001010000Z"

func openLDAPState(e *ldap.Entry, now time.Time) agent.Code {
	switch locked := first(e, "pwdAccountLockedTime"); {
	case isTrue(e, "nsAccountLock"), locked == lockedForEver:
		return agent.CodeAccountDisabled
	case passed(e, "pwdEndTime", now):
		return agent.CodeAccountExpired
	case locked != "":
		return agent.CodeAccountLocked
	case isTrue(e, "pwdReset"):
		return agent.CodePasswordMustChange
	}
	return ""
}
