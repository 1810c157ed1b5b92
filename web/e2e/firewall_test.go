//go:build gateway

package e2e

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// TestFirewallBeforeLogin: without a session a host reaches only open servers. Other connections are rejected at once, and a
// browser is told what to do.
func TestFirewallBeforeLogin(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		four, six := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world")), w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Says("world"))
		neighbor := w.Serve(t, inFar, netip.AddrPortFrom(far, 0), netlab.Says("neighbor"))
		w.Serve(t, inTwo, netip.AddrPortFrom(two, 9000), netlab.Says("published"))
		w.serveHTTP(t, inNet, netip.AddrPortFrom(server, 80), "a page")
		w.serveHTTP(t, inFar, netip.AddrPortFrom(far, 80), "a page of the LAN")
		open := w.Serve(t, inNet, netip.AddrPortFrom(server2, 0), netlab.Says("opened"))
		w.open(t, "before the gateway runs", inOne, one, four)

		g := w.guard(t, nil)
		g.person("anna")
		elsewhere := func(when string) {
			t.Helper()
			w.open(t, when+": LAN to LAN", inOne, one, neighbor)
			w.open(t, when+": a published service", inHome, home, published)
			if status, page, err := w.fetch(inOne, one, "http://"+far.String()+"/", nil); err != nil || status != 200 || page != "a page of the LAN" {
				t.Errorf("%s: a page of the LAN: %d %s, %v", when, status, page, err)
			}
		}
		w.refused(t, "IPv4 before login", inOne, one, four)
		w.refused(t, "IPv6 before login", inOne, one6, six)
		w.refused(t, "IPv4 of the other LAN", inFar, far, four)
		w.shut(t, "from outside to a host", inRouter, netip.MustParseAddr("192.168.100.1"), w.Serve(t, inOne, netip.AddrPortFrom(one, 0), netlab.Says("host")))
		elsewhere("before login")
		g.asksToStart(inOne, one, "http://"+server.String()+"/some/page")

		w.refused(t, "an address that is not open", inOne, one, open)
		g.set("open_before_login", []string{server2.String()})
		w.open(t, "an address that is open before login", inOne, one, open)
		w.refused(t, "another address", inOne, one, four)
		g.set("open_before_login", []string{open.String()})
		w.open(t, "a port that is open before login", inOne, one, open)
		w.refused(t, "another port of its address", inOne, one, w.Serve(t, inNet, netip.AddrPortFrom(server2, 0), netlab.Says("not opened")))
		g.set("open_before_login", []string{})
		w.refused(t, "an address that was open", inOne, one, open)

		agent := g.loggedIn(inOne, "anna")
		w.open(t, "after login", inOne, one, four)
		g.isHidden()
		elsewhere("after login")
		if status, page, err := w.fetch(inOne, one, "http://"+server.String()+"/", nil); err != nil || status != 200 || page != "a page" {
			t.Errorf("a page after login: %d %s, %v", status, page, err)
		}
		w.refused(t, "another client", inTwo, two, four)

		// The agent proves the computer's IPv6 address.
		netlab.Eventually(t, "IPv6 is open after login", func() bool {
			word, _ := w.Hears(inOne, one6, six, netlab.Silence)
			return word == "world"
		})
		sixth := w.Download(t, "a download over IPv6", inOne, one6, w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Paced))
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		stops(t, sixth, time.Now(), cutWithin)
		w.refused(t, "IPv4 after logout", inOne, one, four)
		w.refused(t, "IPv6 after logout", inOne, one6, six)
		elsewhere("after logout")
		g.asksToStart(inOne, one, "http://"+server.String()+"/")
	})
}

// asksToStart fails the test unless a browser without a session gets the page with a link to the portal.
func (g *guarded) asksToStart(place string, from netip.Addr, url string) {
	g.t.Helper()
	status, page, err := g.fetch(place, from, url, nil)
	if err != nil || status != 511 || !strings.Contains(page, "Запустите Ideco агент") || !strings.Contains(page, "https://"+domain+":"+portalPort+"/") {
		g.t.Errorf("%s: %d, %v\n%s", url, status, err, page)
	}
}

// isHidden fails the test unless the setting masquerade decides whether the LAN host's address is translated.
func (g *guarded) isHidden() {
	g.t.Helper()
	provider := g.Serve(g.t, inRouter, netip.MustParseAddrPort("192.168.100.1:0"), func(c net.Conn) { netlab.Says(c.RemoteAddr().String())(c) })
	for _, hidden := range []bool{false, true} {
		g.set("masquerade", hidden)
		want := one.String() + ":"
		if hidden {
			want = "192.168.100.2:"
		}
		if seen, err := g.Hears(inOne, one, provider, soon); err != nil || !strings.HasPrefix(seen, want) {
			g.t.Errorf("masquerade %t: the provider sees %s, %v", hidden, seen, err)
		}
	}
}

