//go:build wine

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// keepsTrust tests that the service keeps what the gateway tells by the message trust, uses it after a restart, and drops it when the
// installer's pin changes. It starts the service and stops it again.
func (p *winePrefix) keepsTrust(t *testing.T) {
	t.Helper()
	root, next, stranger := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	var served atomic.Pointer[gatewaytest.Root]
	served.Store(root)
	g := gatewaytest.StartRoots(t, served.Load, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if served.Load() == root {
			c.Send(root.Trust(t, "gw.example.test", next)) // a name that does not resolve
		}
		if c.Authorize() == nil {
			return // a probe
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1"})
		c.Wait()
	})
	preset := func(pin string) {
		p.must("reg", "add", gatewayKey, "/v", "UtmAddress", "/d", net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port))), "/f")
		p.must("reg", "add", gatewayKey, "/v", "UtmPin", "/d", pin, "/f")
	}
	preset(root.Pin())
	file := filepath.Join(filepath.Dir(p.path(installedProgram)), "service", "trust")

	p.must("sc", "start", "IdecoAgent")
	w := p.window()
	w.logsIn("remote", userPassword)
	w.state("authorized", "yours")
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), next.Pin()) || !strings.Contains(string(b), "gw.example.test") {
		t.Errorf("the service keeps %s, %v", b, err)
	}
	p.must("sc", "stop", "IdecoAgent")
	w.problem("service_stopped")

	served.Store(next)
	p.must("sc", "start", "IdecoAgent")
	w.waits("the service", func(v windowStatus) bool { return v.Problem == nil && v.State == "resting" })
	w.logsIn("remote", userPassword)
	w.state("authorized", "yours")
	w.does(map[string]string{"do": "logout"})
	w.state("ended", "free")

	served.Store(stranger)
	w.logsIn("remote", userPassword)
	if v := w.state("error", "free"); v.Code != "not_trusted" || !strings.Contains(v.Message, "изменился, и шлюз об этом не предупреждал") {
		t.Errorf("a root that was not announced: %+v", v)
	}

	preset(stranger.Pin())
	w.logsIn("remote", userPassword)
	w.state("authorized", "yours")
	preset(next.Pin()) // not the pin with which the rest was learned
	w.does(map[string]string{"do": "logout"})
	w.state("ended", "free")
	served.Store(root)
	w.logsIn("remote", userPassword)
	if v := w.state("error", "free"); v.Code != "not_trusted" {
		t.Errorf("another pin of the installer uses what was learned with the former one: %+v", v)
	}
	w.kill()
	p.must("sc", "stop", "IdecoAgent")
}
