package handlers

import (
	"net/http"
	"strings"
	"testing"
)

// TestBadJSON: what is wrong with a body is said in words, under the name of the field, without the words of a Go program.
func TestBadJSON(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	const setting, user = "/agent_backend/wireguard/setting", "/user_backend/users/2"
	for _, step := range []struct{ path, body, field, want string }{
		{setting, `{"devices_per_user":"five"}`, "devices_per_user", "нужно целое число без кавычек"},
		{setting, `{"devices_per_user":2.5}`, "devices_per_user", "нужно целое число"},
		{setting, `{"devices_per_user":1e400}`, "devices_per_user", "нужно целое число"},
		{setting, `{"session_hours_vpn":"8"}`, "session_hours_vpn", "нужно число без кавычек"},
		{setting, `{"masquerade":"yes"}`, "masquerade", "true или false"},
		{setting, `{"dns":"10.0.0.53"}`, "dns", "список в квадратных скобках"},
		{setting, `{"dns":[10]}`, "dns", "текст в кавычках"},
		{setting, `{"auth_domain":5}`, "auth_domain", "текст в кавычках"},
		{setting, `{"vpn_network":{}}`, "vpn_network", "текст в кавычках"},
		{setting, `{"device_policy":1}`, "device_policy", "текст в кавычках"},
		{setting, `{"auth_domian":"gw.ru"}`, "auth_domian", "Поля «auth_domian» здесь нет"},
		{setting, `{"<b>":1}`, "<b>", "Поля «<b>» здесь нет"},
		{"/agent_backend/wireguard/state", `{"enabled":"yes"}`, "enabled", "true или false"},
		{"/agent_backend/wireguard/state", `{"enable":true}`, "enable", "Поля «enable» здесь нет"},
		{user, `{"login":7}`, "login", "текст в кавычках"},
		{user, `{"remote_access":1}`, "remote_access", "true или false"},
		{"/user_backend/change_password/2", `{"psw":12345678}`, "psw", "текст в кавычках"},
		{setting, ``, "", "пустым"},
		{setting, ` `, "", "пустым"},
		{setting, `[]`, "", "объект JSON"},
		{setting, `null`, "", "объект JSON"},
		{setting, `"text"`, "", "объект JSON"},
		{setting, `{"имя":}`, "", "около знака 8"},
		{setting, `{"a":1`, "", "около знака 6"},
		{setting, `auth_domain=x`, "", "около знака 1"},
		{setting, `{}{}`, "", "около знака 3"},
	} {
		status, answer := c.call("PUT", step.path, step.body)
		message, _ := answer["message"].(string)
		want := http.StatusBadRequest
		if step.field != "" {
			want = statusNotAccepted
		}
		if status != want || answer["code"] != "bad_request" || !strings.Contains(message, step.want) {
			t.Errorf("%s: %d %v, want %q", step.body, status, answer, step.want)
		}
		fields, _ := answer["fields"].(map[string]any)
		if step.field == "" && fields != nil || step.field != "" && fields[step.field] != message {
			t.Errorf("%s: fields %v", step.body, fields)
		}
		for _, word := range []string{"json:", "Go ", "unmarshal", "invalid character", "{{"} {
			if strings.Contains(message, word) {
				t.Errorf("%s: %q", step.body, message)
			}
		}
	}
	if status, answer := c.call("PUT", setting, "\xef\xbb\xbf{\"devices_per_user\":3}"); status != http.StatusOK {
		t.Errorf("after a byte-order mark: %d %v", status, answer)
	}
}
