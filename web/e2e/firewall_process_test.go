//go:build gateway

package e2e

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// TestFirewallRestart: a restart within the timeout interrupts nobody.
func TestFirewallRestart(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		running := w.Download(t, "the download", inOne, one, w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced))
		before := g.admin.sessions()[0].ID
		six := w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Paced)
		netlab.Eventually(t, "IPv6 is open after login", func() bool {
			word, _ := w.Hears(inOne, one6, six, netlab.Silence)
			return word != ""
		})
		sixth := w.Download(t, "the download over IPv6", inOne, one6, six)
		for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			g.kill(s)
			running.Runs(t)
			sixth.Runs(t)
			g.begin()
			agent.waits("reconnecting")
			agent.waits("authorized")
		}
		waitUntil(t, time.Now().Add(12*time.Second)) // longer than the timeout of elements
		for _, d := range []*netlab.Download{running, sixth} {
			d.Runs(t)
			if gap := d.Gap(); gap > cutWithin {
				t.Errorf("%s paused for %v", d, gap)
			}
		}
		if now := g.admin.sessions(); len(now) != 1 || now[0].ID != before {
			t.Errorf("sessions after the restarts: %+v, before it was %s", now, before)
		}
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		stops(t, running, time.Now(), cutWithin)
		stops(t, sixth, time.Now(), cutWithin)
	})
}

// TestFirewallEndWhileLocked: while another program has locked the database, packets stop when a session is ended, and a
// process that starts after kill -9 does not let it back in.
func TestFirewallEndWhileLocked(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		running := w.Download(t, "the download", inOne, one, to)
		unlock := lock(t, filepath.Join(g.data, "ideco.db"))
		began := time.Now()
		g.admin.must("DELETE", sessionsPath+g.admin.sessions()[0].ID, nil, nil)
		stops(t, running, began, cutWithin)
		agent.exits(5)
		g.kill(syscall.SIGKILL)
		g.begin()
		w.refused(t, "after kill -9", inOne, one, to)
		unlock()
		g.admin = g.rest("boss", adminPassword)
		if list := g.admin.sessions(); len(list) > 0 {
			t.Errorf("back are %+v", list)
		}
		netlab.Eventually(t, "the gateway lets people in again", func() bool {
			status, _ := g.admin.call("GET", "/healthz", nil)
			return status == 200
		})
		g.loggedIn(inOne, "anna")
		w.open(t, "logged in again", inOne, one, to)
	})
}

// TestFirewallDies: when the process dies, access ends after the timeout. After the next boot nobody passes until it runs.
func TestFirewallDies(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		g.person("boris")
		gone := g.loggedIn(inTwo, "boris")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		running := w.Download(t, "the download", inOne, one, to)
		g.kill(syscall.SIGKILL)
		gone.signal(syscall.SIGKILL)
		died := time.Now()
		waitUntil(t, died.Add(4*time.Second)) // elements are refreshed after a third of their timeout
		running.Runs(t)
		stops(t, running, died, 10*time.Second+cutWithin)
		w.refused(t, "without a process", inOne, one, to)
		neighbor := w.Serve(t, inFar, netip.AddrPortFrom(far, 0), netlab.Says("neighbor"))
		w.open(t, "LAN to LAN without a process", inOne, one, neighbor)

		netlab.Run(t, "nft", "delete", "table", "inet", "ideco_agent")
		w.open(t, "without a table", inOne, one, to)
		netlab.Run(t, "nft", "-f", filepath.Join(g.data, "firewall.nft"))
		w.refused(t, "at the next boot", inOne, one, to)
		w.open(t, "LAN to LAN at the next boot", inOne, one, neighbor)
		g.begin()
		agent.waits("reconnecting")
		agent.waits("authorized")
		w.open(t, "the agent has come back", inOne, one, to)
		w.refused(t, "the agent has not come back, and the address may be another's by now", inTwo, two, to)
	})
}

