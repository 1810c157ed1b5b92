package access

import (
	"testing"
	"testing/synctest"

	"ideco-agent/agent"
)

// TestThrottleSpellings: wrong passwords are counted together for all spellings of an unknown login, as they are for an account.
func TestThrottleSpellings(t *testing.T) {
	for _, spellings := range [][]string{
		{"андре\u0439", "андре\u0438\u0306", "АНДРЕ\u0419", " Андре\u0438\u0306 ", "андре\u0438\u0306"},
		{"nobody", "NOBODY", "\uff4e\uff4f\uff42\uff4f\uff44\uff59", "nobody ", "Nobody"},
		{"rene\u0301 x", "ren\u00e9 x", "REN\u00c9 X", "RENE\u0301 x", "ren\u00e9 x"}, // the profile UsernameCaseMapped refuses the space
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			for i, login := range spellings {
				if code := g.try(login, "wrong", outsidePeer, ""); code != agent.CodeBadCredentials {
					t.Errorf("attempt %d as %+q: %q", i, login, code)
				}
			}
			for _, login := range spellings {
				if code := g.try(login, "wrong", outsidePeer, ""); code != agent.CodeTooManyAttempts {
					t.Errorf("%+q after %d wrong passwords: %q", login, accountLimit, code)
				}
			}
		})
	}
}

// TestDirectoryGetsLoginAsTyped: a directory checks login and password once, exactly as typed.
func TestDirectoryGetsLoginAsTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		const login, password = " Company\\Андре\u0438\u0306 ", " Домо\u0438\u0306\u00a0 "
		g.try(login, password, outsidePeer, "")
		if checks := g.memoryStore.checks; len(checks) != 1 || checks[0].Login != login || checks[0].Password != password {
			t.Errorf("%+q", checks)
		}
	})
}
