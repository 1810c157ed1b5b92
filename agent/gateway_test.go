package agent

import "testing"

// TestGatewayState: browsers are redirected in every state with rules; Enforces is true only in EnforcementOn.
func TestGatewayState(t *testing.T) {
	turnsAway := map[Enforcement]bool{EnforcementOn: true, EnforcementBehind: true, EnforcementFlowtable: true}
	for _, e := range Enforcements {
		g := GatewayState{Enforcement: e}
		if g.RedirectsBrowsers() != turnsAway[e] || g.Enforces() != (e == EnforcementOn) {
			t.Errorf("%s: redirects browsers %t, enforces %t", e, g.RedirectsBrowsers(), g.Enforces())
		}
	}
}
