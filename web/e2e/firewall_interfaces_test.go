//go:build gateway

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ideco-agent/agent/netlab"
)

// TestFirewallUnusableInterfaces: an interface whose name no forwarded packet carries is refused with the reason.
func TestFirewallUnusableInterfaces(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		netlab.Run(t, "ip", "link", "add", "br9", "type", "bridge")
		netlab.Run(t, "ip", "link", "add", "d9", "type", "veth", "peer", "name", "d9peer")
		netlab.Run(t, "ip", "link", "set", "d9", "master", "br9")
		for name, says := range map[string]string{"lo": "только на сам шлюз", "d9": "br9"} {
			status, answer := g.admin.call("PUT", settingPath, map[string]any{"lan_interfaces": []string{name}})
			if status != 542 || !strings.Contains(string(answer), says) {
				t.Errorf("%s: %d %s", name, status, answer)
			}
		}
		g.set("lan_interfaces", []string{"br9"}) // the bridge itself
	})
}

// TestFirewallPortLater: when a LAN interface becomes a port of a bridge, its hosts pass without a session. The page, the log
// and /healthz report it, also after a restart, until the bridge is chosen.
func TestFirewallPortLater(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		world := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		g := w.guard(t, nil)
		w.refused(t, "before", inOne, one, world)
		admin := g.visitor(netip.Addr{})
		admin.signIn("boss", adminPassword)
		health := func(want int) {
			t.Helper()
			netlab.Eventually(t, fmt.Sprint("/healthz answers ", want), func() bool {
				admin.open("/healthz")
				return admin.status == want
			})
		}
		const replaced = "Пакеты выбранных интерфейсов идут под именем другого, который назван в скобках: lan0 (br0)"
		health(http.StatusOK)
		for _, command := range []string{"link add br0 type bridge", "link set lan0 master br0", "link set br0 up", "addr del 10.77.1.1/24 dev lan0", "addr add 10.77.1.1/24 dev br0"} {
			w.IP(t, "gw", strings.Fields(command)...)
		}
		health(http.StatusServiceUnavailable)
		w.open(t, "the port is not filtered", inOne, one, world) // why it has to be reported
		admin.open("/admin/gateway")
		admin.sees("#state", replaced)
		admin.sees(".port-hint", "Входит в br0")
		for _, want := range []string{"are not filtered; choose that one", "carry another name and are not filtered: lan0 (br0)"} {
			if !strings.Contains(g.log.String(), want) {
				t.Errorf("not in the log: %s", want)
			}
		}

		g.kill(syscall.SIGTERM)
		g.begin()
		health(http.StatusServiceUnavailable)
		g.set("lan_interfaces", []string{"br0", "lan1"})
		health(http.StatusOK)
		w.refused(t, "the bridge is chosen", inOne, one, world)
		admin.open("/admin/gateway")
		admin.seesNot(replaced)
	})
}

// TestFirewallSecondProvider: at the first start the networks of both providers are outside, although each has its default route
// in a routing table of its own, and their hosts reach no administration.
func TestFirewallSecondProvider(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		w.IP(t, "gw", "route", "del", "default")
		w.IP(t, "gw", "-6", "route", "del", "default")
		for _, half := range []string{"0.0.0.0/1", "128.0.0.0/1"} {
			w.IP(t, "gw", "route", "add", half, "via", "192.168.100.1", "table", "100")
		}
		w.IP(t, "gw", "route", "add", "default", "via", far.String(), "dev", "lan1", "table", "200") // lan1 is the second one's here
		w.IP(t, "gw", "rule", "add", "from", "192.168.100.2", "lookup", "100")
		g := &guarded{lab: w, gateway: &gateway{t: t, data: filepath.Join(t.TempDir(), "data"), flags: []string{"--tunnel", "off", "--firewall", "off"}}}
		g.begin()
		t.Cleanup(func() { g.kill(syscall.SIGTERM) })
		g.admin = g.administrator()
		var found struct {
			LocalNetworks []string `json:"local_networks"`
		}
		g.admin.must("GET", settingPath, nil, &found)
		if want := []string{"127.0.0.0/8", "::1/128", lanOne, "fd77:1::/64"}; !slices.Equal(found.LocalNetworks, want) {
			t.Errorf("local networks: %v, want %v", found.LocalNetworks, want)
		}
		trust := &tls.Config{RootCAs: g.roots()}
		for _, c := range []struct {
			place  string
			from   netip.Addr
			to     string
			inside bool
		}{{inOne, one, "10.77.1.1", true}, {inFar, far, "10.77.3.1", false}, {inRouter, netip.MustParseAddr("192.168.100.1"), "192.168.100.2", false}} {
			status, _, err := w.fetch(c.place, c.from, "https://"+c.to+":"+portalPort+"/admin/agent", trust)
			if err != nil || (status == http.StatusNotFound) == c.inside {
				t.Errorf("administration from %s: %d, %v", c.place, status, err)
			}
		}
	})
}
