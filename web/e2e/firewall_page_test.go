//go:build gateway

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// TestFirewallPage: the administrator chooses the interfaces, previews the rules, and the choice is reverted unless it is
// confirmed. The page warns if the rules cannot be saved for the next boot.
func TestFirewallPage(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		const forwarding = "/proc/sys/net/ipv4/ip_forward"
		if err := os.WriteFile(forwarding, []byte("0"), 0o644); err != nil {
			t.Fatal(err)
		}
		g := w.guard(t, map[string]any{"lan_interfaces": []string{}, "wan_interfaces": []string{}})
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		admin := g.visitor(netip.Addr{})
		admin.signIn("boss", adminPassword)
		admin.open("/admin/gateway")
		admin.submit("/admin/gateway/forwarding", nil)
		if b, err := os.ReadFile(forwarding); err != nil || strings.TrimSpace(string(b)) != "1" {
			t.Errorf("forwarding is %q, %v", b, err)
		}
		w.open(t, "nothing is chosen", inOne, one, to)

		choose := func() {
			t.Helper()
			admin.open("/admin/gateway")
			admin.submit("/admin/gateway", admin.roles(map[string]string{"lan0": "lan", "lan1": "lan", "wan0": "wan"}))
			admin.sees(".trial", "Подтвердите настройки, иначе вернутся прежние")
			w.refused(t, "chosen on trial", inOne, one, to)
		}
		choose()
		admin.sees("#preview pre", strings.Join(strings.Fields(netlab.Run(t, "nft", "list", ourTable)), " "))
		admin.submit("/admin/gateway/return", nil)
		admin.sees(".toast", "Прежние настройки вернулись")
		w.open(t, "returned", inOne, one, to)

		choose()
		g.kill(syscall.SIGKILL)
		if err := os.WriteFile(forwarding, []byte("0"), 0o644); err != nil { // as after a boot
			t.Fatal(err)
		}
		g.begin()
		w.open(t, "nobody had confirmed", inOne, one, to)
		if hasTable(t) {
			t.Error("the table of a choice that nobody confirmed outlived the process")
		}

		choose()
		admin.submit("/admin/gateway/keep", nil)
		admin.sees(".toast", "Настройки подтверждены")
		w.refused(t, "confirmed", inOne, one, to)

		const open = "Правила для загрузки не записаны"
		file := filepath.Join(g.data, "firewall.nft")
		if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "in the way"), 0o700)); err != nil {
			t.Fatal(err)
		}
		g.set("open_before_login", []string{server2.String()})
		admin.open("/admin/gateway")
		admin.sees("#state", open)
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		netlab.Eventually(t, "the rules are written by themselves", func() bool {
			admin.open("/admin/gateway")
			return !strings.Contains(admin.text(), open)
		})
		if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), server2.String()) {
			t.Errorf("the next boot has %s, %v", b, err)
		}
	})
}

// roles returns the form's fields for the roles of interfaces.
func (v *visitor) roles(of map[string]string) map[string]string {
	v.t.Helper()
	typed := map[string]string{}
	v.page.Find(`input[name="interface"]`).Each(func(i int, field *goquery.Selection) {
		if role := of[field.AttrOr("value", "")]; role != "" {
			typed[fmt.Sprint("role_", i)] = role
		}
	})
	if len(typed) != len(of) {
		v.t.Fatalf("the page has %v for %v", typed, of)
	}
	return typed
}

// TestFirewallWithoutRights: with --firewall nftables a missing right is an error; otherwise the page warns.
func TestFirewallWithoutRights(t *testing.T) {
	inLab(t, func(t *testing.T, _ lab) {
		needs.Program(t, "setpriv", "util-linux")
		powerless := filepath.Join(t.TempDir(), "ideco-portal")
		script := fmt.Sprintf("#!/bin/sh\nexec setpriv --inh-caps=-all --bounding-set=-all %s \"$@\"\n", portalProgram)
		if err := os.WriteFile(powerless, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), powerless, "--data", filepath.Join(t.TempDir(), "data"), "serve", "--tunnel", "off", "--firewall", "nftables",
			"--portal-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "CAP_NET_ADMIN") {
			t.Errorf("started without rights: %v\n%s", err, out)
		}

		portalProgram = powerless // in this process, which runs this test alone
		g := startGateway(t, "--tunnel", "off", "--firewall", "auto")
		g.administrator().must("PUT", settingPath, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
		admin := g.visitor(netip.Addr{})
		admin.signIn("boss", adminPassword)
		admin.open("/admin/gateway")
		admin.sees("#state .conditions", "Запустите его с правом CAP_NET_ADMIN")
		if !strings.Contains(g.log.String(), "there is no firewall") || hasTable(t) {
			t.Errorf("the log does not warn, or there is a table:\n%s", g.log)
		}
	})
}