// TestFirewallDownloadStops: a running download stops, however its session ends.
func TestFirewallDownloadStops(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"grace_seconds": 3})
		person := strconv.FormatInt(g.person("anna"), 10)
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		var more func() string // see stream
		begin := func(what string) (*agentProcess, *netlab.Download) {
			t.Helper()
			agent := g.loggedIn(inOne, "anna")
			more = w.stream(t)
			return agent, w.Download(t, "a download until "+what, inOne, one, to)
		}
		over := func(what string) {
			t.Helper()
			if got := more(); got != "" {
				t.Errorf("after %s there came %q", what, got)
			}
			w.refused(t, "after "+what, inOne, one, to)
			g.nobody()
		}

		agent, running := begin("logout")
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		stops(t, running, time.Now(), cutWithin)
		over("logout")

		agent, running = begin("✕")
		g.admin.must("DELETE", "/monitor_backend/auth_sessions/"+g.admin.sessions()[0].ID, nil, nil)
		stops(t, running, time.Now(), cutWithin)
		agent.exits(5)
		over("✕")

		agent, running = begin("the agent is killed")
		agent.signal(syscall.SIGKILL)
		killed := time.Now()
		waitUntil(t, killed.Add(2*time.Second))
		running.Runs(t) // in the grace period
		stops(t, running, killed, 3*time.Second+cutWithin)
		over("the agent is killed")

		agent, running = begin("the person is switched off")
		g.admin.must("PUT", "/user_backend/users/"+person, map[string]any{"enabled": false}, nil)
		stops(t, running, time.Now(), cutWithin)
		agent.exits(5)
		over("the person is switched off")
		g.admin.must("PUT", "/user_backend/users/"+person, map[string]any{"enabled": true}, nil)

		g.set("session_hours_lan", 0.001)
		began := time.Now()
		agent, running = begin("its time is over")
		stops(t, running, began, 3600*time.Millisecond+2*cutWithin)
		if lasted := running.Last().Sub(began); lasted < 3*time.Second {
			t.Errorf("a session of 3.6 s was over after %v", lasted)
		}
		agent.exits(5)
		over("its time is over")
	})
}

// TestFirewallAddresses: access is bound to address, MAC and interface. The next user of an address gets no packets of the
// previous one's connections.
func TestFirewallAddresses(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"grace_seconds": 60})
		g.person("anna")
		g.person("boris")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		agent := g.loggedIn(inOne, "anna")
		running := w.Download(t, "the owner's download", inOne, one, to)
		ours := strings.Fields(netlab.Run(t, "ip", "netns", "exec", w.Name(inOne), "cat", "/sys/class/net/eth0/address"))[0]
		g.admin.waitSessions("the monitor shows the MAC and counts", func(s []session) bool {
			return len(s) == 1 && s[0].MAC != nil && *s[0].MAC == ours && s[0].Rx != nil && *s[0].Rx > 0 && s[0].Tx != nil && *s[0].Tx > 1000
		})

		w.refused(t, "a second address of the same host", inOne, oneMore, to)

		// Another computer takes the address. It knows the gateway's MAC, so it sends no ARP requests.
		gatewayMAC := strings.Fields(netlab.Run(t, "cat", "/sys/class/net/lan0/address"))[0]
		w.IP(t, inTwo, "neigh", "replace", "10.77.1.1", "lladdr", gatewayMAC, "dev", "eth0", "nud", "permanent")
		w.IP(t, inTwo, "addr", "add", one.String()+"/32", "dev", "eth0")
		w.shut(t, "the address at another MAC", inTwo, one, to)
		w.IP(t, inTwo, "addr", "del", one.String()+"/32", "dev", "eth0")

		w.IP(t, inFar, "addr", "add", one.String()+"/32", "dev", "lo")
		w.shut(t, "the address on the other LAN", inFar, one, to)
		w.IP(t, inFar, "addr", "del", one.String()+"/32", "dev", "lo")
		running.Runs(t)
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		stops(t, running, time.Now(), cutWithin)

		for when, end := range map[string]func(*agentProcess){
			"after the owner has logged out": func(a *agentProcess) {
				a.signal(syscall.SIGTERM)
				a.exits(0)
			},
			"in the owner's grace": func(a *agentProcess) { a.signal(syscall.SIGKILL) },
		} {
			owner := g.loggedIn(inOne, "anna")
			stream := w.stream(t)
			end(owner)
			next := g.loggedIn(inOne, "boris")
			w.open(t, "the next owner", inOne, one, to)
			if got := stream(); got != "" {
				t.Errorf("%s the next one got %q", when, got)
			}
			next.signal(syscall.SIGTERM)
			next.exits(0)
			g.nobody()
		}
	})
}

// stream opens a UDP flow to a server. more makes the server send packets and returns the first that arrives.
func (w lab) stream(t *testing.T) (more func() string) {
	t.Helper()
	sender := w.UDP(t, inNet, netip.AddrPortFrom(server, 0))
	receiver := w.UDP(t, inOne, netip.AddrPortFrom(one, 0))
	at := netip.MustParseAddrPort(sender.LocalAddr().String())
	if _, err := receiver.WriteToUDPAddrPort([]byte("more"), at); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	_ = sender.SetReadDeadline(time.Now().Add(patience))
	_, back, err := sender.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	more = func() string {
		for range 10 {
			if _, err := sender.WriteToUDPAddrPort([]byte("stream"), back); err != nil {
				t.Fatal(err)
			}
		}
		_ = receiver.SetReadDeadline(time.Now().Add(netlab.Silence))
		n, _ := receiver.Read(b)
		return string(b[:n])
	}
	if got := more(); got != "stream" {
		t.Fatalf("the owner of the address got %q", got)
	}
	for { // discard the packets under way
		_ = receiver.SetReadDeadline(time.Now().Add(netlab.Silence))
		if _, err := receiver.Read(b); err != nil {
			return more
		}
	}
}
