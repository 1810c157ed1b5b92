package handlers

import (
	"net/netip"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// TestRuleOfFurtherAddress: a rule is not waiting for a device while a session has its address as a further one.
func TestRuleOfFurtherAddress(t *testing.T) {
	address := netip.MustParseAddr("fd00::5")
	for user, want := range map[agent.UserID]string{2: templates.RuleAgent, 3: templates.RuleBusy} {
		live := agent.LiveSession{Session: agent.Session{Kind: agent.KindLAN, UserID: user, Address: inLAN}, FurtherAddresses: []netip.Addr{address}}
		r := templates.UserRule{AuthRule: agent.AuthRule{Enabled: true, UserID: 2, Address: address}}
		setRuleState(&r, agent.User{ID: 2, Enabled: true}, []agent.LiveSession{live})
		if r.State != want {
			t.Errorf("a session of account %d: %q, want %q", user, r.State, want)
		}
	}
}
