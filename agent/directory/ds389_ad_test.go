//go:build ad

package directory

import (
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// TestFreeIPA: logins, groups and refusals with the attributes of FreeIPA. An expired password is refused after a bind that
// succeeded.
func TestFreeIPA(t *testing.T) {
	d := lab.New389(t)
	settings := labSettings(agent.DirectoryFreeIPA, d)
	o := newOffice(t, settings)
	checkForms(t, o, "petrov")
	checkRefusals(t, o, map[string]refusals{
		"bob":         {"", agent.CodeBadCredentials},
		"disabled":    {agent.CodeAccountDisabled, agent.CodeAccountDisabled},
		"locked":      {agent.CodeAccountLocked, agent.CodeAccountLocked},
		"expired":     {agent.CodeAccountExpired, agent.CodeBadCredentials},
		"pwexpired":   {agent.CodePasswordExpired, agent.CodeBadCredentials},
		"oldpassword": {agent.CodePasswordExpired, agent.CodeBadCredentials},
	})
	account, err := o.Find(t.Context(), "alice")
	if err != nil || account.Lockout != (agent.Lockout{Limit: 3, Window: 30 * time.Minute}) {
		t.Error(account.Lockout, err)
	}
	d.Set(t, d.PersonDN("bob"), "krbPasswordExpiration", "20250101000000Z")
	d.Set(t, d.PersonDN("bob"), "krbLastPwdChange", "20250101000000Z")
	if _, code := o.login(t, "bob", lab.Password); code != agent.CodePasswordMustChange {
		t.Error("an administrator has set the password:", code)
	}
	d.Set(t, d.PersonDN("bob"), "krbPasswordExpiration", "20380101000000Z")
	checkGroups(t, o, settings, d, "pwexpired", agent.CodePasswordExpired)
}

// Test389: a 389 Directory Server without the attributes of FreeIPA.
func Test389(t *testing.T) {
	d := lab.New389(t)
	settings := labSettings(agent.DirectoryOpenLDAP, d)
	settings.Transport = agent.TransportStartTLS
	o := newOffice(t, settings)
	checkForms(t, o, "petrov")
	checkRefusals(t, o, map[string]refusals{
		"bob":         {"", agent.CodeBadCredentials},
		"disabled":    {agent.CodeAccountDisabled, agent.CodeAccountDisabled},
		"locked":      {agent.CodeAccountLocked, agent.CodeAccountLocked},
		"oldpassword": {agent.CodePasswordExpired, agent.CodeBadCredentials},
	})
	account, err := o.Find(t.Context(), "alice")
	if err != nil || account.Lockout != unknownLockout {
		t.Error(account.Lockout, err)
	}
	checkGroups(t, o, settings, d, "oldpassword", agent.CodePasswordExpired)
}

// TestPosixGroups: members by memberUid, and the primary group of POSIX accounts.
func TestPosixGroups(t *testing.T) {
	d := lab.New389(t)
	settings := labSettings(agent.DirectoryOpenLDAP, d)
	o := newOffice(t, settings)
	for name, attributes := range map[string][]ldap.Attribute{
		"primary": {{Type: "gidNumber", Vals: []string{"10000"}}},
		"listed":  {{Type: "gidNumber", Vals: []string{"10001"}}, {Type: "memberUid", Vals: []string{"alice", "nobody"}}},
	} {
		attributes = append(attributes, ldap.Attribute{Type: "objectClass", Vals: []string{"posixGroup"}})
		if err := d.Admin(t).Add(&ldap.AddRequest{DN: d.GroupDN(name), Attributes: attributes}); err != nil {
			t.Fatal(err)
		}
	}
	settings.LoginGroups, settings.RemoteGroups = o.group(t, settings, "primary"), o.group(t, settings, "listed")
	o.Set([]agent.DirectorySettings{settings})
	var guids []string
	for login, remote := range map[string]bool{"alice": true, "bob": false} {
		user, code := o.login(t, login, lab.Password)
		if code != "" || user.RemoteAccess != remote {
			t.Errorf("%s: %q, %+v", login, code, user)
		}
		guids = append(guids, user.GUID)
	}
	reading, err := o.Read(t.Context(), 1, guids)
	if err != nil || len(reading.People) != 2 {
		t.Fatal(reading, err)
	}
	for _, p := range reading.People {
		if p.Refused != "" || p.Remote != (p.Login == "alice") {
			t.Errorf("read %+v", p)
		}
	}
}
