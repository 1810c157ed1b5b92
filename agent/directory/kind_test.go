package directory

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// TestADRefusalCodes: each "data CODE" has its own meaning, in the texts of Windows and of Samba.
func TestADRefusalCodes(t *testing.T) {
	for data, want := range map[string]agent.Code{
		"525": agent.CodeBadCredentials, "52e": agent.CodeBadCredentials, "52E": agent.CodeBadCredentials, "0000052e": agent.CodeBadCredentials,
		"52f": agent.CodeLogonRestricted, "530": agent.CodeLogonRestricted, "531": agent.CodeLogonRestricted,
		"532": agent.CodePasswordExpired, "533": agent.CodeAccountDisabled, "701": agent.CodeAccountExpired,
		"773": agent.CodePasswordMustChange, "775": agent.CodeAccountLocked,
		"80090346": "", "51f": "", "57": "", // channel binding, no logon servers, invalid parameter: no password was compared
	} {
		for _, text := range []string{
			"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data " + data + ", v4563\x00",
			"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " + data,
		} {
			err := &ldap.Error{ResultCode: ldap.LDAPResultInvalidCredentials, Err: errors.New(text)}
			if got := activeDirectory.refusal(nil, err, nil); got != want {
				t.Errorf("%s: %q, want %q", data, got, want)
			}
		}
	}
	for text, want := range map[string]agent.Code{"": agent.CodeBadCredentials, "NT_STATUS_LOGON_FAILURE": agent.CodeBadCredentials} {
		err := &ldap.Error{ResultCode: ldap.LDAPResultInvalidCredentials, Err: errors.New(text)}
		if got := activeDirectory.refusal(nil, err, nil); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, code := range []uint16{ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultBusy, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConfidentialityRequired} {
		if got := activeDirectory.refusal(nil, &ldap.Error{ResultCode: code, Err: errors.New("data 52e")}, nil); got != "" {
			t.Errorf("result %d: %q", code, got)
		}
	}
}

func entry(attributes map[string]string) *ldap.Entry {
	all := map[string][]string{}
	for name, value := range attributes {
		all[name] = []string{value}
	}
	return ldap.NewEntry("CN=a,DC=test", all)
}

func TestState(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	fileTime := func(at time.Time) string { return strconv.FormatInt((at.Unix()+11644473600)*1e7, 10) }
	general := func(at time.Time) string { return at.Format("20060102150405Z") }
	past, future := now.Add(-time.Hour), now.Add(time.Hour)
	for _, c := range []struct {
		name  string
		state func(*ldap.Entry, time.Time) agent.Code
		entry map[string]string
		want  agent.Code
	}{
		{"normal", adState, map[string]string{"userAccountControl": "512", "accountExpires": "0", "pwdLastSet": "133000000000000000"}, ""},
		{"unreadable", adState, nil, ""},
		{"never expires", adState, map[string]string{"userAccountControl": "512", "accountExpires": "9223372036854775807"}, ""},
		{"disabled", adState, map[string]string{"userAccountControl": "514", "accountExpires": fileTime(past)}, agent.CodeAccountDisabled},
		{"expired", adState, map[string]string{"userAccountControl": "512", "accountExpires": fileTime(past)}, agent.CodeAccountExpired},
		{"expires at this moment", adState, map[string]string{"accountExpires": fileTime(now)}, agent.CodeAccountExpired},
		{"expires later", adState, map[string]string{"accountExpires": fileTime(future)}, ""},
		{"locked", adState, map[string]string{"userAccountControl": "512", "msDS-User-Account-Control-Computed": "16"}, agent.CodeAccountLocked},
		{"smart card", adState, map[string]string{"userAccountControl": "262656", "msDS-User-Account-Control-Computed": "8388608"}, agent.CodeSmartcardRequired},
		{"must change", adState, map[string]string{"userAccountControl": "512", "pwdLastSet": "0", "msDS-User-Account-Control-Computed": "8388608"}, agent.CodePasswordMustChange},
		{"password never expires", adState, map[string]string{"userAccountControl": "66048", "pwdLastSet": "0"}, ""},
		{"old password", adState, map[string]string{"userAccountControl": "512", "pwdLastSet": "1", "msDS-User-Account-Control-Computed": "8388608"}, agent.CodePasswordExpired},

		{"IPA normal", ipaState, map[string]string{"nsAccountLock": "FALSE", "krbPasswordExpiration": general(future)}, ""},
		{"IPA disabled", ipaState, map[string]string{"nsAccountLock": "true", "krbPasswordExpiration": general(past)}, agent.CodeAccountDisabled},
		{"IPA expired", ipaState, map[string]string{"krbPrincipalExpiration": general(now)}, agent.CodeAccountExpired},
		{"IPA old password", ipaState, map[string]string{"krbPasswordExpiration": general(past), "krbLastPwdChange": "20200101000000Z"}, agent.CodePasswordExpired},
		{"IPA reset", ipaState, map[string]string{"krbPasswordExpiration": general(past), "krbLastPwdChange": general(past)}, agent.CodePasswordMustChange},
		{"IPA no date", ipaState, map[string]string{"krbPasswordExpiration": "soon"}, ""},

		{"LDAP normal", openLDAPState, map[string]string{"pwdEndTime": general(future)}, ""},
		{"LDAP locked", openLDAPState, map[string]string{"pwdAccountLockedTime": general(past)}, agent.CodeAccountLocked},
		{"LDAP disabled", openLDAPState, map[string]string{"pwdAccountLockedTime": "000001010000Z"}, agent.CodeAccountDisabled},
		{"389 disabled", openLDAPState, map[string]string{"nsAccountLock": "TRUE"}, agent.CodeAccountDisabled},
		{"LDAP expired", openLDAPState, map[string]string{"pwdEndTime": "20200101000000.5Z"}, agent.CodeAccountExpired},
		{"LDAP reset", openLDAPState, map[string]string{"pwdReset": "TRUE"}, agent.CodePasswordMustChange},
	} {
		if got := c.state(entry(c.entry), now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestAccepted: FreeIPA and OpenLDAP may accept the password of a person who may not log in.
func TestAccepted(t *testing.T) {
	answer := func(code int8) []ldap.Control {
		c := ldap.NewControlBeheraPasswordPolicy()
		c.Error = code
		return []ldap.Control{c}
	}
	now := time.Now()
	old := entry(map[string]string{"krbPasswordExpiration": "20200101000000Z"})
	for _, c := range []struct {
		name string
		got  agent.Code
		want agent.Code
	}{
		{"nothing", openLDAP.accepted(entry(nil), nil, now), ""},
		{"no error", openLDAP.accepted(entry(nil), answer(-1), now), ""},
		{"change after reset", openLDAP.accepted(entry(nil), answer(2), now), agent.CodePasswordMustChange},
		{"a lock that is over", openLDAP.accepted(entry(map[string]string{"pwdAccountLockedTime": "20200101000000Z"}), answer(-1), now), ""},
		{"IPA old password", freeIPA.accepted(old, nil, now), agent.CodePasswordExpired},
		{"IPA disabled", freeIPA.accepted(entry(map[string]string{"nsAccountLock": "TRUE"}), nil, now), agent.CodeAccountDisabled},
		{"IPA", freeIPA.accepted(entry(nil), answer(-1), now), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	wrong := &ldap.Error{ResultCode: ldap.LDAPResultInvalidCredentials, Err: errors.New("")}
	if got := openLDAP.refusal(entry(nil), wrong, answer(-1)); got != agent.CodeBadCredentials {
		t.Error(got)
	}
	if got := openLDAP.refusal(entry(nil), wrong, answer(0)); got != agent.CodePasswordExpired {
		t.Error(got)
	}
	busy := &ldap.Error{ResultCode: ldap.LDAPResultBusy, Err: errors.New("")}
	if got := openLDAP.refusal(entry(nil), busy, nil); got != "" {
		t.Error(got)
	}
}

func TestLockoutRules(t *testing.T) {
	unknown := agent.Lockout{Limit: agent.UnknownLockoutLimit, Window: agent.UnknownLockoutWindow}
	for _, c := range []struct {
		name     string
		kind     *kind
		policies []map[string]string
		want     agent.Lockout
	}{
		{"unreadable", activeDirectory, nil, unknown},
		{"attributes unreadable", activeDirectory, []map[string]string{{}}, unknown},
		{"AD", activeDirectory, []map[string]string{{"lockoutThreshold": "5", "lockOutObservationWindow": "-6000000000"}}, agent.Lockout{Limit: 5, Window: 10 * time.Minute}},
		{"AD without lockout", activeDirectory, []map[string]string{{"lockoutThreshold": "0", "lockOutObservationWindow": "-6000000000"}}, agent.Lockout{}},
		{"AD for ever", activeDirectory, []map[string]string{{"lockoutThreshold": "5", "lockOutObservationWindow": "-9223372036854775808"}}, agent.Lockout{Limit: 5, Window: longestWindow}},
		{"PSO", activeDirectory, []map[string]string{{"msDS-LockoutThreshold": "2", "msDS-LockoutObservationWindow": "-36000000000"}}, agent.Lockout{Limit: 2, Window: time.Hour}},
		{"nonsense", activeDirectory, []map[string]string{{"lockoutThreshold": "many"}}, unknown},
		{"negative", activeDirectory, []map[string]string{{"lockoutThreshold": "-1"}}, unknown},
		{"IPA", freeIPA, []map[string]string{{"krbPwdMaxFailure": "6", "krbPwdFailureCountInterval": "60"}}, agent.Lockout{Limit: 6, Window: time.Minute}},
		{"IPA without end", freeIPA, []map[string]string{{"krbPwdMaxFailure": "6", "krbPwdFailureCountInterval": "0"}}, agent.Lockout{Limit: 6, Window: longestWindow}},
		{"OpenLDAP", openLDAP, []map[string]string{{"pwdLockout": "TRUE", "pwdMaxFailure": "4", "pwdFailureCountInterval": "90"}}, agent.Lockout{Limit: 4, Window: 90 * time.Second}},
		{"OpenLDAP without interval", openLDAP, []map[string]string{{"pwdLockout": "TRUE", "pwdMaxFailure": "4"}}, agent.Lockout{Limit: 4, Window: longestWindow}},
		{"OpenLDAP without lockout", openLDAP, []map[string]string{{"pwdMaxFailure": "4"}}, agent.Lockout{}},
		{"the strictest", openLDAP, []map[string]string{{"pwdLockout": "FALSE", "pwdMaxFailure": "1"}, {"pwdLockout": "TRUE", "pwdMaxFailure": "9", "pwdFailureCountInterval": "900"},
			{"pwdLockout": "TRUE", "pwdMaxFailure": "4", "pwdFailureCountInterval": "60"}}, agent.Lockout{Limit: 4, Window: 15 * time.Minute}},
	} {
		var entries []*ldap.Entry
		for _, p := range c.policies {
			entries = append(entries, entry(p))
		}
		if got := c.kind.policy.strictest(entries); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if rule, ok := typedLockout(agent.DirectorySettings{LockoutLimit: 4}); !ok || rule != (agent.Lockout{Limit: 4, Window: agent.UnknownLockoutWindow}) {
		t.Error(rule, ok)
	}
}

// TestKinds: every kind is in kinds, and an entry without attributes is no person in any of them.
func TestKinds(t *testing.T) {
	for _, name := range agent.DirectoryKinds {
		k := kinds[name]
		if k == nil {
			t.Fatalf("no kind %s", name)
		}
		if p, ok := k.person("example.test", entry(nil)); ok {
			t.Errorf("%s: %+v", name, p)
		}
		if _, err := ldap.CompileFilter("(&" + k.people + k.groups + ")"); err != nil {
			t.Error(err)
		}
	}
	staged := entry(map[string]string{"uid": "alice", "ipaUniqueID": "1"})
	staged.DN = "uid=alice, cn=Staged Users,cn=accounts,cn=provisioning,dc=example,dc=test"
	if _, ok := freeIPA.person("example.test", staged); ok {
		t.Error("a staged account")
	}
}

// TestPreferUPN: a userPrincipalName wins over the sAMAccountName of another person. Samba refuses to store such a pair.
func TestPreferUPN(t *testing.T) {
	people := []person{{DirectoryPerson: agent.DirectoryPerson{Login: "bob", UPN: "robert@example.test"}},
		{DirectoryPerson: agent.DirectoryPerson{Login: "alice", UPN: "Bob@example.test"}}}
	for login, want := range map[string]string{"bob@example.test": "alice", "robert@example.test": "bob", "bob": "bob", `EXAMPLE\bob`: "bob", "bob@corp.example": "bob"} {
		form, _ := parseLogin(login)
		found := preferUPN(people, form)
		if found[0].Login != want || form.at != (len(found) == 1) && login != "bob@corp.example" {
			t.Errorf("%s: %+v", login, found)
		}
	}
}
