//go:build gateway

package e2e

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// hasMAC waits until the monitor shows one session, with a MAC.
func (g *guarded) hasMAC(what, mac string) {
	g.t.Helper()
	g.admin.waitSessions(what, func(s []session) bool { return len(s) == 1 && s[0].MAC != nil && *s[0].MAC == mac })
}

func (w lab) macAt(t *testing.T, place string) string {
	t.Helper()
	return netlab.Run(t, "ip", "netns", "exec", w.Name(place), "cat", "/sys/class/net/eth0/address")
}

// TestFirewallMACChange: the MAC of a computer changes while its agent is connected. Its connections and its IPv6 address have
// access again within seconds, without another login.
func TestFirewallMACChange(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		running := w.Download(t, "a download", inOne, one, w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced))
		four, six := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world")), w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Says("world"))
		opens := func(what string, from netip.Addr, to netip.AddrPort) {
			t.Helper()
			netlab.Eventually(t, what+" is open", func() bool {
				word, _ := w.Hears(inOne, from, to, netlab.Silence)
				return word == "world"
			})
		}
		opens("IPv6 after login", one6, six)
		const fresh = "02:00:00:00:00:77"
		changed := time.Now()
		w.IP(t, inOne, "link", "set", "eth0", "address", fresh)
		opens("IPv4 at the new MAC", one, four)
		if took := time.Since(changed); took > 10*time.Second {
			t.Errorf("the session followed after %v", took)
		}
		g.hasMAC("the session follows", fresh)
		running.Runs(t)
		opens("IPv6 at the new MAC", one6, six)
		if !strings.Contains(g.log.String(), `"event":"mac_changed"`) {
			t.Error("no security event")
		}
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		for _, e := range agent.seen {
			if e.State == "reconnecting" {
				t.Errorf("the agent said %+v", agent.seen)
			}
		}
	})
}

// TestFirewallRelayingSpoofer: a computer that spoofs ARP in both directions and relays the agent's packets gets no access,
// also when it breaks the agent's connection, and the agent resumes its session through it.
func TestFirewallRelayingSpoofer(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"grace_seconds": 60})
		g.person("anna")
		agent := g.loggedIn(inOne, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		annas, spoofers := w.macAt(t, inOne), w.macAt(t, inTwo)
		g.hasMAC("after login", annas)

		in := func(place string, command ...string) string {
			t.Helper()
			return netlab.Run(t, "ip", append([]string{"netns", "exec", w.Name(place)}, command...)...)
		}
		in(inTwo, "sh", "-c", "cd /proc/sys/net/ipv4; echo 0 >conf/all/rp_filter; echo 0 >conf/eth0/rp_filter; echo 0 >conf/all/send_redirects; echo 0 >conf/eth0/send_redirects; echo 1 >ip_forward")
		w.IP(t, inOne, "neigh", "replace", "10.77.1.1", "dev", "eth0", "lladdr", spoofers)
		netlab.Run(t, "ip", "neigh", "replace", one.String(), "dev", "lan0", "lladdr", spoofers)
		netlab.Eventually(t, "a security event", func() bool { return strings.Contains(g.log.String(), `"event":"mac_refused"`) })
		g.hasMAC("the agent answers through the spoofer", annas)

		in(inTwo, "nft", "table ip spoof { chain forward { type filter hook forward priority filter; tcp dport "+agentPort+" reject with tcp reset; }; }")
		agent.waits("reconnecting")
		in(inTwo, "nft", "delete table ip spoof")
		agent.waits("authorized")
		since := time.Now()
		waitUntil(t, since.Add(6*time.Second)) // two rounds of FollowMACs and their proofs
		g.hasMAC("the agent came back through the spoofer", annas)
		w.IP(t, inTwo, "addr", "add", one.String()+"/32", "dev", "lo")
		w.shut(t, "the spoofer with the agent's address", inTwo, one, to)
		w.IP(t, inTwo, "addr", "del", one.String()+"/32", "dev", "lo")
		if strings.Contains(g.log.String(), "mac_changed") {
			t.Error("the session has followed the spoofer")
		}

		netlab.Run(t, "ip", "neigh", "del", one.String(), "dev", "lan0")
		w.IP(t, inOne, "neigh", "del", "10.77.1.1", "dev", "eth0")
		w.open(t, "without the spoofer", inOne, one, to)
	})
}
