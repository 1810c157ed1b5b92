package agent

import "testing"

// Where rules hold, browsers are led to the page; only where they are whole does the gateway promise anything.
func TestGatewayState(t *testing.T) {
	turnsAway := map[Enforcement]bool{EnforcementOn: true, EnforcementBehind: true, EnforcementFlowtable: true}
	for _, e := range Enforcements {
		g := GatewayState{Enforcement: e}
		if g.RedirectsBrowsers() != turnsAway[e] || g.Enforces() != (e == EnforcementOn) {
			t.Errorf("%s: turns away %t, enforces %t", e, g.RedirectsBrowsers(), g.Enforces())
		}
	}
}
