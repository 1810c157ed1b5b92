package handlers

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// TestRESTRules: rules are added, changed, refused and deleted by REST. Each step sees the changes of the steps before it.
func TestRESTRules(t *testing.T) {
	a := newAdministration(t)
	c := restClient{t, a.h, a.boss}
	const rules, one = "/auth/rules", "/auth/rules/1"
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		field                    string // of the answer
		value                    any
	}{
		{"nothing", "POST", rules, `{}`, 542, "code", "field_rule_target"},
		{"no account", "POST", rules, `{"ip":"192.168.7.50"}`, 542, "code", "field_rule_user"},
		{"the vendor's fields", "POST", rules, `{"enabled":true,"ip":" 192.168.7.50","mac":null,"user_id":2,"always_logged":false,"comment":" c "}`, 200, "id", "1"},
		{"address", "PATCH", one, `{}`, 200, "ip", "192.168.7.50"},
		{"no MAC", "PATCH", one, `{}`, 200, "mac", nil},
		{"number of the account", "PATCH", one, `{}`, 200, "user_id", 2.0},
		{"clean comment", "PATCH", one, `{}`, 200, "comment", "c"},
		{"another spelling of the MAC", "PATCH", one, `{"mac":"00-1B-63-84-45-E6"}`, 200, "mac", "00:1b:63:84:45:e6"},
		{"always", "PATCH", one, `{"always_logged":true}`, 200, "always_logged", true},
		{"always without an address", "PATCH", one, `{"ip":null}`, 542, "code", "field_rule_always"},
		{"nothing was saved", "PATCH", one, `{}`, 200, "ip", "192.168.7.50"},
		{"MAC alone", "PATCH", one, `{"ip":null,"always_logged":false}`, 200, "ip", nil},
		{"neither", "PATCH", one, `{"mac":null}`, 542, "code", "field_rule_target"},
		{"off", "PATCH", one, `{"enabled":false}`, 200, "enabled", false},
		{"its answer sent back", "PATCH", one, `{"id":"1","enabled":true,"ip":"192.168.7.50","mac":null,"user_id":2,"always_logged":false,"comment":""}`, 200, "enabled", true},
		{"the same address", "POST", rules, `{"ip":"::ffff:192.168.7.50","user_id":1}`, 542, "message", "Для этого адреса уже есть правило у учётной записи ivanov. Измените или удалите его."},
		{"a new one is on, its account is text", "POST", rules, `{"mac":"00:1b:63:84:45:e7","user_id":"2"}`, 200, "id", "2"},
		{"on", "PATCH", rules + "/2", `{}`, 200, "enabled", true},
		{"the same MAC", "POST", rules, `{"mac":"001b638445e7","user_id":1}`, 542, "code", "field_rule_mac_taken"},
		{"not local", "POST", rules, `{"ip":"8.8.8.8","user_id":2}`, 542, "code", "field_rule_address"},
		{"of the VPN", "POST", rules, `{"ip":"10.128.0.9","user_id":2}`, 542, "code", "field_rule_address"},
		{"no address", "POST", rules, `{"ip":"printer","user_id":2}`, 542, "code", "field_address"},
		{"a number for an address", "POST", rules, `{"ip":5,"user_id":2}`, 542, "code", "bad_request"},
		{"no MAC at all", "POST", rules, `{"mac":"ff:ff:ff:ff:ff:ff","user_id":2}`, 542, "code", "field_mac"},
		{"no such account", "POST", rules, `{"ip":"192.168.7.51","user_id":99}`, 542, "code", "field_rule_user"},
		{"a word for an account", "POST", rules, `{"ip":"192.168.7.51","user_id":"ivanov"}`, 542, "code", "field_rule_user"},
		{"null for an account", "PATCH", one, `{"user_id":null}`, 542, "code", "field_required"},
		{"long comment", "PATCH", one, `{"comment":"` + strings.Repeat("я", 256) + `"}`, 542, "code", "field_too_long"},
		{"misspelt", "PATCH", one, `{"alwais":true}`, 542, "code", "bad_request"},
		{"no such rule", "PATCH", rules + "/99", `{}`, 404, "code", "not_found"},
		{"no id", "PATCH", rules + "/01", `{}`, 404, "code", "not_found"},
		{"to another account", "PATCH", one, `{"user_id":1}`, 200, "user_id", 1.0},
		{"delete", "DELETE", one, "", 200, "", nil},
		{"delete again", "DELETE", one, "", 404, "code", "not_found"},
		{"an id is never used again", "POST", rules, `{"ip":"192.168.7.50","user_id":2}`, 200, "id", "3"},
	} {
		status, answer := c.call(step.method, step.path, step.body)
		if status != step.status || step.field != "" && fmt.Sprint(answer[step.field]) != fmt.Sprint(step.value) {
			t.Errorf("%s: %d %v, want %d with %s %v", step.name, status, answer, step.status, step.field, step.value)
		}
	}
}

// ivanovPath is the path of the account ivanov's page.
const ivanovPath = "/admin/users/2"

