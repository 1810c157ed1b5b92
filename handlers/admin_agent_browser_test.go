package handlers

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// TestBrowserNetworks: the form saves the networks, and refuses networks that are not local.
func TestBrowserNetworks(t *testing.T) {
	a := newAdministration(t)
	s := a.site
	s.Portal = func(netip.Addr) string { return "https://gw.example.test/" }
	for _, c := range []struct {
		typed, says string
		now         string
	}{
		{"192.168.7.128/25\n10.5.0.0/16", "", "[10.5.0.0/16 192.168.7.128/25]"},
		{"office", "«office» не похоже на сеть", "[10.5.0.0/16 192.168.7.128/25]"},
		{"192.168.8.0/24", "192.168.8.0/24 не входит ни в одну из локальных сетей", "[10.5.0.0/16 192.168.7.128/25]"},
		{"10.128.0.0/24", "10.128.0.0/24 не входит", "[10.5.0.0/16 192.168.7.128/25]"},
		{"192.168.7.5", "", "[192.168.7.5/32]"},
		{"", "", "[]"},
	} {
		w := a.post("/admin/agent/browser", url.Values{"browser_sign_in_networks": {c.typed}})
		if c.says == "" && w.Code != http.StatusSeeOther {
			t.Errorf("%q: %d", c.typed, w.Code)
		}
		if c.says != "" && (w.Code != http.StatusBadRequest || !says(t, w.Body.String(), "#browser_sign_in_networks-note", c.says) || !says(t, w.Body.String(), "#browser_sign_in_networks", c.typed)) {
			t.Errorf("%q: %d without %q", c.typed, w.Code, c.says)
		}
		if now := fmt.Sprint(s.Settings.Current().BrowserSignIn); now != c.now {
			t.Errorf("%q: saved %s", c.typed, now)
		}
	}
}

// TestBrowserNetworksAsk: removing a network, or the local network around it, asks for confirmation if sessions of kind web end by it. A
// wrong form is refused before that question.
func TestBrowserNetworksAsk(t *testing.T) {
	a := newAdministration(t)
	s := a.site
	s.Settings.(*fixedSettings).now.BrowserSignIn, _ = agent.ParseNetworks("", "192.168.7.0/24 10.5.0.0/16")
	peer := agent.Peer{Addr: netip.MustParseAddr("192.168.7.30"), Inside: true}
	if _, err := s.Sessions.AuthorizeBrowser(t.Context(), access.BrowserAttempt{Login: "ivanov", Password: password, Peer: peer}); err != nil {
		t.Fatal(err)
	}
	settings := url.Values{"local_networks": {"10.0.0.0/8"}, "session_hours_lan": {"24"}, "session_hours_vpn": {"12"}, "grace_seconds": {"30"},
		"devices_per_user": {"3"}, "device_policy": {"refuse"}, "journal_days": {"30"}, "journal_mb": {"10"}}
	for _, c := range []struct {
		path     string
		form     url.Values
		status   int
		part     string
		says     string
		networks int // afterwards
	}{
		{"/admin/agent/browser", url.Values{"browser_sign_in_networks": {"192.168.7.0/24"}}, 303, "", "", 1},
		{"/admin/agent/browser", url.Values{"browser_sign_in_networks": {"172.16.0.0/24"}}, 400, "#browser_sign_in_networks-note", "172.16.0.0/24 не входит", 1},
		{"/admin/agent/browser", url.Values{"browser_sign_in_networks": {"10.5.0.0/16"}}, 200, ".question", "1 сессия не подходит", 1},
		{"/admin/agent/settings", settings, 200, ".question", "1 сессия не подходит", 1},
		{"/admin/agent/browser", url.Values{"browser_sign_in_networks": {""}, "confirm": {"1"}}, 303, "", "", 0},
	} {
		w := a.post(c.path, c.form)
		if w.Code != c.status || c.part != "" && !says(t, w.Body.String(), c.part, c.says) {
			t.Errorf("%s %v: %d without %q", c.path, c.form, w.Code, c.says)
		}
		if got := s.Settings.Current().BrowserSignIn; len(got) != c.networks {
			t.Errorf("%s %v: %v are saved", c.path, c.form, got)
		}
	}
}

// TestBrowserNetworksStay: a saved network that is no longer local does not prevent other changes of the settings, and can be removed.
func TestBrowserNetworksStay(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	const path = "/agent_backend/wireguard/setting"
	for _, step := range []struct {
		body string
		ok   bool
		now  string
	}{
		{`{"browser_sign_in_networks":["192.168.7.0/24","10.1.2.3/16"]}`, true, "[10.1.0.0/16 192.168.7.0/24]"},
		{`{"local_networks":["192.168.7.0/24","192.168.9.0/24"]}`, true, "[10.1.0.0/16 192.168.7.0/24]"},
		{`{"browser_sign_in_networks":["192.168.7.0/24","10.1.0.0/16","192.168.9.0/24"]}`, true, "[10.1.0.0/16 192.168.7.0/24 192.168.9.0/24]"},
		{`{"browser_sign_in_networks":["10.2.0.0/16"]}`, false, "[10.1.0.0/16 192.168.7.0/24 192.168.9.0/24]"},
		{`{"browser_sign_in_networks":["0.0.0.0/0"]}`, false, "[10.1.0.0/16 192.168.7.0/24 192.168.9.0/24]"},
		{`{"browser_sign_in_networks":null}`, false, "[10.1.0.0/16 192.168.7.0/24 192.168.9.0/24]"},
		{`{"browser_sign_in_networks":"192.168.7.0/24"}`, false, "[10.1.0.0/16 192.168.7.0/24 192.168.9.0/24]"},
		{`{"browser_sign_in_networks":["192.168.7.0/24"]}`, true, "[192.168.7.0/24]"},
		{`{"browser_sign_in_networks":["10.1.0.0/16"]}`, false, "[192.168.7.0/24]"},
		{`{"browser_sign_in_networks":[]}`, true, "[]"},
	} {
		status, answer := c.call("PUT", path, step.body)
		if (status == http.StatusOK) != step.ok {
			t.Errorf("%s: %d %v", step.body, status, answer)
		}
		if _, now := c.call("GET", path, ""); fmt.Sprint(now["browser_sign_in_networks"]) != step.now {
			t.Errorf("%s: now %v", step.body, now["browser_sign_in_networks"])
		}
	}
}
