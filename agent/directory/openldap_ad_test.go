//go:build ad

package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// TestOpenLDAP: logins, groups and refusals, with and without memberOf.
func TestOpenLDAP(t *testing.T) {
	for name, memberOf := range map[string]lab.MemberOf{"memberOf": true, "member": false} {
		t.Run(name, func(t *testing.T) {
			d := lab.NewOpenLDAP(t, memberOf)
			settings := labSettings(agent.DirectoryOpenLDAP, d)
			settings.Transport = agent.TransportStartTLS
			o := newOffice(t, settings)
			checkForms(t, o, "Иван Петров")
			checkGroups(t, o, settings, d, "mustchange", agent.CodePasswordMustChange)
			checkRefusals(t, o, map[string]refusals{
				"bob":        {"", agent.CodeBadCredentials},
				"disabled":   {agent.CodeAccountDisabled, agent.CodeAccountDisabled},
				"locked":     {agent.CodeAccountLocked, agent.CodeAccountLocked},
				"pwexpired":  {agent.CodePasswordExpired, agent.CodeBadCredentials},
				"mustchange": {agent.CodePasswordMustChange, agent.CodeBadCredentials},
				"expired":    {agent.CodeAccountExpired, agent.CodeAccountExpired},
			})
			account, err := o.Find(t.Context(), "alice")
			if err != nil || account.Lockout != (agent.Lockout{Limit: 3, Window: 30 * time.Minute}) {
				t.Error(account.Lockout, err)
			}
			if account, err = o.Find(t.Context(), "pwexpired"); err != nil || account.Lockout != (agent.Lockout{}) {
				t.Error("a policy without lockout:", account.Lockout, err)
			}
		})
	}
}

// TestSeveralPeople: a login that two people have counts as unknown, and the log names both.
func TestSeveralPeople(t *testing.T) {
	d := lab.NewOpenLDAP(t, true)
	settings := labSettings(agent.DirectoryOpenLDAP, d)
	o := newOffice(t, settings)
	second := "uid=bob,ou=Leavers," + lab.BaseDN
	if err := d.Admin(t).Add(&ldap.AddRequest{DN: second, Attributes: []ldap.Attribute{{Type: "objectClass", Vals: []string{"inetOrgPerson"}},
		{Type: "cn", Vals: []string{"Bob"}}, {Type: "sn", Vals: []string{"Bob"}}, {Type: "userPassword", Vals: []string{lab.Password}}}}); err != nil {
		t.Fatal(err)
	}
	if account, err := o.Find(t.Context(), "bob"); err != nil || account.Known {
		t.Error(account, err)
	}
	if _, code := o.login(t, "bob", lab.Password); code != agent.CodeBadCredentials || !strings.Contains(strings.ToLower(o.log.String()), strings.ToLower(second)) {
		t.Errorf("%q: %s", code, o.log.String())
	}
	settings.Bases = []string{"ou=Nothing," + lab.BaseDN, d.PeopleDN, d.PersonDN("bob")} // one is missing, one is below another
	o.Set([]agent.DirectorySettings{settings})
	if user, code := o.login(t, "bob", lab.Password); code != "" || user.Login != "bob" {
		t.Errorf("one base has one bob: %q, %+v", code, user)
	}
	settings.Bases = settings.Bases[:1]
	o.Set([]agent.DirectorySettings{settings})
	if _, code := o.login(t, "bob", lab.Password); code != agent.CodeDirectoryUnreachable {
		t.Errorf("no base exists: %q", code)
	}
}

// refusals are the codes with the right and with a wrong password.
type refusals struct{ right, wrong agent.Code }

func checkRefusals(t *testing.T, o *office, all map[string]refusals) {
	t.Helper()
	for login, want := range all {
		if _, code := o.login(t, login, "wrong"); code != want.wrong {
			t.Errorf("%s with a wrong password: %q, want %q", login, code, want.wrong)
		}
		if _, code := o.login(t, login, lab.Password); code != want.right {
			t.Errorf("%s: %q, want %q", login, code, want.right)
		}
	}
}

