//go:build gateway

package e2e

import (
	"crypto/tls"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// TestFirewallBehindRouter: the gateway's name resolves to a router with NAT that has no hairpinning. Hosts of the LAN reach the
// gateway by that name before and after login, by tunnel too, and after a power cut before DNS answers.
func TestFirewallBehindRouter(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		link := w.Link("w")
		g := w.guard(t, nil, "--tunnel", "tun", "--tunnel-name", link, "--wireguard-port", tunnelPort)
		g.person("anna")
		trust := &tls.Config{RootCAs: g.roots()}
		reached := func(when string) {
			t.Helper()
			if status, page, err := w.fetch(inOne, one, "https://"+domain+":"+portalPort+"/healthz", trust); err != nil || status != 200 {
				t.Errorf("%s: the portal by its name: %d %s, %v", when, status, page, err)
			}
		}
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		g.findsItsName()
		reached("before login")
		agent := g.loggedIn(inOne, "anna")
		reached("after login")
		w.open(t, "after login", inOne, one, to)
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		reached("after logout")
		agent = g.loggedIn(inOne, "anna")
		w.open(t, "after the second login", inOne, one, to)
		agent.signal(syscall.SIGTERM)
		agent.exits(0)

		g.set("local_tunnel", true)
		agent = g.tunnelled(inTwo, "anna", w.Link("a"))
		w.ping(t, "the gateway through a tunnel in the LAN", inTwo, netip.MustParseAddr("10.128.0.1"), true)
		w.refused(t, "the same host outside its tunnel", inOne, one, to)
		g.admin.waitSessions("a tunnel in the LAN", func(s []session) bool { return len(s) == 1 && s[0].Kind == "vpn" })
		agent.signal(syscall.SIGTERM)
		agent.exits(0)

		g.kill(syscall.SIGKILL)
		netlab.Run(t, "nft", "delete", "table", "inet", "ideco_agent")
		if err := os.WriteFile(filepath.Join("/etc/netns", w.Name("gw"), "hosts"), []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		g.begin()
		reached("after a power cut, and nobody knows the name yet")
	})
}

// tunnelled starts an agent and waits for its tunnel.
func (g *guarded) tunnelled(place, login, link string) *agentProcess {
	g.t.Helper()
	a := g.agentIn(g.Name(place), login, userPassword, link, "--tunnel", "tun", "--tunnel-name", link)
	a.waits("tunnel")
	return a
}

// ping fails the test unless the address answers, or does not, as wanted.
func (w lab) ping(t *testing.T, what, place string, to netip.Addr, answers bool) {
	t.Helper()
	out, err := w.Command(t.Context(), place, "ping", "-c", "2", "-i", "0.2", "-W", "1", to.String()).CombinedOutput()
	if (err == nil) != answers {
		t.Errorf("%s: answers %t, want %t\n%s", what, err == nil, answers, out)
	}
}

// TestFirewallTunnel: a VPN user reaches through the tunnel only what the settings allow, whatever the agent sends.
func TestFirewallTunnel(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil, "--tunnel", "tun", "--tunnel-name", w.Link("w"), "--wireguard-port", tunnelPort)
		g.person("anna")
		g.person("boris")
		inLAN1, inLAN2 := w.Serve(t, inOne, netip.AddrPortFrom(one, 0), netlab.Says("first LAN")), w.Serve(t, inFar, netip.AddrPortFrom(far, 0), netlab.Says("second LAN"))
		world := w.Serve(t, inNet, netip.AddrPortFrom(distant, 0), netlab.Says("world"))
		gatewayLAN := w.Serve(t, "gw", netip.MustParseAddrPort("10.77.1.1:0"), netlab.Says("the gateway"))

		anna := g.tunnelled(inHome, "anna", w.Link("a"))
		at := netip.MustParseAddr(anna.seen[len(anna.seen)-1].Address)
		w.open(t, "everything is allowed: the first LAN", inHome, at, inLAN1)
		w.open(t, "everything is allowed: the second LAN", inHome, at, inLAN2)
		w.open(t, "everything is allowed: the Internet", inHome, at, world)

		// The agent still sends everything into the tunnel.
		g.set("forward_nets", []string{lanTwo})
		w.open(t, "the allowed network", inHome, at, inLAN2)
		w.refused(t, "another network", inHome, at, inLAN1)
		w.refused(t, "the Internet", inHome, at, world)
		w.refused(t, "the gateway's address in another network", inHome, at, gatewayLAN)
		w.ping(t, "the gateway in the tunnel", inHome, netip.MustParseAddr("10.128.0.1"), true)
		w.refused(t, "the LAN's access to the Internet", inOne, one, world)

		boris := g.tunnelled(inHotel, "boris", w.Link("b"))
		other := netip.MustParseAddr(boris.seen[len(boris.seen)-1].Address)
		w.IP(t, inHotel, "route", "replace", "10.128.0.0/16", "dev", w.Link("b"))
		peer := w.Serve(t, inHotel, netip.AddrPortFrom(other, 0), netlab.Says("a person outside"))
		w.refused(t, "one person outside to another", inHome, at, peer)
		w.refused(t, "the LAN to a person outside", inOne, one, peer)
		g.set("vpn_peers_may_talk", true)
		w.open(t, "one person outside to another, allowed", inHome, at, peer)
		g.set("vpn_peers_may_talk", false)
		w.refused(t, "one person outside to another, no longer allowed", inHome, at, peer)

		running := w.Download(t, "a download through the tunnel", inHome, at, w.Serve(t, inFar, netip.AddrPortFrom(far, 0), netlab.Paced))
		g.kill(syscall.SIGKILL)
		g.begin()
		for _, a := range []*agentProcess{anna, boris} {
			a.waits("reconnecting")
			a.waits("tunnel")
		}
		running.Runs(t) // after a pause
		for _, s := range g.admin.sessions() {
			if s.Login == "anna" {
				g.admin.must("DELETE", "/monitor_backend/auth_sessions/"+s.ID, nil, nil)
			}
		}
		stops(t, running, time.Now(), cutWithin)
		anna.exits(5)
		if out := netlab.Run(t, "nft", "list", "set", "inet", "ideco_agent", "vpn4"); strings.Contains(out, at.String()+" ") || !strings.Contains(out, other.String()) {
			t.Errorf("who may come out of the tunnel:\n%s", out)
		}
	})
}
