//go:build gateway

package e2e

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

var hotel = netip.MustParseAddr("203.0.113.12")

// flood opens connections from a place as fast as it can, sends a few bytes on each, and keeps them until the test is over.
func (w lab) flood(t *testing.T, place string, from netip.Addr, to string, count int) {
	t.Helper()
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		for _, c := range open {
			c.Close()
		}
	})
	var g errgroup.Group
	g.SetLimit(32)
	for range count {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := w.Dial(ctx, place, "tcp", from, to)
			if err != nil {
				return nil // which is what the limits are for
			}
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: " + domain + "\r\nX-Unfinished: "))
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			return nil
		})
	}
	_ = g.Wait()
	if len(open) < count/2 {
		t.Fatalf("the flood had only %d of %d connections", len(open), count)
	}
}

// TestFirewallFlood: thousands of connections from outside and from the LAN lock nobody out.
func TestFirewallFlood(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		g.person("anna")
		g.person("boris")
		world := w.Serve(t, inNet, netip.AddrPortFrom(distant, 0), netlab.Paced)
		g.loggedIn(inOne, "anna")
		running := w.Download(t, "a download in the LAN", inOne, one, world)
		running.Gap()

		w.flood(t, inHotel, hotel, net.JoinHostPort(outer.String(), portalPort), 3000)
		w.flood(t, inHotel, hotel, net.JoinHostPort(outer.String(), agentPort), 3000)
		w.flood(t, inTwo, two, "10.77.1.1:80", 2000)

		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		// 200 and 1,000 of one address outside, the LAN's share of port 80, and the gateway's own descriptors.
		if most := 200 + 1000 + 1000 + 200; len(files) > most {
			t.Errorf("the gateway has %d files and connections open, want at most %d", len(files), most)
		}
		begun := time.Now()
		agent := g.loggedIn(inTwo, "boris")
		if took := time.Since(begun); took > time.Second {
			t.Errorf("a login beside the flood took %v", took)
		}
		if status, _, err := w.fetch(inHome, home, "https://"+domain+":"+portalPort+"/healthz", &tls.Config{RootCAs: g.roots()}); err != nil || status != http.StatusOK {
			t.Errorf("the portal from another address outside: %d, %v", status, err)
		}
		running.Runs(t)
		if gap := running.Gap(); gap > time.Second {
			t.Errorf("the download paused for %v", gap)
		}
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		g.set("open_before_login", []string{server.String()}) // the firewall still follows the settings
		netlab.Eventually(t, "the firewall has the new address", func() bool {
			return strings.Contains(netlab.Run(t, "nft", "list", "table", "inet", "ideco_agent"), server.String())
		})
	})
}

// madeUp sends a DNS query from each of many spoofed IPv4 addresses.
func (w lab) madeUp(t *testing.T, place string, count int, server netip.Addr) {
	t.Helper()
	var socket int
	if err := w.At(place, func() (err error) {
		socket, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	// The kernel adds the checksum of the header. The query is an empty packet.
	packet := []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 64, 0, 0}
	packet = append(append(packet, server.AsSlice()...), 4, 0, 0, 53, 0, 8, 0, 0)
	for n := range count {
		packet[13], packet[14], packet[15] = 64|byte(n>>16), byte(n>>8), byte(n)
		if err := unix.Sendto(socket, packet, 0, &unix.SockaddrInet4{Addr: server.As4()}); err != nil && err != unix.ENOBUFS {
			t.Fatal(err)
		}
	}
}

// TestFirewallMadeUpAddresses: a host that spoofs addresses does not keep other hosts from using DNS before login.
func TestFirewallMadeUpAddresses(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		dns := netip.AddrPortFrom(server2, 53)
		w.guard(t, map[string]any{"open_before_login": []string{dns.String()}})
		names := w.UDP(t, inNet, dns)
		go func() {
			for b := make([]byte, 64); ; {
				n, from, err := names.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				_, _ = names.WriteToUDPAddrPort(b[:n], from)
			}
		}()
		client := w.UDP(t, inOne, netip.AddrPortFrom(one, 0))
		asks := func() error {
			if _, err := client.WriteToUDPAddrPort([]byte("?"), dns); err != nil {
				return err
			}
			_ = client.SetReadDeadline(time.Now().Add(soon))
			_, err := client.Read(make([]byte, 8))
			return err
		}
		if err := asks(); err != nil {
			t.Fatalf("a question before the flood: %v", err)
		}
		client = w.UDP(t, inOne, netip.AddrPortFrom(oneMore, 0)) // has not sent a query yet
		w.madeUp(t, inTwo, 80_000, server2)
		if err := asks(); err != nil {
			t.Errorf("a question beside made-up addresses: %v", err)
		}
	})
}

