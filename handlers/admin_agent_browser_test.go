package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/templates"
)

// TestBrowserNetworks: the form of the page saves the networks, and refuses those that are not local before it asks anything.
func TestBrowserNetworks(t *testing.T) {
	s := newSite(t)
	s.Portal = func(netip.Addr) string { return "https://gw.example.test/" }
	h, boss := s.PortalHandler(), signIn(t, s, "boss")
	post := func(path string, form url.Values) *httptest.ResponseRecorder {
		form.Set(templates.CSRFField, "token")
		r := httptest.NewRequest("POST", "https://gw.example.test"+path, strings.NewReader(form.Encode()))
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		for _, cookie := range boss {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
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
		w := post("/admin/agent/browser", url.Values{"browser_sign_in_networks": {c.typed}})
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

// TestBrowserNetworksStay: a network that is not local any more does not stop other changes of the settings, and goes when it is
// removed from the list.
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