// checkForms checks the forms of logins of directories without NetBIOS names.
func checkForms(t *testing.T, o *office, second string) {
	t.Helper()
	for login, forms := range map[string][]string{
		"alice": {"alice", "Alice", "alice@example.test", "ALICE@Example.Test", `example.test\alice`, "example.test/alice"},
		second:  {second, strings.ToLower(second), second + "@example.test"},
	} {
		for _, form := range forms {
			if user, code := o.login(t, form, lab.Password); code != "" || user.Login != login || user.Name == "" {
				t.Errorf("%q: %q, %+v", form, code, user)
			}
		}
	}
	for _, nobody := range []string{"nobody", "*", "alice)(uid=*", "alice@other.test", `OTHER\alice`, "svc-ldap"} {
		if account, err := o.Find(t.Context(), nobody); err != nil || account.Known {
			t.Errorf("%q: %+v, %v", nobody, account, err)
		}
		if _, code := o.login(t, nobody, lab.Password); code != agent.CodeBadCredentials {
			t.Errorf("%q: %q", nobody, code)
		}
	}
}

// checkGroups checks login groups and remote groups, for a login and for a check.
func checkGroups(t *testing.T, o *office, settings agent.DirectorySettings, d *lab.Directory, other string, otherCode agent.Code) {
	t.Helper()
	settings.LoginGroups, settings.RemoteGroups = o.group(t, settings, "VPN-Users", "Sales"), o.group(t, settings, "Sales")
	o.Set([]agent.DirectorySettings{settings})
	var guids []string
	for login, want := range map[string]struct {
		code   agent.Code
		remote bool
	}{"alice": {"", true}, "bob": {"", false}, other: {otherCode, false}} {
		user, code := o.login(t, login, lab.Password)
		if code != want.code || user.RemoteAccess != want.remote {
			t.Errorf("%s: %q, %+v", login, code, user)
		}
		if user.GUID != "" {
			guids = append(guids, user.GUID)
		}
	}
	if err := d.Admin(t).ModifyDN(ldap.NewModifyDNRequest(d.GroupDN("Sales"), "cn=Vertrieb", true, "")); err != nil {
		t.Fatal(err)
	}
	if user, code := o.login(t, "alice", lab.Password); code != "" || !user.RemoteAccess {
		t.Errorf("after its group was renamed: %q, %+v", code, user)
	}
	reading, err := o.Read(t.Context(), 1, guids)
	if err != nil || len(reading.People) != 2 || len(reading.Missing) != 0 {
		t.Fatal(reading, err)
	}
	for _, p := range reading.People {
		if p.Refused != "" || p.Remote != (p.Login == "alice") {
			t.Errorf("read %+v", p)
		}
	}
	d.RemoveFrom(t, "VPN-Users", d.PersonDN("bob"))
	if _, code := o.login(t, "bob", lab.Password); code != agent.CodeNotPermitted {
		t.Errorf("bob is out of the group: %q", code)
	}
	if reading, err = o.Read(t.Context(), 1, guids); err != nil || len(reading.People) != 2 {
		t.Fatal(reading, err)
	}
	for _, p := range reading.People {
		if (p.Refused == agent.CodeNotPermitted) != (p.Login == "bob") {
			t.Errorf("read %+v", p)
		}
	}
	settings.LoginGroups, settings.RemoteGroups = nil, nil
	tree := []string{"VPN-Users", "Vertrieb", "Staff"}
	alice := []string{"Vertrieb"}
	if len(d.Attributes(t, d.PersonDN("alice"), "memberOf")) > 1 { // the server knows groups in groups
		alice = []string{"Staff", "VPN-Users", "Vertrieb"}
	}
	checkTree(t, o, settings, tree, map[string][]string{"alice": alice, "bob": nil})
	d.AddTo(t, "VPN-Users", d.PersonDN("bob"))
	checkTree(t, o, settings, tree, map[string][]string{"alice": alice, "bob": {"VPN-Users"}})
	o.Set([]agent.DirectorySettings{settings})
}
