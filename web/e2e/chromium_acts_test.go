//go:build browser

package e2e

import (
	"fmt"
	"testing"
)

// TestActsInChromium: the journal of acts shows what an administrator has changed, and its filter selects.
func TestActsInChromium(t *testing.T) {
	g := startGateway(t)
	g.administrator()
	admin := g.rest("boss", adminPassword)
	for i := range 60 {
		admin.user(map[string]any{"login": fmt.Sprintf("user%02d", i), "name": "Константинопольский Владислав"})
	}
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"192.168.7.0/24", "10.20.0.0/16", "10.30.0.0/16"}, "session_hours_vpn": 8, "dns_suffix": []string{"company.local"}, "grace_seconds": 90}, nil)
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("h1", "Обзор")
	b.open("/admin/acts")
	b.sees("tbody", "Создана учётная запись user59")
	b.sees("tbody", "4 поля")
	b.pictures("acts")
	b.click(".acts details summary")
	b.click(".paging a[rel=next]")
	b.sees("tbody", "командная строка")
	b.types("q", "USER07")
	b.click(".search > button")
	b.sees(".count", "1 запись")
	b.pictures("acts-found")
}
