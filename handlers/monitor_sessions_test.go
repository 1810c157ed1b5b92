package handlers

import (
	"encoding/json"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// TestSessionMAC: an unknown MAC is null.
func TestSessionMAC(t *testing.T) {
	for mac, want := range map[string]string{"": `"mac":null`, "02:00:00:00:00:01": `"mac":"02:00:00:00:00:01"`} {
		b, err := json.Marshal(jsonOfSession(agent.LiveSession{MAC: mac}))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%q: %s, %v", mac, b, err)
		}
	}
}
