package e2e

import (
	"strings"
	"syscall"
	"testing"
)

// TestAgentChangesPassword: the agent changes the password at the gateway and logs in with the new one. Afterwards the old one is
// refused.
func TestAgentChangesPassword(t *testing.T) {
	t.Parallel()
	const newPassword = "another-horse-9"
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.user(map[string]any{"login": "ivanov"})

	rejected := g.agent("ivanov", userPassword+"\nshort", "one", "--change-password")
	if e := rejected.waits("error"); e.Code != "password_rejected" || e.Message == "" {
		t.Errorf("a short password: %+v", e)
	}
	rejected.exits(3)

	agent := g.agent("ivanov", userPassword+"\n"+newPassword, "one", "--change-password")
	agent.waits("authorized")
	admin.waitSessions("the session", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })
	agent.signal(syscall.SIGTERM)
	agent.exits(0)
	changed := false
	for _, e := range agent.seen {
		changed = changed || e.Code == "password_changed" && strings.Contains(e.Message, "Пароль изменён")
		if strings.Contains(e.Message, newPassword) {
			t.Errorf("%+v", e)
		}
	}
	if !changed || strings.Contains(agent.stderr.String(), newPassword) {
		t.Errorf("%+v %s", agent.seen, agent.stderr)
	}

	old := g.agent("ivanov", userPassword, "one")
	if e := old.waits("error"); e.Code != "bad_credentials" {
		t.Errorf("the old password: %+v", e)
	}
	old.exits(3)
	g.agent("ivanov", newPassword, "one").waits("authorized")
}
