package web

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// TestInterfaces: all interfaces of this machine are offered but loopback and the tunnel.
func TestInterfaces(t *testing.T) {
	list, err := gateway{tunnelName: "none"}.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		real, err := net.InterfaceByName(i.Name)
		if err != nil || real.Flags&net.FlagLoopback != 0 || real.HardwareAddr.String() != i.MAC {
			t.Errorf("%+v: %v", i, err)
		}
		for _, a := range i.Addrs {
			if !a.IsValid() || a.Addr().Is4In6() || a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() {
				t.Errorf("%s has %v", i.Name, a)
			}
		}
		without, err := gateway{tunnelName: i.Name}.Interfaces()
		if err != nil || len(without) != len(list)-1 {
			t.Errorf("without %s: %d of %d, %v", i.Name, len(without), len(list), err)
		}
	}
}

// TestGatewayState: without a firewall the state does not claim to enforce anything.
func TestGatewayState(t *testing.T) {
	s := agent.DefaultSettings()
	w, err := openFirewall(Config{Data: t.TempDir(), Firewall: firewall.ModeOff, TunnelName: "ideco0"}, func() agent.Settings { return s }, tunnel{}, &listeners{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	g := gateway{firewall: w}
	if got := g.State(); got.Enforcement != agent.EnforcementSwitchedOff || got.Enforces() || g.Preview(s) != "" {
		t.Errorf("nothing chosen: %+v", got)
	}
	s.LANInterfaces, s.WANInterfaces = []string{"lan0"}, []string{"wan0"}
	if got := g.State(); got.Enforces() || !strings.Contains(g.Preview(s), `"lan0"`) {
		t.Errorf("chosen: %+v\n%s", got, g.Preview(s))
	}
	b, err := os.ReadFile(forwarding4)
	if err == nil && g.State().Forwarding4 != (strings.TrimSpace(string(b)) == "1") {
		t.Errorf("forwarding is %s", b)
	}
}

func TestSwitchOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forwarding")
	if isOn(path) {
		t.Error("a missing file counts as on")
	}
	if err := switchOn(path, "1"); err == nil {
		t.Error("switchOn created a missing file")
	}
	if err := os.WriteFile(path, []byte("0\n"), 0o600); err != nil || isOn(path) {
		t.Errorf("0 counts as on, %v", err)
	}
	if err := switchOn(path, "1"); err != nil || !isOn(path) {
		t.Errorf("1 counts as off, %v", err)
	}
}
