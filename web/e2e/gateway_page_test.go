package e2e

import (
	"net/netip"
	"syscall"
	"testing"
)

// TestGatewayOnTrial: a choice on the page «Шлюз» is in force at once. If the process is killed before it is confirmed, the
// former settings are back after the restart; a confirmed choice stays.
func TestGatewayOnTrial(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	rest := g.administrator()
	const setting = "/agent_backend/wireguard/setting"
	rest.must("PUT", setting, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
	admin := g.visitor(netip.Addr{})
	admin.signIn("boss", adminPassword)
	open := func() string {
		t.Helper()
		var now struct {
			Open []string `json:"open_before_login"`
		}
		rest.must("GET", setting, nil, &now)
		if len(now.Open) != 1 {
			return ""
		}
		return now.Open[0]
	}
	try := func(address string) {
		t.Helper()
		admin.open("/admin/gateway")
		admin.submit("/admin/gateway", map[string]string{"open_before_login": address})
		admin.sees(".trial", "Подтвердите настройки, иначе вернутся прежние")
		if open() != address {
			t.Errorf("in force is %q, chosen was %q", open(), address)
		}
	}

	try("192.0.2.53")
	admin.submit("/admin/gateway/keep", nil)
	admin.sees(".toast", "Настройки подтверждены")

	try("192.0.2.54")
	g.kill(syscall.SIGKILL)
	g.startAgain()
	if open() != "192.0.2.53" {
		t.Errorf("after a restart %q is in force", open())
	}
	admin.open("/admin/gateway")
	admin.sees("main > .banner.warn", "Новые настройки никто не подтвердил, и прежние вернулись")

	try("192.0.2.55")
	admin.submit("/admin/gateway/return", nil)
	admin.sees(".toast", "Прежние настройки вернулись")
	if open() != "192.0.2.53" {
		t.Errorf("after the return %q is in force", open())
	}
}
