package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
)

// TestSettingsForms: invalid input changes nothing and is shown again with its error; sessions end only after a
// confirmation.
func TestSettingsForms(t *testing.T) {
	a := newAdministration(t)
	s := a.site
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
		{"journal too short", "/admin/agent/settings", access, map[string]string{"journal_days": "0"}, 400, "от 1 до 1826"},
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
		body := url.Values{}
		for name, values := range c.form {
			body[name] = values
		}
		for name, value := range c.change {
			body.Set(name, value)
		}
		w := a.post(c.path, body)
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

// TestAgentTabs: each tab is a page of its own; a refused form answers on its tab, and so does the switch. The tab that a request names is
// one of the list.
func TestAgentTabs(t *testing.T) {
	a := newAdministration(t)
	const open = `.tabs a[aria-current="page"]`
	for tab, title := range map[string]string{"/admin/agent": "Подключение", "/admin/agent/rollout": "Установка на компьютеры", "/admin/agent/access": "Доступ", "/admin/agent/vpn": "VPN"} {
		if !says(t, a.get(tab), open, title) {
			t.Errorf("%s does not open %s", tab, title)
		}
		for _, enabled := range []string{"0", "1"} {
			if at := a.post("/admin/agent/state", url.Values{"enabled": {enabled}, "tab": {tab}, "confirm": {"1"}}).Header().Get("Location"); at != tab {
				t.Errorf("the switch on %s leads to %s", tab, at)
			}
		}
	}
	for _, tab := range []string{"", "//evil.example", "/admin/users", "/admin/agent/"} {
		if at := a.post("/admin/agent/state", url.Values{"enabled": {"1"}, "tab": {tab}}).Header().Get("Location"); at != "/admin/agent" {
			t.Errorf("tab %q leads to %s", tab, at)
		}
	}
	for path, title := range map[string]string{"/admin/agent/domain": "Подключение", "/admin/agent/settings": "Доступ", "/admin/agent/browser": "Доступ", "/admin/agent/vpn": "VPN"} {
		w := a.post(path, url.Values{"auth_domain": {"a b"}, "local_networks": {"office"}, "browser_sign_in_networks": {"office"}, "vpn_network": {"office"}})
		if w.Code != http.StatusBadRequest || !says(t, w.Body.String(), open, title) {
			t.Errorf("%s answers %d, not on %s", path, w.Code, title)
		}
	}
}

// TestDomainPage: replacing the domain asks for confirmation with the number of agents that use it. The page then shows that number
// beside the former domain. Removing a former domain asks for confirmation too.
func TestDomainPage(t *testing.T) {
	a := newAdministration(t)
	s := a.site
	ctx := t.Context()
	for _, device := range []string{"pc", "laptop"} {
		for _, err := range []error{
			s.AgentHosts.(*store.Store).RememberDevice(ctx, 2, device, time.Now()),
			s.AgentHosts.AgentConnected(ctx, 2, device, "xn--g1ah2bza.xn--p1ai", time.Now()),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	const domain, forget = "/admin/agent/domain", "/admin/agent/domain/forget"
	for _, c := range []struct {
		name, path string
		form       url.Values
		status     int
		part, says string
		now        string // domains afterwards
	}{
		{"first", domain, url.Values{"auth_domain": {"шлюз.рф"}}, 303, "", "", "[xn--g1ah2bza.xn--p1ai]"},
		{"the same", domain, url.Values{"auth_domain": {"https://шлюз.рф"}}, 200, ".banner.ok", "Лишнее убрано: https://", "[xn--g1ah2bza.xn--p1ai]"},
		{"no name", domain, url.Values{"auth_domain": {"a b"}}, 400, "#auth_domain-note", "пробелов", "[xn--g1ah2bza.xn--p1ai]"},
		{"in the VPN network", domain, url.Values{"auth_domain": {"10.128.0.5"}}, 400, "#auth_domain-note", "VPN", "[xn--g1ah2bza.xn--p1ai]"}, // no question
		{"asks", domain, url.Values{"auth_domain": {"new.ru"}}, 200, ".question", "По адресу шлюз.рф подключаются 2 агента", "[xn--g1ah2bza.xn--p1ai]"},
		{"root", domain, url.Values{"auth_domain": {"new.ru"}}, 200, ".question", "прежний не действует для new.ru", "[xn--g1ah2bza.xn--p1ai]"},
		{"confirmed", domain, url.Values{"auth_domain": {"new.ru"}, "confirm": {"1"}}, 303, "", "", "[new.ru xn--g1ah2bza.xn--p1ai]"},
		{"nobody", domain, url.Values{"auth_domain": {"permitted.ru"}}, 200, ".question", "По адресу new.ru за последние 30 дней никто не подключался", "[new.ru xn--g1ah2bza.xn--p1ai]"},
		{"counts", domain, url.Values{"auth_domain": {"a b"}}, 400, ".things li:first-child", "шлюз.рфЗа последние 30 дней по этому адресу подключались 2 агента.", "[new.ru xn--g1ah2bza.xn--p1ai]"},
		{"another one", domain, url.Values{"auth_domain": {"permitted.ru"}, "confirm": {"1"}}, 303, "", "", "[permitted.ru new.ru xn--g1ah2bza.xn--p1ai]"},
		{"counts", domain, url.Values{"auth_domain": {"a b"}}, 400, ".things li:first-child", "new.ruЗа последние 30 дней по этому адресу никто не подключался.", "[permitted.ru new.ru xn--g1ah2bza.xn--p1ai]"},
		{"forget asks", forget, url.Values{"name": {"xn--g1ah2bza.xn--p1ai"}}, 200, ".question", "По нему подключаются 2 агента", "[permitted.ru new.ru xn--g1ah2bza.xn--p1ai]"},
		{"forget asks", forget, url.Values{"name": {"new.ru"}}, 200, ".question", "никто не подключался", "[permitted.ru new.ru xn--g1ah2bza.xn--p1ai]"},
		{"forgotten", forget, url.Values{"name": {"xn--g1ah2bza.xn--p1ai"}, "confirm": {"1"}}, 303, "", "", "[permitted.ru new.ru]"},
		{"forgotten already", forget, url.Values{"name": {"xn--g1ah2bza.xn--p1ai"}, "confirm": {"1"}}, 303, "", "", "[permitted.ru new.ru]"},
		{"not a former one", forget, url.Values{"name": {"permitted.ru"}, "confirm": {"1"}}, 303, "", "", "[permitted.ru new.ru]"},
	} {
		w := a.post(c.path, c.form)
		if w.Code != c.status || c.part != "" && !says(t, w.Body.String(), c.part, c.says) {
			t.Errorf("%s: %d without %q", c.name, w.Code, c.says)
		}
		if c.name == "nobody" && says(t, w.Body.String(), ".question", "корневой") {
			t.Error("the root that permits the new domain is to be replaced")
		}
		if now := fmt.Sprint(s.Settings.Current().Domains()); now != c.now {
			t.Errorf("%s: the domains are %s, want %s", c.name, now, c.now)
		}
	}
}

// TestTooManyDomains: the page says at the field why no further domain can be saved.
func TestTooManyDomains(t *testing.T) {
	a := newAdministration(t)
	set := a.site.Settings.(*fixedSettings)
	set.now.Domain = "now.ru"
	for i := range agent.MaxFormerDomains {
		set.now.FormerDomains = append(set.now.FormerDomains, fmt.Sprintf("d%d.ru", i))
	}
	w := a.post("/admin/agent/domain", url.Values{"auth_domain": {"new.ru"}, "confirm": {"1"}})
	if w.Code != 400 || !says(t, w.Body.String(), "#auth_domain-note", "Прежних адресов уже 32") || set.now.Domain != "now.ru" {
		t.Errorf("%d, %s", w.Code, set.now.Domain)
	}
}
