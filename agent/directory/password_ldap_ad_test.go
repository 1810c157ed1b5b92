//go:build ad

package directory

import (
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// TestOpenLDAPPassword: RFC 3062 as the person. A wrong old password counts once.
func TestOpenLDAPPassword(t *testing.T) {
	d := lab.NewOpenLDAP(t, true)
	o := newOffice(t, labSettings(agent.DirectoryOpenLDAP, d))
	wrongPasswords := func(login string) int { return len(d.Attributes(t, d.PersonDN(login), "pwdFailureTime")) }
	for _, login := range []string{"alice", "mustchange", "Иван Петров"} {
		if _, r := o.change(t, login, "wrong", newPassword); r.Code != agent.CodeBadCredentials || wrongPasswords(login) != 1 {
			t.Errorf("%s: %v, %d wrong passwords", login, r, wrongPasswords(login))
		}
		if user, r := o.change(t, login, lab.Password, newPassword); r.Code != "" || user.Login != login {
			t.Errorf("%s: %v", login, r)
		}
		if _, code := o.login(t, login, newPassword); code != "" {
			t.Errorf("%s with the new password: %s", login, code)
		}
	}
	for login, want := range map[string]refusals{
		"disabled":  {agent.CodeAccountDisabled, agent.CodeAccountDisabled},
		"locked":    {agent.CodeAccountLocked, agent.CodeAccountLocked},
		"expired":   {agent.CodeAccountExpired, agent.CodeAccountExpired},
		"pwexpired": {agent.CodePasswordExpired, agent.CodeBadCredentials}, // the server takes nothing from the person
		"nobody":    {agent.CodeBadCredentials, agent.CodeBadCredentials},
	} {
		if _, r := o.change(t, login, "wrong", newPassword); r.Code != want.wrong {
			t.Errorf("%s with a wrong password: %v, want %s", login, r, want.wrong)
		}
		if _, r := o.change(t, login, lab.Password, newPassword); r.Code != want.right || r.MayChange {
			t.Errorf("%s: %v, want %s", login, r, want.right)
		}
	}
	if _, r := o.change(t, "bob", lab.Password, "short"); r.Code != agent.CodePasswordRejected || r.Policy != nil { // two policies are readable
		t.Errorf("%v, %+v", r, r.Policy)
	}
	d.Set(t, "cn=oldpasswords,"+lab.BaseDN, "pwdMinLength", "8")
	if _, r := o.change(t, "bob", lab.Password, "short"); r.Code != agent.CodePasswordRejected || r.Policy == nil || *r.Policy != (agent.PasswordPolicy{MinLength: 8}) {
		t.Errorf("both demand eight characters: %v, %+v", r, r.Policy)
	}
	d.Set(t, "cn=oldpasswords,"+lab.BaseDN, "pwdMinLength", "12")
	if _, r := o.change(t, "bob", lab.Password, "short"); r.Policy != nil {
		t.Errorf("they differ: %+v", r.Policy)
	}
	d.Set(t, d.PersonDN("bob"), "pwdPolicySubentry", "cn=policy,"+lab.BaseDN)
	if _, r := o.change(t, "bob", lab.Password, "short"); r.Code != agent.CodePasswordRejected || r.Policy == nil || *r.Policy != (agent.PasswordPolicy{MinLength: 8, History: 3}) {
		t.Errorf("%v, %+v", r, r.Policy)
	}
	d.Set(t, "cn=policy,"+lab.BaseDN, "pwdMinAge", "7200")
	if _, r := o.change(t, "bob", lab.Password, newPassword); r.Code != "" {
		t.Error(r)
	}
	if _, r := o.change(t, "bob", newPassword, lab.Password); r.Code != agent.CodePasswordRejected || r.Policy == nil || !r.Policy.TooYoung || r.Policy.MinAge != 2*time.Hour {
		t.Errorf("%v, %+v", r, r.Policy)
	}
	if n := wrongPasswords("bob"); n != 0 {
		t.Errorf("%d wrong passwords", n)
	}
	d.Set(t, "cn=policy,"+lab.BaseDN, "pwdMaxAge", "864000")
	d.Set(t, "cn=policy,"+lab.BaseDN, "pwdExpireWarning", "900000")
	user, code := o.login(t, "bob", newPassword)
	if left := time.Until(user.PasswordExpires); code != "" || left < 863000*time.Second || left > 864000*time.Second {
		t.Errorf("%s, expires in %v", code, left)
	}
}

// Test389Password: the same with 389 Directory Server.
func Test389Password(t *testing.T) {
	d := lab.New389(t)
	for kind, login := range map[agent.DirectoryKind]string{agent.DirectoryOpenLDAP: "alice", agent.DirectoryFreeIPA: "bob"} {
		o := newOffice(t, labSettings(kind, d))
		if _, r := o.change(t, login, "wrong", newPassword); r.Code != agent.CodeBadCredentials {
			t.Errorf("%s: %v", kind, r)
		}
		if n := d.Attributes(t, d.PersonDN(login), "passwordRetryCount"); len(n) != 1 || n[0] != "1" {
			t.Errorf("%s: %v wrong passwords", kind, n)
		}
		if _, r := o.change(t, login, lab.Password, newPassword); r.Code != "" {
			t.Errorf("%s: %v", kind, r)
		}
		if _, code := o.login(t, login, newPassword); code != "" {
			t.Errorf("%s with the new password: %s", kind, code)
		}
		if _, r := o.change(t, "disabled", lab.Password, newPassword); r.Code != agent.CodeAccountDisabled {
			t.Errorf("%s disabled: %v", kind, r)
		}
		d.Set(t, "cn=config", "passwordCheckSyntax", "on")
		d.Set(t, "cn=config", "passwordMinLength", "10")
		if _, r := o.change(t, login, newPassword, "short"); r.Code != agent.CodePasswordRejected {
			t.Errorf("%s: %v", kind, r)
		}
		d.Set(t, "cn=config", "passwordCheckSyntax", "off")
	}
	o := newOffice(t, labSettings(agent.DirectoryFreeIPA, d))
	account, err := o.Find(t.Context(), "pwexpired")
	if err != nil {
		t.Fatal(err)
	}
	_, err = account.Authenticate(t.Context(), agent.Credentials{Login: "pwexpired", Password: lab.Password})
	if r := agent.AsError(err); r.Code != agent.CodePasswordExpired || !r.MayChange {
		t.Errorf("%v, may change: %v", err, r.MayChange)
	}
}
