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
