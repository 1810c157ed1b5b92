package directory

import (
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// activeDirectory is Active Directory, also Samba.
var activeDirectory = &kind{
	people: "(sAMAccountType=805306368)", // normal users: no computers, no trusts
	groups: "(objectClass=group)",
	login:  "sAMAccountName",
	upn:    "userPrincipalName",
	more:   []string{"userAccountControl", "accountExpires"},
	// Controllers compute the first one for each answer, which takes time.
	advisory: []string{"msDS-User-Account-Control-Computed", "pwdLastSet"},

	id:      identity{[]string{"objectGUID"}, guidText, parseGUID},
	groupID: identity{[]string{"objectSid"}, sidText, parseSID},

	byLogin: func(f loginForm) string {
		switch {
		case f.alternative:
			return equals("userPrincipalName", f.upn())
		case f.at:
			return "(|" + equals("sAMAccountName", f.user) + equals("userPrincipalName", f.upn()) + ")"
		}
		return equals("sAMAccountName", f.user)
	},

	client: func(name, realm string) []clientName { // [MS-KILE] 3.3.5.6.1
		upn := name + "@" + realm
		if i := strings.LastIndexByte(name, '@'); i >= 0 { // an enterprise name, see RFC 6806 5
			if upn = name; !strings.EqualFold(name[i+1:], realm) {
				return []clientName{{"userPrincipalName", upn}}
			}
			name = name[:i]
		}
		return []clientName{{"sAMAccountName", name}, {"sAMAccountName", name + "$"}, {"userPrincipalName", upn}, {"userPrincipalName", name}}
	},

	state:    adState,
	refusal:  func(_ *ldap.Entry, err *ldap.Error, _ []ldap.Control) agent.Code { return adRefusal(err) },
	accepted: func(*ldap.Entry, []ldap.Control, time.Time) agent.Code { return "" },
	noPassword: func(e *ldap.Entry) agent.Code {
		if needsSmartcard(e) {
			return agent.CodeSmartcardRequired
		}
		return ""
	},

	policy: policyAttributes{
		reference: "msDS-ResultantPSO",
		limits:    []string{"lockoutThreshold", "msDS-LockoutThreshold"},
		windows:   []string{"lockOutObservationWindow", "msDS-LockoutObservationWindow"},
		unit:      -100, // nanoseconds
		defaults: func(f facts) (string, int, string) {
			return f.root, ldap.ScopeBaseObject, "(objectClass=*)"
		},
	},
	rules: passwordRules{
		minLength: []string{"minPwdLength", "msDS-MinimumPasswordLength"},
		history:   []string{"pwdHistoryLength", "msDS-PasswordHistoryLength"},
		minAge:    []string{"minPwdAge", "msDS-MinimumPasswordAge"},
		complex:   []string{"pwdProperties", "msDS-PasswordComplexityEnabled"},
		unit:      100 * time.Nanosecond,
		changed:   "pwdLastSet",
	},
	expiry:  passwordExpiry{attribute: "msDS-UserPasswordExpiryTimeComputed", computed: true},
	members: tokenGroups{},
	change:  changeInActiveDirectory,
}

// Flags of userAccountControl and msDS-User-Account-Control-Computed.
const (
	uacDisabled        = 0x2
	uacLocked          = 0x10
	uacNoExpiry        = 0x10000 // of the password
	uacSmartcard       = 0x40000
	uacPasswordExpired = 0x800000
)

func adState(e *ldap.Entry, now time.Time) agent.Code {
	flags, _ := number(e, "userAccountControl")
	computed, _ := number(e, "msDS-User-Account-Control-Computed")
	set, hasSet := number(e, "pwdLastSet")
	switch {
	case flags&uacDisabled != 0:
		return agent.CodeAccountDisabled
	case adExpired(e, now):
		return agent.CodeAccountExpired
	case computed&uacLocked != 0:
		return agent.CodeAccountLocked
	case needsSmartcard(e):
		return agent.CodeSmartcardRequired
	case hasSet && set == 0 && flags&uacNoExpiry == 0:
		return agent.CodePasswordMustChange
	case computed&uacPasswordExpired != 0:
		return agent.CodePasswordExpired
	}
	return ""
}

// needsSmartcard reports whether the person may log in with a smart card only. The controller has replaced the password of such
// an account with a random one.
func needsSmartcard(e *ldap.Entry) bool {
	flags, _ := number(e, "userAccountControl")
	return flags&uacSmartcard != 0
}

// adExpired reports whether the account has expired.
func adExpired(e *ldap.Entry, now time.Time) bool {
	at, ok := adTime(e, "accountExpires")
	return ok && !at.After(now)
}

// adTime reads a time, which counts 100 ns since 1601. It reports false for 0 and the greatest number, which mean never.
func adTime(e *ldap.Entry, attribute string) (time.Time, bool) {
	const toUnix = 11644473600 // seconds
	at, ok := number(e, attribute)
	return time.Unix(at/1e7-toUnix, 0), ok && at > 0 && at != 1<<63-1
}

// adCodes are the meanings of "data CODE" in the text of LDAP result 49. 775 comes also with a wrong password, the others except
// 525 and 52e only with the right one.
var adCodes = map[string]agent.Code{
	"525": agent.CodeBadCredentials, // no such account
	"52e": agent.CodeBadCredentials,
	"52f": agent.CodeLogonRestricted,
	"530": agent.CodeLogonRestricted, // hours
	"531": agent.CodeLogonRestricted, // workstations
	"532": agent.CodePasswordExpired,
	"533": agent.CodeAccountDisabled,
	"701": agent.CodeAccountExpired,
	"773": agent.CodePasswordMustChange,
	"775": agent.CodeAccountLocked,
}

// adRefusal returns the meaning of a refused bind. 80090346 is empty: the controller demands channel binding, which a simple bind
// does not have, so no password was compared.
func adRefusal(err *ldap.Error) agent.Code {
	if err.ResultCode != ldap.LDAPResultInvalidCredentials {
		return ""
	}
	data, ok := adData(err.Err.Error())
	if !ok {
		return agent.CodeBadCredentials
	}
	return adCodes[data]
}

// adData returns CODE of "…, data CODE, v4563" in lower case. It reports false where there is none.
func adData(text string) (string, bool) {
	_, rest, ok := strings.Cut(strings.ToLower(text), ", data ")
	if !ok {
		return "", false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if end < 0 {
		end = len(rest)
	}
	return strings.TrimLeft(rest[:end], "0"), end > 0
}
