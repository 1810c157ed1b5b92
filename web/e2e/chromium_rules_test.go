//go:build browser

package e2e

import "testing"

// TestRulesInChromium adds a rule on an account's page, switches it and deletes it.
func TestRulesInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)
	admin := g.rest("boss", adminPassword)
	admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"127.0.0.0/8", "192.168.7.0/24"}}, nil)
	admin.user(map[string]any{"login": "printers", "name": "Принтеры второго этажа"})

	b.open("/admin/users/2")
	b.sees("#rules", "Правил нет.")
	b.click("#rules details.unfold summary")
	b.types("rule_ip", "8.8.8.8")
	b.types("rule_mac", "printer")
	b.click("#rules details.unfold button")
	b.sees("#rule_mac-note", "не похоже на MAC-адрес")
	b.pictures("rules-mistakes")

	admin.must("POST", "/auth/rules", map[string]any{"ip": "192.168.7.50", "user_id": 2, "comment": "Бухгалтерия, у окна"}, nil)
	admin.must("POST", "/auth/rules", map[string]any{"mac": "00:1b:63:84:45:e6", "user_id": 2, "comment": "Склад", "enabled": false}, nil)
	admin.must("POST", "/auth/rules", map[string]any{"ip": "192.168.7.52", "mac": "00:1b:63:84:45:e7", "always_logged": true, "user_id": 2}, nil)
	b.open("/admin/users/2")
	b.click("#rules details.unfold summary")
	b.types("rule_ip", "192.168.7.53")
	b.click("#rules details.unfold button")
	b.sees(".toast", "Правило добавлено")
	b.sees("#rules li:nth-child(4)", "192.168.7.53")
	b.pictures("rules")
	b.click("#rules li:nth-child(4) .row form:first-child button")
	b.sees("#rules li:nth-child(4) .state", "Выключено")
	b.click("#rules li:nth-child(4) .hurt")
	b.sees("h1", "Удалить правило 192.168.7.53?")
	b.pictures("rules-delete")
	b.click("main .danger")
	b.sees(".toast", "Правило удалено")
}
