//go:build ad

package directory

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

const newPassword = "N3w-Passw0rd!"

// change changes a password and returns the code of the refusal.
func (o *office) change(t testing.TB, login, password, newPassword string) (agent.User, *agent.Error) {
	t.Helper()
	account, err := o.Find(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	user, err := account.ChangePassword(t.Context(), agent.Credentials{Login: login, Password: password, Origin: agent.OriginLAN}, newPassword)
	if err == nil {
		return user, &agent.Error{}
	}
	var refusal *agent.Error
	if !errors.As(err, &refusal) {
		t.Errorf("%s: %v", login, err)
	}
	return user, agent.AsError(err)
}

// TestADChangePassword: both ways change an expired password, compare the old one once, and give each refusal its code.
func TestADChangePassword(t *testing.T) {
	for name, way := range map[string]agent.PasswordChange{"kpasswd": agent.PasswordChangeAuto, "LDAP": agent.PasswordChangeLDAP} {
		t.Run(name, func(t *testing.T) {
			ad := lab.NewAD(t)
			s := labSettings(agent.DirectoryAD, ad.Directory)
			s.PasswordChange = way
			o := newOffice(t, s)
			for _, login := range []string{"alice", "mustchange", "pwexpired", "Иван Петров", "carol"} {
				if _, r := o.change(t, login, lab.Password+"!", newPassword); r.Code != agent.CodeBadCredentials {
					t.Errorf("%s with a wrong password: %v", login, r)
				}
				if n := ad.BadPasswords(t, login); n != 1 {
					t.Errorf("%s: %d wrong passwords after one", login, n)
				}
				user, r := o.change(t, login, lab.Password, newPassword)
				if r.Code != "" || user.Login != login || user.ID == 0 {
					t.Errorf("%s: %v, %+v", login, r, user)
				}
				if _, code := o.login(t, login, newPassword); code != "" {
					t.Errorf("%s with the new password: %q", login, code)
				}
				if n := ad.BadPasswords(t, login); n != 0 {
					t.Errorf("%s: %d wrong passwords after the change", login, n)
				}
			}
			for login, want := range map[string][2]agent.Code{ // with the right password, with a wrong one
				"disabled":  {agent.CodeAccountDisabled, agent.CodeBadCredentials},
				"expired":   {agent.CodeAccountExpired, agent.CodeBadCredentials},
				"locked":    {agent.CodeAccountLocked, agent.CodeAccountLocked},
				"smartcard": {agent.CodeSmartcardRequired, agent.CodeSmartcardRequired},
				"nobody":    {agent.CodeBadCredentials, agent.CodeBadCredentials},
			} {
				for i, password := range []string{lab.Password, lab.Password + "!"} {
					if _, r := o.change(t, login, password, newPassword); r.Code != want[i] {
						t.Errorf("%s %d: %v, want %s", login, i, r, want[i])
					}
				}
			}
			if strings.Contains(o.log.String(), "kpasswd failed") {
				t.Error(o.log.String())
			}
		})
	}
}

// TestADPasswordPolicy: a refused new password gets the rules of the domain, or of the person's own policy.
func TestADPasswordPolicy(t *testing.T) {
	for name, way := range map[string]agent.PasswordChange{"kpasswd": agent.PasswordChangeAuto, "LDAP": agent.PasswordChangeLDAP} {
		t.Run(name, func(t *testing.T) {
			ad := lab.NewAD(t)
			s := labSettings(agent.DirectoryAD, ad.Directory)
			s.PasswordChange = way
			o := newOffice(t, s)
			domain := agent.PasswordPolicy{MinLength: 7, History: 24, Complex: true}
			check := func(what, login, password, next string, want agent.PasswordPolicy) {
				t.Helper()
				_, r := o.change(t, login, password, next)
				if r.Code != agent.CodePasswordRejected || r.Policy == nil || *r.Policy != want {
					t.Errorf("%s: %v, %+v, want %+v", what, r, r.Policy, want)
				}
				if n := ad.BadPasswords(t, login); n != 0 {
					t.Errorf("%s: %d wrong passwords", what, n)
				}
			}
			check("short", "bob", lab.Password, "Sh0rt!", domain)
			check("simple", "bob", lab.Password, "simplesimple", domain)
			check("the same", "bob", lab.Password, lab.Password, domain)
			if _, r := o.change(t, "bob", lab.Password, newPassword); r.Code != "" {
				t.Fatal(r)
			}
			check("history", "bob", newPassword, lab.Password, domain)
			ad.Set(t, lab.BaseDN, "minPwdAge", strconv.FormatInt(-int64(24*time.Hour/100), 10))
			domain.MinAge, domain.TooYoung = 24*time.Hour, true
			check("young", "bob", newPassword, "An0ther-Passw0rd!", domain)
			if _, r := o.change(t, "bob", lab.Password+"?", "x"); r.Code != agent.CodeBadCredentials {
				t.Error(r)
			}
			if n := ad.BadPasswords(t, "bob"); n != 1 {
				t.Errorf("%d wrong passwords after a wrong one with a bad new one", n)
			}
		})
	}
}

// TestADPasswordExpires: a login reads when the password expires: by the domain, by the person's own policy, or never.
func TestADPasswordExpires(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	expires := func(login, password string) time.Time {
		t.Helper()
		user, code := o.login(t, login, password)
		if code != "" {
			t.Fatalf("%s: %s", login, code)
		}
		return user.PasswordExpires
	}
	near := func(at time.Time, days int) bool {
		return time.Until(at).Round(time.Hour) == time.Duration(days)*24*time.Hour
	}
	if at := expires("alice", lab.Password); !near(at, 42) {
		t.Errorf("the domain's age: %v", at)
	}
	ad.Set(t, "CN=Strict,CN=Password Settings Container,CN=System,"+lab.BaseDN, "msDS-MaximumPasswordAge", strconv.FormatInt(-int64(10*24*time.Hour/100), 10))
	if at := expires("strict", lab.Password); !near(at, 10) {
		t.Errorf("the person's own policy: %v", at)
	}
	ad.Set(t, ad.PersonDN("bob"), "userAccountControl", "66048")
	if at := expires("bob", lab.Password); !at.IsZero() {
		t.Errorf("never: %v", at)
	}
	ad.Set(t, lab.BaseDN, "maxPwdAge", strconv.FormatInt(-int64(5*24*time.Hour/100), 10))
	if at := expires("alice", lab.Password); !near(at, 5) {
		t.Errorf("the domain's new age: %v", at)
	}
	ad.Set(t, ad.PersonDN("alice"), "pwdLastSet", "0")
	account, err := o.Find(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	_, err = account.Authenticate(t.Context(), agent.Credentials{Login: "alice", Password: lab.Password})
	if r := agent.AsError(err); r.Code != agent.CodePasswordMustChange || !r.MayChange || r.Policy == nil || r.Policy.MinLength != 7 {
		t.Errorf("%v %+v", err, r.Policy)
	}
	if user, r := o.change(t, "alice", lab.Password, newPassword); r.Code != "" || !near(user.PasswordExpires, 5) {
		t.Errorf("after the change: %v, %v", r, user.PasswordExpires)
	}
}

// TestADPasswordPorts: without port 464 LDAP changes the password, and the test of the settings says so. When the settings forbid
// changes, there are none.
func TestADPasswordPorts(t *testing.T) {
	ad := lab.NewAD(t)
	s := labSettings(agent.DirectoryAD, ad.Directory)
	if _, step := testOf(t, s, "", agent.StepPassword); step.State != agent.StepOK || len(step.Details) != 2 {
		t.Errorf("%+v", step)
	}
	s.Controllers = []string{lab.DC2} // relays LDAP only
	s.TLSName = lab.DC2
	if _, step := testOf(t, s, "", agent.StepPassword); step.State != agent.StepWarning || step.Finding != agent.FindingNoKPasswd {
		t.Errorf("%+v", step)
	}
	o := newOffice(t, s)
	if _, r := o.change(t, "mustchange", lab.Password+"!", newPassword); r.Code != agent.CodeBadCredentials || ad.BadPasswords(t, "mustchange") != 1 {
		t.Error(r, ad.BadPasswords(t, "mustchange"))
	}
	if _, r := o.change(t, "mustchange", lab.Password, newPassword); r.Code != "" || !strings.Contains(o.log.String(), "kpasswd failed") {
		t.Error(r, o.log.String())
	}
	s.PasswordChange = agent.PasswordChangeOff
	o.Set([]agent.DirectorySettings{s})
	for _, login := range []string{"alice", "nobody"} {
		if account, err := o.Find(t.Context(), login); err != nil || account.ChangePassword != nil {
			t.Errorf("%s can change the password, %v", login, err)
		}
	}
	ad.Stop()
	s.PasswordChange = agent.PasswordChangeAuto
	account, err := newOffice(t, s).Find(t.Context(), "alice")
	if err == nil || agent.AsError(err).Code != agent.CodeDirectoryUnreachable {
		t.Error(account, err)
	}
}

// TestADPasswordUnreachable: without a controller, the refusal wraps ErrPasswordNotSent.
func TestADPasswordUnreachable(t *testing.T) {
	for _, way := range []agent.PasswordChange{agent.PasswordChangeAuto, agent.PasswordChangeLDAP} {
		t.Run(string(way), func(t *testing.T) {
			ad := lab.NewAD(t)
			s := labSettings(agent.DirectoryAD, ad.Directory)
			s.PasswordChange = way
			o := newOffice(t, s)
			account, err := o.Find(t.Context(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			ad.Stop()
			_, err = account.ChangePassword(t.Context(), agent.Credentials{Login: "alice", Password: lab.Password}, newPassword)
			if agent.AsError(err).Code != agent.CodeDirectoryUnreachable || !errors.Is(err, agent.ErrPasswordNotSent) {
				t.Errorf("%q: %v", way, err)
			}
		})
	}
}