// TestUserRules: an administrator adds, switches and deletes the rules of an account on its page.
func TestUserRules(t *testing.T) {
	a := newAdministration(t)
	if !says(t, a.get(ivanovPath), "#rules p", "Правил нет.") {
		t.Error("an empty list says nothing")
	}
	body := a.wants(a.post(ivanovPath+"/rules", url.Values{"rule_ip": {"8.8.8.8"}, "rule_mac": {"x"}, "rule_comment": {"Принтер"}}), http.StatusBadRequest)
	for field, text := range map[string]string{"#rule_mac-note": "«x» не похоже на MAC-адрес", "#rule_ip-note": "8.8.8.8 — не адрес компьютера в локальной сети"} {
		if !says(t, body, field, text) {
			t.Errorf("%s does not say %q", field, text)
		}
	}
	_, open := goqueryFind(t, body, "#rules details.unfold").Attr("open")
	if comment := goqueryFind(t, body, "#rule_comment").AttrOr("value", ""); !open || comment != "Принтер" {
		t.Errorf("after an error the form is open: %t, with %q", open, comment)
	}
	if goqueryFind(t, body, "#login").AttrOr("value", "") != "ivanov" {
		t.Error("the account's own form is empty")
	}
	w := a.post(ivanovPath+"/rules", url.Values{"rule_ip": {"192.168.7.50"}, "rule_always": {"1"}, "rule_comment": {"<b>Принтер</b>"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != ivanovPath+"#rules" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	a.wants(a.post(ivanovPath+"/rules", url.Values{"rule_mac": {"00-1B-63-84-45-E6"}}), http.StatusSeeOther)
	body = a.get(ivanovPath)
	for _, text := range []string{"192.168.7.50", "любое устройство с этим адресом", "всегда", "<b>Принтер</b>", "00:1b:63:84:45:e6", "с любым адресом", "Ждёт устройство"} {
		if !says(t, body, "#rules li", text) {
			t.Errorf("the list does not say %q", text)
		}
	}
	if says(t, a.get("/admin/users/1"), "#rules li", "192.168.7.50") {
		t.Error("the rule is on the page of another account")
	}
	enabled := func() bool {
		rules, err := a.site.AuthRules.AuthRules(t.Context())
		if err != nil || len(rules) != 2 || !rules[0].Always {
			t.Fatalf("%+v, %v", rules, err)
		}
		return rules[0].Enabled
	}
	for _, on := range []bool{false, true} {
		a.wants(a.post(ivanovPath+"/rules/1/state", url.Values{"enabled": {map[bool]string{false: "0", true: "1"}[on]}}), http.StatusSeeOther)
		if enabled() != on {
			t.Errorf("enabled: %t instead of %t", !on, on)
		}
	}
	for _, path := range []string{"/admin/users/1/rules/1/", ivanovPath + "/rules/01/", ivanovPath + "/rules/9/", "/admin/users/9/rules/1/"} {
		a.wants(a.post(path+"state", url.Values{"enabled": {"0"}}), http.StatusNotFound)
		a.wants(a.post(path+"delete", url.Values{"confirm": {"1"}}), http.StatusNotFound)
	}
	a.wants(a.post(ivanovPath+"/rules/1/delete", nil), http.StatusOK, "Удалить правило 192.168.7.50?", "Сейчас по нему никто не работает.")
	if !enabled() {
		t.Error("changed without confirmation")
	}
	a.wants(a.post(ivanovPath+"/rules/1/delete", url.Values{"confirm": {"1"}}), http.StatusSeeOther)
	if says(t, a.get(ivanovPath), "#rules li", "192.168.7.50") {
		t.Error("the deleted rule is still there")
	}
}

// TestUserRuleStates: the page says what each rule does now.
func TestUserRuleStates(t *testing.T) {
	a := newAdministration(t)
	ctx := t.Context()
	const printer, mac = "192.168.7.30", "00:1b:63:84:45:e6"
	for _, r := range []agent.AuthRule{{Address: netip.MustParseAddr(printer)}, {MAC: mac}} {
		r.Enabled, r.UserID = true, 2
		if _, err := a.site.AuthRules.AddAuthRule(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	state := func(n int, want string) {
		t.Helper()
		got := goqueryFind(t, a.get(ivanovPath), fmt.Sprintf("#rules li:nth-child(%d) .state", n)).Text()
		if strings.TrimSpace(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	state(1, "Ждёт устройство")
	static := func(a string, mac string) access.StaticSession {
		return access.StaticSession{User: 2, Address: netip.MustParseAddr(a), MAC: mac}
	}
	a.site.Sessions.SetStatic(ctx, []access.StaticSession{static(printer, ""), static("192.168.7.51", mac), static("192.168.7.52", mac)})
	state(1, "Доступ открыт")
	state(2, "Доступ открыт")
	if !says(t, a.get(ivanovPath), "#rules li:nth-child(2)", "192.168.7.52") {
		t.Error("the addresses of the MAC are not shown")
	}
	a.wants(a.post(ivanovPath+"/rules/1/delete", nil), http.StatusOK, "Он закроется сразу.")

	liveSession(t, a.site, "ivanov") // at the printer's address
	state(1, "Выполнен вход")
	a.site.Sessions.EndUser(ctx, 2, agent.ReasonAdmin)
	a.site.Sessions.SetStatic(ctx, nil)
	liveSession(t, a.site, "off")
	state(1, "Адрес занят: off")
	a.wants(a.post(ivanovPath+"/rules/1/state", url.Values{"enabled": {"0"}}), http.StatusSeeOther)
	state(1, "Выключено")
	if _, err := a.site.Accounts.UpdateUser(ctx, 2, func(u *agent.User) error { u.Enabled = false; return nil }); err != nil {
		t.Fatal(err)
	}
	state(2, "Учётная запись отключена")
}