// branchAgent is one of many agents behind the address of a branch office.
type branchAgent struct {
	lab
	number int
	roots  *tls.Config
	resume string
	conn   *websocket.Conn
}

// authorize connects and begins or resumes a VPN session.
func (a *branchAgent) authorize(ctx context.Context, message map[string]any) error {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return a.Dial(ctx, inHome, network, home, net.JoinHostPort(outer.String(), agentPort))
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: a.roots}
	conn, _, err := websocket.Dial(ctx, "wss://"+domain+":"+agentPort+"/connect", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return err
	}
	message["type"] = "authorize"
	message["device"] = map[string]string{"id": fmt.Sprint("branch-", a.number), "name": "PC", "os": "windows"}
	var state reply
	if err := converse(ctx, conn, message, &state); err != nil {
		return err
	}
	if !state.Authorized {
		return fmt.Errorf("agent %d: %+v", a.number, state)
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	request := map[string]any{"type": "tunnel_wg", "public_key": base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())}
	var tunnel reply
	if err := converse(ctx, conn, request, &tunnel); err != nil {
		return err
	}
	if tunnel.Type != "tunnel_wg" {
		return fmt.Errorf("agent %d: %+v", a.number, tunnel)
	}
	a.conn, a.resume = conn, state.Resume
	return nil
}

func converse(ctx context.Context, conn *websocket.Conn, message any, answer *reply) error {
	frame, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	_, b, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

// TestFirewallBranch: 500 agents behind one address reconnect at once after a power cut, during a flood from another address.
func TestFirewallBranch(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		const agents, people = 500, 10
		g := w.guard(t, map[string]any{"devices_per_user": 100}, "--tunnel", "netstack", "--wireguard-port", tunnelPort)
		for i := range people {
			g.person(fmt.Sprint("user", i))
		}
		branch := make([]*branchAgent, agents)
		for i := range branch {
			branch[i] = &branchAgent{lab: w, number: i, roots: &tls.Config{RootCAs: g.roots(), ServerName: domain}}
		}
		each := func(atOnce int, do func(context.Context, *branchAgent) error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var all errgroup.Group
			all.SetLimit(atOnce)
			for _, a := range branch {
				all.Go(func() error { return do(ctx, a) })
			}
			if err := all.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		each(24, func(ctx context.Context, a *branchAgent) error {
			return a.authorize(ctx, map[string]any{"login": fmt.Sprint("user", a.number%people), "password": userPassword})
		})
		g.kill(syscall.SIGKILL)
		for _, a := range branch {
			a.conn.CloseNow()
		}
		g.begin()
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			w.flood(t, inHotel, hotel, net.JoinHostPort(outer.String(), agentPort), 3000)
		}()
		begun := time.Now()
		each(agents, func(ctx context.Context, a *branchAgent) error {
			return a.authorize(ctx, map[string]any{"resume": a.resume})
		})
		t.Logf("%d agents came back in %v", agents, time.Since(begun))
		<-flooded
		if n := len(g.admin.sessions()); n != agents {
			t.Errorf("%d sessions, want %d", n, agents)
		}
		for _, a := range branch {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if a.number%50 == 0 {
				if _, _, err := a.conn.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("agent %d: %v", a.number, err)
				}
			}
			cancel()
			a.conn.CloseNow()
		}
	})
}

