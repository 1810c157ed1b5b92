package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// TestSettingsForms: invalid input changes nothing and is shown again with its error; sessions end only after a
// confirmation.
func TestSettingsForms(t *testing.T) {
	s := newSite(t)
	h, boss := s.PortalHandler(), signIn(t, s, "boss")
	liveSession(t, s, "ivanov") // 192.168.7.30
	access := url.Values{"local_networks": {"192.168.7.0/24"}, "session_hours_lan": {"0,5"}, "session_hours_vpn": {"12"},
		"grace_seconds": {"30"}, "devices_per_user": {"3"}, "device_policy": {"refuse"}, "journal_days": {"30"}, "journal_mb": {"10"}}
	vpn := url.Values{"vpn_network": {"10.200.0.0/16"}, "forward": {"chosen"}, "forward_nets": {"192.168.0.0/16"},
		"dns": {"10.0.0.53"}, "dns_suffix": {"company.local"}, "local_tunnel": {"1"}}
	for _, c := range []struct {
		name, path string
		form       url.Values
		change     map[string]string
		status     int
		says       string
	}{
		{"not a number", "/admin/agent/settings", access, map[string]string{"devices_per_user": "five"}, 400, "Введите число."},
		{"journal too short", "/admin/agent/settings", access, map[string]string{"journal_days": "0"}, 400, "от 1 до 3650"},
		{"journal too small", "/admin/agent/settings", access, map[string]string{"journal_mb": "9"}, 400, "от 10 до 100"},
		{"journal without a number", "/admin/agent/settings", access, map[string]string{"journal_mb": ""}, 400, "Введите число."},
		{"out of range", "/admin/agent/settings", access, map[string]string{"grace_seconds": "99999"}, 400, "от 0 до 3600"},
		{"not a network", "/admin/agent/settings", access, map[string]string{"local_networks": "office"}, 400, "«office» не похоже на сеть"},
		{"somebody no longer fits", "/admin/agent/settings", access, map[string]string{"local_networks": "192.168.8.0/24"}, 200, "1 сессия не подходит"},
		{"saved", "/admin/agent/settings", access, nil, 303, ""},
		{"no network chosen", "/admin/agent/vpn", vpn, map[string]string{"forward_nets": ""}, 400, "Заполните это поле"},
		{"too wide", "/admin/agent/vpn", vpn, map[string]string{"vpn_network": "10.0.0.0/8"}, 400, "с маской от /16 до /30"},
		{"the LAN gets a tunnel", "/admin/agent/vpn", vpn, nil, 200, "1 сессия не подходит"},
		{"saved", "/admin/agent/vpn", vpn, map[string]string{"confirm": "1"}, 303, ""},
	} {
		before := s.Settings.Current()
		body := url.Values{templates.CSRFField: {"token"}}
		for name, values := range c.form {
			body[name] = values
		}
		for name, value := range c.change {
			body.Set(name, value)
		}
		r := httptest.NewRequest("POST", "https://gw.example.test"+c.path, strings.NewReader(body.Encode()))
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		for _, cookie := range boss {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		part := ".question"
		for name := range c.change {
			if c.status == http.StatusBadRequest {
				part = "#" + name + "-note"
			}
		}
		if w.Code != c.status || !says(t, w.Body.String(), part, c.says) {
			t.Errorf("%s: %d without %q", c.name, w.Code, c.says)
		}
		saved := !reflect.DeepEqual(templates.NewSettingsForm(before), templates.NewSettingsForm(s.Settings.Current())) ||
			templates.NewVPNForm(before) != templates.NewVPNForm(s.Settings.Current())
		if saved != (c.status == http.StatusSeeOther) {
			t.Errorf("%s: saved %v", c.name, saved)
		}
	}
	now := s.Settings.Current()
	if now.SessionLAN.Minutes() != 30 || now.DevicePolicy != agent.DeviceRefuse || !now.NetworksSeen || !now.LocalTunnel || now.VPNNetwork.String() != "10.200.0.0/16" {
		t.Errorf("saved: %+v", now)
	}
}
