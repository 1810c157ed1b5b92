package directory

import (
	"testing"

	"ideco-agent/agent"
)

// TestChangeLocalPassword: the old password is compared once, and only the right one of an account that may log in changes it.
func TestChangeLocalPassword(t *testing.T) {
	const next = "новый пароль"
	for what, test := range map[string]struct {
		login, password, next string
		mustChange            bool
		want                  agent.Code
	}{
		"right":                     {" ИВАНОВ ", password, next, false, ""},
		"must change":               {"иванов", password, next, true, ""},
		"the same":                  {"иванов", password, password, false, ""},
		"the same, must change":     {"иванов", password, password, true, agent.CodePasswordRejected},
		"short":                     {"иванов", password, "коротко", false, agent.CodePasswordRejected},
		"spaces":                    {"иванов", password, "            ", false, agent.CodePasswordRejected},
		"wrong, and short":          {"иванов", password + "!", "коротко", false, agent.CodeBadCredentials},
		"wrong":                     {"иванов", password + "!", next, false, agent.CodeBadCredentials},
		"switched off":              {"off", password, next, false, agent.CodeAccountDisabled},
		"switched off, and wrong":   {"off", password + "!", next, false, agent.CodeBadCredentials},
		"unknown":                   {"nobody", password, next, false, agent.CodeBadCredentials},
		"unknown, and a short one":  {"nobody", password, "x", false, agent.CodeBadCredentials},
		"without a password so far": {"empty", password, next, false, agent.CodeBadCredentials},
	} {
		l, count := newLocal(t)
		known := l.accounts.(accounts).byLogin
		ivanov := known["иванов"]
		ivanov.MustChange = test.mustChange
		known["иванов"] = ivanov
		user, err := l.ChangePassword(t.Context(), agent.Credentials{Login: test.login, Password: test.password}, test.next)
		switch refusal := agent.AsError(err); {
		case test.want == "" && (err != nil || user.MustChange):
			t.Errorf("%s: %v, %+v", what, err, user)
		case test.want != "" && (err == nil || refusal.Code != test.want):
			t.Errorf("%s: %v", what, err)
		case test.want == agent.CodePasswordRejected && (refusal.Policy == nil || refusal.Policy.MinLength != agent.MinPassword):
			t.Errorf("%s: %+v", what, refusal.Policy)
		}
		if count.hashes != 1 {
			t.Errorf("%s: compared %d times", what, count.hashes)
		}
		works := test.password
		if test.want == "" {
			works = test.next
		}
		user, err = l.Authenticate(t.Context(), agent.Credentials{Login: test.login, Password: works})
		if test.want == "" && (err != nil || user.MustChange) || test.want == agent.CodePasswordRejected && err != nil {
			t.Errorf("%s: afterwards %v, %+v", what, err, user)
		}
	}
}
