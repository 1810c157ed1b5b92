package handlers

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
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

// TestSessionOfARule: the session of a rule has no expiry in REST, and no button to end it. A request to end it is refused, and switching
// the agent off does not ask because of it.
func TestSessionOfARule(t *testing.T) {
	a := newAdministration(t)
	a.site.Sessions.SetStatic(t.Context(), []access.StaticSession{{User: 2, Address: netip.MustParseAddr("192.168.7.30")}})
	rule := a.site.Sessions.Sessions()[0]
	c := restClient{t, a.site.PortalHandler(), signIn(t, a.site, "boss")}
	path := "/monitor_backend/auth_sessions/" + rule.ID
	if status, answer := c.call("DELETE", path, ""); status != 542 || answer["code"] != "session_by_rule" {
		t.Errorf("%d %v", status, answer)
	}
	if b, err := json.Marshal(jsonOfSession(rule)); err != nil || !strings.Contains(string(b), `"auth_module":"ip"`) || !strings.Contains(string(b), `"expires":null`) {
		t.Errorf("%s, %v", b, err)
	}
	if w := a.post("/admin/monitor/sessions/"+rule.ID+"/end", url.Values{}); w.Code != http.StatusConflict {
		t.Errorf("%d", w.Code)
	}
	own := a
	own.boss = signIn(t, a.site, "ivanov")
	own.post("/cabinet/sessions/"+rule.ID+"/end", url.Values{})
	if live := a.site.Sessions.Sessions(); len(live) != 1 || live[0].ID != rule.ID {
		t.Errorf("%+v", live)
	}
	a.saved(a.post("/admin/agent/state", url.Values{"enabled": {"0"}})) // without a question
}