// TestFirewallTunnelTakenAway: when the tunnel's interface is removed, the process ends. After its restart the VPN agents
// reconnect.
func TestFirewallTunnelTakenAway(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		link := w.Link("w")
		g := w.guard(t, nil, "--tunnel", "tun", "--tunnel-name", link, "--wireguard-port", tunnelPort)
		g.person("anna")
		g.person("boris")
		world := w.Serve(t, inNet, netip.AddrPortFrom(distant, 0), netlab.Paced)
		g.loggedIn(inOne, "boris")
		running := w.Download(t, "a download in the LAN", inOne, one, world)
		anna := g.tunnelled(inHome, "anna", w.Link("a"))
		gateway := netip.MustParseAddr("10.128.0.1")
		w.ping(t, "the gateway in the tunnel", inHome, gateway, true)

		netlab.Run(t, "ip", "link", "del", link)
		select {
		case <-g.done:
		case <-time.After(patience):
			t.Fatal("the process goes on without a tunnel")
		}
		if code := g.cmd.ProcessState.ExitCode(); code == 0 || !strings.Contains(g.log.String(), "removed by somebody else") {
			t.Errorf("exit code %d", code)
		}
		g.begin() // as systemd does
		anna.waits("tunnel")
		w.ping(t, "the gateway in the tunnel, once more", inHome, gateway, true)
		running.Runs(t)
	})
}

// TestFirewallLocalAddressOutside: a peer on a WAN interface with an address in the local networks is outside for
// administration and for sessions.
func TestFirewallLocalAddressOutside(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"local_networks": []string{lanOne, lanTwo, "203.0.113.0/24"}})
		g.person("anna")
		trust := &tls.Config{RootCAs: g.roots()}
		for _, c := range []struct {
			place  string
			from   netip.Addr
			inside bool
		}{{inOne, one, true}, {inHome, home, false}} {
			for _, path := range []string{"/admin/agent", "/user_backend/users"} {
				status, _, err := w.fetch(c.place, c.from, "https://"+domain+":"+portalPort+path, trust)
				if err != nil || (status == http.StatusNotFound) == c.inside {
					t.Errorf("%s from %s: %d, %v", path, c.place, status, err)
				}
			}
		}
		g.loggedIn(inOne, "anna").signal(syscall.SIGTERM)
		g.nobody()
		outside := g.agentIn(g.Name(inHome), "anna", userPassword, "outside")
		if e := outside.waits("error"); e.Code != "vpn_unavailable" {
			t.Errorf("a login through the WAN interface: %+v", e)
		}
	})
}

// TestFirewallLocalAddressBorrowed: policy routing, by the gateway's own address or by a connection mark, can send answers for
// LAN addresses out of the WAN interface, so that a host there can use such an address. The firewall drops its packets; without
// the firewall it counts as outside.
func TestFirewallLocalAddressBorrowed(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		borrowed, wan := netip.MustParseAddr("10.77.1.77"), "192.168.100.2"
		w.IP(t, "gw", "rule", "add", "from", wan, "lookup", "100")
		w.IP(t, "gw", "route", "add", "default", "via", "192.168.100.1", "dev", "wan0", "table", "100")
		w.IP(t, inRouter, "addr", "add", borrowed.String()+"/32", "dev", "lo")
		g := w.guard(t, nil)
		trust := &tls.Config{RootCAs: g.roots()}
		for from, admitted := range map[netip.Addr]bool{netip.MustParseAddr("192.168.100.1"): true, borrowed: false} {
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			c, err := w.Dial(ctx, inRouter, "tcp", from, wan+":"+portalPort)
			cancel()
			if err == nil {
				c.Close()
			}
			if admitted != (err == nil) {
				t.Errorf("with the firewall, from %s: %v", from, err)
			}
		}
		g.kill(syscall.SIGTERM)
		g.flags = []string{"--tunnel", "off", "--firewall", "off"}
		g.begin()
		administration := func(by string) {
			for _, c := range []struct {
				place  string
				from   netip.Addr
				to     string
				inside bool
			}{{inOne, one, "10.77.1.1", true}, {inRouter, borrowed, wan, false}} {
				status, _, err := w.fetch(c.place, c.from, "https://"+c.to+":"+portalPort+"/admin/agent", trust)
				if err != nil || (status == http.StatusNotFound) == c.inside {
					t.Errorf("routing by %s: administration from %s: %d, %v", by, c.place, status, err)
				}
			}
		}
		administration("address")
		w.IP(t, "gw", "rule", "del", "from", wan, "lookup", "100")
		w.IP(t, "gw", "rule", "add", "fwmark", "0x64", "lookup", "100")
		netlab.Run(t, "nft", `table inet by_mark {
			chain arriving { type filter hook prerouting priority mangle; iifname "wan0" ct mark set 0x64; }
			chain answers { type route hook output priority mangle; meta mark set ct mark; }
		}`)
		administration("mark")
	})
}
