package e2e

import (
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

// TestShutdownIsBounded: the gateway stops within ten seconds, also with a silent agent and a stalled download.
func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": "gw.example.test"}, nil)
	admin.user(map[string]any{"login": "ivanov"})

	agent := g.agent("ivanov", userPassword, "one")
	agent.waits("authorized")
	agent.signal(syscall.SIGSTOP)
	defer agent.signal(syscall.SIGCONT)

	// The system chooses the source address. An agent endpoint serves the installer.
	response, err := g.client(netip.Addr{}).Get("https://" + g.where.Agents[0] + "/IdecoAgent.msi")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() // the body is not read
	if response.StatusCode != http.StatusOK {
		needs.Skip(t, "this build has no installer (make build, with wixl and msitools installed)")
	}

	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.done:
	case <-time.After(15 * time.Second): // ten, and some for a busy machine
		t.Error("the gateway does not stop")
	}
}