// TestFirewallSwitches: with the agent off nobody passes; without chosen interfaces or without a firewall there are no rules.
func TestFirewallSwitches(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		running := w.Download(t, "the download", inOne, one, to)
		g.admin.must("PUT", statePath, map[string]bool{"enabled": false}, nil)
		stops(t, running, time.Now(), cutWithin)
		agent.exits(5)
		if !hasTable(t) {
			t.Error("the table went with the agent")
		}
		w.refused(t, "the agent is off", inOne, one, to)
		refused := g.agentIn(g.Name(inOne), "anna", userPassword, "refused")
		if e := refused.waits("error"); e.Code != "agent_disabled" {
			t.Errorf("the agent is off: %+v", e)
		}

		g.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
		g.loggedIn(inOne, "anna")
		w.open(t, "the agent is on again", inOne, one, to)
		if out, err := g.command("firewall", "clear"); err == nil || !strings.Contains(out, "/admin/gateway") && !strings.Contains(out, "Шлюз") {
			t.Errorf("clear while the gateway runs: %v\n%s", err, out)
		}
		if !hasTable(t) {
			t.Error("clear took the table of a running gateway")
		}

		g.admin.must("PUT", settingPath, map[string]any{"lan_interfaces": []string{}, "wan_interfaces": []string{}}, nil)
		if hasTable(t) {
			t.Error("the table outlived its interfaces")
		}
		w.open(t, "no interface is chosen", inTwo, two, to)
		g.admin.must("PUT", settingPath, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
		w.refused(t, "chosen again", inTwo, two, to)
		w.open(t, "a session that was there all the time", inOne, one, to)

		g.kill(syscall.SIGTERM)
		w.refused(t, "the process has ended", inTwo, two, to)
		g.flags = []string{"--tunnel", "off", "--firewall", "off"}
		g.begin()
		w.open(t, "started without a firewall", inTwo, two, to)
		if hasTable(t) {
			t.Error("the table of the process before is still there")
		}
	})
}

// command runs a command of the gateway program on its data directory.
func (g *guarded) command(args ...string) (string, error) {
	out, err := exec.Command(portalProgram, append([]string{"--data", g.data}, args...)...).CombinedOutput()
	return string(out), err
}

// TestFirewallAmongOthers: tables of other programs stay unchanged; ours is restored if somebody removes it.
func TestFirewallAmongOthers(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		theirs := netlab.Run(t, "nft", "-a", "list", "ruleset")
		stay := func(when string) {
			t.Helper()
			if now := foreignRules(t); now != theirs {
				t.Errorf("%s the others' rules are\n%s\nthey were\n%s", when, now, theirs)
			}
		}
		g := w.guard(t, nil)
		g.person("anna")
		g.loggedIn(inOne, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		w.open(t, "after login", inOne, one, to)
		stay("with a session")

		admin := g.visitor(netip.Addr{})
		admin.signIn("boss", adminPassword)
		admin.open("/admin/gateway")
		const restored = "Правила шлюза кто-то удалил или изменил, и шлюз вернул их"
		admin.seesNot(restored)
		for _, attack := range []string{"delete table inet ideco_agent", "insert rule inet ideco_agent forward accept"} {
			began := time.Now()
			netlab.Run(t, "nft", attack)
			netlab.Eventually(t, attack+" is undone", func() bool {
				return hasTable(t) && !strings.Contains(netlab.Run(t, "nft", "list", "chain", "inet", "ideco_agent", "forward"), "\t\taccept\n")
			})
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("%s: undone after %v", attack, took)
			}
			w.open(t, "a session after "+attack, inOne, one, to)
			w.refused(t, "nobody's address after "+attack, inTwo, two, to)
			stay("after " + attack)
		}
		admin.open("/admin/gateway")
		admin.sees("#state", restored)
		for _, event := range []string{"firewall_table_removed", "firewall_table_changed"} {
			netlab.Eventually(t, "the log tells of "+event, func() bool { return strings.Contains(g.log.String(), event) })
		}

		g.kill(syscall.SIGTERM)
		stay("after the end")
		if out, err := g.command("firewall", "show"); err != nil || !strings.Contains(out, ourTable) || !strings.Contains(out, one.String()) {
			t.Errorf("show: %v\n%s", err, out)
		}
		for range 2 {
			if out, err := g.command("firewall", "clear"); err != nil {
				t.Errorf("clear: %v\n%s", err, out)
			}
			if now := netlab.Run(t, "nft", "-a", "list", "ruleset"); now != theirs {
				t.Errorf("after clear there is\n%s\nbefore there was\n%s", now, theirs)
			}
		}
	})
}

// TestFirewallFlowtable: a flowtable that bypasses the rules is reported, and interfaces in it cannot be chosen.
func TestFirewallFlowtable(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		out, err := exec.Command("nft", "add table inet fast; add flowtable inet fast path { hook ingress priority 0; devices = { lan0, wan0 }; }").CombinedOutput()
		if err != nil {
			needs.Lacking(t, needs.Kernel, "flowtables: "+string(out))
		}
		g := w.guard(t, map[string]any{"lan_interfaces": []string{}, "wan_interfaces": []string{}})
		status, body := g.admin.call("PUT", settingPath, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}})
		if status == 200 || !strings.Contains(string(body), "fast") || !strings.Contains(string(body), "path") {
			t.Errorf("chosen over a flowtable: %d %s", status, body)
		}
		if hasTable(t) {
			t.Error("there is a table that a flowtable goes past")
		}
	})
}
