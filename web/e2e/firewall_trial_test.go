//go:build gateway

package e2e

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// TestFirewallTrialRunsOut: an unconfirmed choice is reverted after a minute, or at the next start if the process is killed
// before. The administrator reaches the page from the LAN and on the gateway all the time. A host that the choice puts outside
// the LAN does not reach it until then.
func TestFirewallTrialRunsOut(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"lan_interfaces": []string{}, "wan_interfaces": []string{}})
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		admin, farAdmin, gateway := g.adminBrowser(inOne, one), g.adminBrowser(inFar, far), g.visitor(netip.Addr{})
		for _, v := range []*visitor{admin, farAdmin, gateway} {
			v.signIn("boss", adminPassword)
		}
		try := func(admin *visitor, roles map[string]string) {
			t.Helper()
			admin.open("/admin/gateway")
			admin.submit("/admin/gateway", admin.roles(roles))
			admin.sees(".trial", "Подтвердите настройки, иначе вернутся прежние")
		}
		const returned = "Новые настройки никто не подтвердил, и прежние вернулись"

		try(farAdmin, map[string]string{"lan0": "none", "lan1": "lan", "wan0": "wan"})
		admin.open("/admin/gateway")
		admin.is(http.StatusNotFound)
		farAdmin.submit("/admin/gateway/keep", nil)
		w.refused(t, "confirmed", inFar, far, to)
		try(gateway, map[string]string{"lan0": "lan", "lan1": "none", "wan0": "wan"})
		farAdmin.open("/admin/gateway")
		farAdmin.is(http.StatusNotFound)
		admin.open("/admin/gateway")
		admin.is(http.StatusOK)
		w.refused(t, "on trial", inOne, one, to)
		w.open(t, "not chosen any more", inFar, far, to)
		g.kill(syscall.SIGKILL)
		w.refused(t, "on trial, without a process", inOne, one, to)
		g.begin()
		g.chose("lan1")
		w.open(t, "killed before anybody had confirmed", inOne, one, to)
		w.refused(t, "the former choice is back after the restart", inFar, far, to)
		farAdmin.open("/admin/gateway")
		farAdmin.sees("main > .banner.warn", returned)

		g.admin.must("PUT", settingPath, map[string]any{"lan_interfaces": []string{}, "wan_interfaces": []string{}}, nil)
		w.open(t, "nothing is chosen", inFar, far, to)
		admin.open("/admin/gateway")
		admin.seesNot(returned)
		began := time.Now()
		try(admin, map[string]string{"lan0": "lan", "lan1": "lan", "wan0": "wan"})
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for !admin.says("main > .banner.warn", returned) {
			if time.Since(began) > time.Minute+patience {
				t.Fatalf("after %v the page says\n%s", time.Since(began), admin.text())
			}
			if time.Since(began) < 55*time.Second {
				w.refused(t, "on trial", inOne, one, to)
				w.refused(t, "on trial", inFar, far, to)
			}
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
			admin.open("/admin/gateway")
			if admin.status != 200 || admin.at.Path != "/admin/gateway" {
				t.Fatalf("the administrator came to %s, %d, after %v", admin.at, admin.status, time.Since(began))
			}
		}
		if took := time.Since(began); took < time.Minute {
			t.Errorf("the former settings came back after %v already", took)
		}
		netlab.Eventually(t, "the table goes", func() bool { return !hasTable(t) })
		g.chose()
		w.open(t, "nobody has confirmed", inOne, one, to)
		w.open(t, "nobody has confirmed", inFar, far, to)
		if _, err := os.Stat(filepath.Join(g.data, "firewall.nft")); !os.IsNotExist(err) {
			t.Errorf("the next boot has the rules that went back: %v", err)
		}
	})
}

// is fails the test unless the current page has the status.
func (v *visitor) is(status int) {
	v.t.Helper()
	if v.status != status {
		v.t.Errorf("%s: %d, want %d", v.at, v.status, status)
	}
}

// adminBrowser returns the administrator's browser on a computer of the LAN.
func (g *guarded) adminBrowser(place string, from netip.Addr) *visitor {
	g.t.Helper()
	near := *g.gateway
	near.where.Portal = []string{net.JoinHostPort("10.77.1.1", portalPort)}
	v := near.visitor(netip.Addr{})
	v.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return g.Dial(ctx, place, network, from, address)
	}
	return v
}

// chose fails the test unless these LAN interfaces are saved.
func (g *guarded) chose(want ...string) {
	g.t.Helper()
	var now struct {
		LAN []string `json:"lan_interfaces"`
	}
	g.admin.must("GET", settingPath, nil, &now)
	if !slices.Equal(now.LAN, want) {
		g.t.Errorf("the settings have %q, want %q", now.LAN, want)
	}
}
