//go:build browser

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSystemInChromium: the page shows the services, their ports and what went wrong last.
func TestSystemInChromium(t *testing.T) {
	m := newServiceManager(t)
	g := startService(t, m)
	g.administrator()
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("h1", "Обзор")
	b.open("/admin/system")
	b.sees(".service-names", "ideco-agent-websocket")
	b.sees("#system-ports ~ .table", g.where.Portal[0])
	b.sees("#system-records ~ p", "не было ни ошибок, ни предупреждений")
	b.pictures("system-new")

	if err := os.WriteFile(filepath.Join(g.data, "root.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.waits("the last reload failed")
	b.open("/admin/system")
	b.sees("#system-records ~ .table", "root.pem is damaged")
	b.sees(".service-names", "Работает")
	b.pictures("system")
	b.click(`form[action="/language"] button`)
	b.sees("h1", "System")
	b.pictures("system-en")
}
