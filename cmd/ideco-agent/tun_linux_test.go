package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/protocol"
)

// These tests create two network namespaces, for the gateway and for the person's computer.
//
//	gateway  198.18.0.1 ── veth ── 198.18.0.2  computer (default route: the gateway)
//	         10.128.0.1 ══ tunnel ═ 10.128.0.7

const (
	gatewayOutside = "198.18.0.1"
	hostOutside    = "198.18.0.2"
)

var (
	gatewayInside = netip.MustParseAddr("10.128.0.1")
	hostInside    = netip.MustParseAddr("10.128.0.7")
	preshared     = agent.Key{9, 9}
)

// lab has the namespaces of a gateway and a computer.
type lab struct {
	t                 *testing.T
	gateway, computer string // namespaces
	bin               string // directory of a fake resolvectl
	resolvectlCalls   string // file with its arguments
	tunnel            *gatewaytest.Tunnel
}

var labs atomic.Int32

func newLab(t *testing.T) *lab {
	needs.Root(t)
	needs.Program(t, "ip", "iproute2")
	needs.Program(t, "ping", "iputils-ping")
	id := fmt.Sprintf("%d-%d", os.Getpid(), labs.Add(1))
	l := &lab{t: t, gateway: "agent-gw-" + id, computer: "agent-pc-" + id, bin: t.TempDir()}
	for _, ns := range []string{l.gateway, l.computer} {
		ns := ns
		l.run("ip", "netns", "add", ns)
		t.Cleanup(func() { l.run("ip", "netns", "del", ns) })
		l.run("ip", "-n", ns, "link", "set", "lo", "up")
	}
	l.run("ip", "-n", l.computer, "link", "add", "wan0", "type", "veth", "peer", "name", "lan0", "netns", l.gateway)
	l.run("ip", "-n", l.gateway, "addr", "add", gatewayOutside+"/24", "dev", "lan0")
	l.run("ip", "-n", l.gateway, "link", "set", "lan0", "up")
	l.run("ip", "-n", l.computer, "addr", "add", hostOutside+"/24", "dev", "wan0")
	l.plug()
	l.resolvectlCalls = filepath.Join(l.bin, "calls")
	script := "#!/bin/sh\necho \"$@\" >>" + l.resolvectlCalls + "\n"
	if err := os.WriteFile(filepath.Join(l.bin, "resolvectl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l.inGateway(func() { l.tunnel = gatewaytest.NewTunnel(t, gatewayInside, nil) })
	return l
}

// plug connects the computer's cable.
func (l *lab) plug() {
	l.run("ip", "-n", l.computer, "link", "set", "wan0", "up")
	l.run("ip", "-n", l.computer, "route", "add", "default", "via", gatewayOutside)
}

func (l *lab) run(name string, args ...string) string {
	l.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s %s: %v %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// inGateway runs f in the gateway's namespace.
func (l *lab) inGateway(f func()) {
	l.t.Helper()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		l.t.Fatal(err)
	}
	defer own.Close()
	gateway, err := os.Open("/run/netns/" + l.gateway)
	if err != nil {
		l.t.Fatal(err)
	}
	defer gateway.Close()
	runtime.LockOSThread() // stays locked when Setns fails, so that the thread ends with the test
	if err := unix.Setns(int(gateway.Fd()), unix.CLONE_NEWNET); err != nil {
		l.t.Fatal(err)
	}
	f()
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
		l.t.Fatal(err)
	}
	runtime.UnlockOSThread()
}

func (l *lab) serve(serve func(n int, c *gatewaytest.Conn)) (g *gatewaytest.Gateway) {
	l.inGateway(func() { g = gatewaytest.NewAt(l.t, gatewayOutside, serve) })
	return g
}

// agent starts the program on the computer.
func (l *lab) agent(g *gatewaytest.Gateway, more ...string) *process {
	args := append([]string{"netns", "exec", l.computer, os.Args[0]},
		connectArgs(g, append([]string{"--json", "--pin", g.Root.Pin()}, more...)...)...)
	cmd := exec.Command("ip", args...)
	cmd.Env = []string{"PATH=" + l.bin + ":" + os.Getenv("PATH")}
	return startCommand(l.t, "secret\n", cmd)
}

// routes returns the computer's routes.
func (l *lab) routes() string {
	return l.run("ip", "-n", l.computer, "-4", "route", "show", "table", "all")
}

// deviceTo returns the interface through which packets to an address leave the computer, or the error of ip.
func (l *lab) deviceTo(to string) string {
	out, err := exec.Command("ip", "-n", l.computer, "route", "get", to).CombinedOutput()
	if err != nil {
		return strings.TrimSpace(string(out))
	}
	_, device, _ := strings.Cut(string(out), " dev ")
	device, _, _ = strings.Cut(device, " ")
	return device
}

// fetch requests a page from the computer.
func (l *lab) fetch(url string) string {
	l.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", l.computer, os.Args[0])
	cmd.Env = append(os.Environ(), asBrowser+"="+url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v %s", url, err, out)
	}
	return strings.TrimSpace(string(out))
}

// admit gives access through the tunnel.
func (l *lab) admit(c *gatewaytest.Conn, grace int, change func(*protocol.TunnelReply)) {
	c.AnswerVersion()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Resume: "token", Grace: grace})
	m, ok := c.Read().(*protocol.TunnelRequest)
	if !ok {
		return
	}
	l.tunnel.SetPeer(m.PublicKey, preshared, hostInside)
	answer := l.tunnel.Reply(preshared, hostInside, "0.0.0.0/0")
	if change != nil {
		change(&answer)
	}
	c.Send(answer)
}

// waitEvent reads events until one has the state and the code.
func (p *process) waitEvent(state client.State, code string) event {
	p.t.Helper()
	for {
		var e event
		if err := json.Unmarshal([]byte(p.line()), &e); err != nil {
			p.t.Fatal(err)
		}
		if e.State == state && e.Code == code {
			return e
		}
		if e.State == client.Failed || e.State == client.Ended {
			p.t.Fatalf("%+v; standard error: %s", e, p.stderr.String())
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// All traffic but that to the gateway and the local network goes through the tunnel, and no route stays after the end.
func TestTUN(t *testing.T) {
	l := newLab(t)
	g := l.serve(func(_ int, c *gatewaytest.Conn) {
		l.admit(c, 30, func(r *protocol.TunnelReply) {
			r.DNSIPv4, r.DNSSuffix, r.MTU = "10.128.0.1,10.0.0.53", "company.ru", 1400
		})
		c.Wait()
	})
	before := l.routes()
	p := l.agent(g, "--tunnel", "tun")
	if e := p.waitEvent(client.TunnelUp, ""); e.Mode != client.ModeVPN || e.Address != hostInside.String() {
		t.Errorf("%+v", e)
	}
	for to, want := range map[string]string{gatewayOutside: "wan0", hostOutside: "lo", "198.18.0.3": "wan0",
		"10.128.0.1": "ideco-agent0", "10.0.0.53": "ideco-agent0", "8.8.8.8": "ideco-agent0", "203.0.113.1": "ideco-agent0"} {
		if got := l.deviceTo(to); got != want {
			t.Errorf("%s is reached through %s, want %s", to, got, want)
		}
	}
	if link := l.run("ip", "-n", l.computer, "addr", "show", "ideco-agent0"); !strings.Contains(link, "mtu 1400") || !strings.Contains(link, "10.128.0.7/32") {
		t.Error(link)
	}
	l.run("ip", "netns", "exec", l.computer, "ping", "-c", "2", "-i", "0.2", "-W", "5", gatewayInside.String())
	got := l.fetch("http://10.128.0.1/5000000")
	if from, size, _ := strings.Cut(got, " "); !strings.HasPrefix(from, "10.128.0.7:") || size < "5000000" {
		t.Errorf("the download: %s", got)
	}
	calls, err := os.ReadFile(l.resolvectlCalls)
	if want := "dns ideco-agent0 10.128.0.1 10.0.0.53\ndomain ideco-agent0 company.ru ~.\ndefault-route ideco-agent0 true\n"; err != nil || string(calls) != want {
		t.Errorf("resolvectl was called with %q, %v", calls, err)
	}
	p.signal(syscall.SIGTERM)
	p.waitEvent(client.Ended, "logout")
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
	p.exit(0)
}

// Only some networks go through the tunnel, and none that the computer is in. Without systemd-resolved DNS is left alone.
func TestTUNSplit(t *testing.T) {
	l := newLab(t)
	g := l.serve(func(_ int, c *gatewaytest.Conn) {
		l.admit(c, 30, func(r *protocol.TunnelReply) {
			r.ForwardNets, r.DNSIPv4 = []string{"172.16.0.0/12", "198.18.0.0/24", "127.0.0.0/8"}, "192.0.2.53"
		})
		c.Wait()
	})
	if err := os.WriteFile(filepath.Join(l.bin, "resolvectl"), []byte("#!/bin/sh\necho no bus\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := l.routes()
	p := l.agent(g, "--tunnel-name", "office")
	if e := p.waitEvent(client.Authorized, "network_outside"); !strings.Contains(e.Message, "198.18.0.0/24") {
		t.Errorf("%+v", e)
	}
	if e := p.waitEvent(client.Authorized, "dns_untouched"); !strings.Contains(e.Message, "192.0.2.53") {
		t.Errorf("%+v", e)
	}
	p.waitEvent(client.TunnelUp, "")
	for to, want := range map[string]string{gatewayOutside: "wan0", "8.8.8.8": "wan0", "172.20.1.1": "office",
		"10.128.0.1": "office", "192.0.2.53": "office", "127.0.0.1": "lo"} {
		if got := l.deviceTo(to); got != want {
			t.Errorf("%s is reached through %s, want %s", to, got, want)
		}
	}
	if got := l.fetch("http://10.128.0.1/"); !strings.HasPrefix(got, "10.128.0.7:") {
		t.Errorf("the page: %s", got)
	}
	if other := l.agent(g, "--tunnel-name", "office"); true {
		if out := other.exit(3); !strings.Contains(out, "vpn_unavailable") || !strings.Contains(out, "office") {
			t.Errorf("a second agent: %s", out)
		}
	}
	p.signal(os.Interrupt)
	p.waitEvent(client.Ended, "logout")
	p.exit(0)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
}

// A network that the computer is in stays outside the tunnel also when its route has a metric, as by NetworkManager. When a
// part of such a network goes through the tunnel, the router and the computer itself stay outside.
func TestTUNSplitLocalNetworks(t *testing.T) {
	l := newLab(t)
	g := l.serve(func(_ int, c *gatewaytest.Conn) {
		l.admit(c, 30, func(r *protocol.TunnelReply) {
			r.ForwardNets, r.DNSIPv4 = []string{"10.0.0.0/8", "192.168.1.0/24", "192.168.7.0/24"}, ""
		})
		c.Wait()
	})
	l.run("ip", "-n", l.computer, "link", "add", "home0", "type", "veth", "peer", "name", "home1")
	l.run("ip", "-n", l.computer, "link", "set", "home0", "up")
	l.run("ip", "-n", l.computer, "link", "set", "home1", "up")
	for _, own := range []string{"192.168.1.2/24", "192.168.7.2/20", "10.1.2.2/24"} {
		l.run("ip", "-n", l.computer, "addr", "add", own, "dev", "home0", "metric", "100")
	}
	l.run("ip", "-n", l.computer, "route", "add", "203.0.113.0/24", "via", "192.168.7.1", "metric", "100")
	before := l.routes()
	p := l.agent(g, "--tunnel-name", "office")
	if e := p.waitEvent(client.Authorized, "network_outside"); !strings.Contains(e.Message, "192.168.1.0/24") {
		t.Errorf("%+v", e)
	}
	p.waitEvent(client.TunnelUp, "")
	for to, want := range map[string]string{
		"192.168.1.1": "home0", "192.168.1.9": "home0", "10.1.2.9": "home0", // networks that the computer is in
		"192.168.7.1": "home0", "192.168.7.2": "lo", "192.168.7.9": "office", "192.168.8.9": "home0", // a part of one in the tunnel, without the router
		"10.1.3.9": "office", "10.128.0.1": "office", "203.0.113.1": "home0", gatewayOutside: "wan0"} {
		if got := l.deviceTo(to); got != want {
			t.Errorf("%s is reached through %s, want %s", to, got, want)
		}
	}
	p.signal(os.Interrupt)
	p.waitEvent(client.Ended, "logout")
	p.exit(0)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
}

// A killed program leaves two routes to the gateway. The next one with the same interface name removes them before it
// connects.
func TestTUNAfterKill(t *testing.T) {
	l := newLab(t)
	g := l.serve(func(_ int, c *gatewaytest.Conn) {
		l.admit(c, 30, nil)
		c.Wait()
	})
	refusing := l.serve(func(_ int, c *gatewaytest.Conn) {
		c.Refuse("bad_credentials", "", 0)
		c.Wait()
	})
	before := l.routes()
	p := l.agent(g)
	p.waitEvent(client.TunnelUp, "")
	p.signal(syscall.SIGKILL)
	p.exit(-1)
	if left := l.routes(); strings.Contains(left, "ideco-agent0") || !strings.Contains(left, "proto 214") {
		t.Errorf("after SIGKILL:\n%s", left)
	}
	l.agent(refusing, "--tunnel-name", "other0").exit(3)
	if left := l.routes(); !strings.Contains(left, "proto 214") {
		t.Errorf("another agent removed the routes:\n%s", left)
	}
	l.agent(refusing).exit(3)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
	p = l.agent(g)
	p.waitEvent(client.TunnelUp, "")
	p.signal(syscall.SIGTERM)
	p.exit(0)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
}

// When the route to the gateway is lost, WireGuard's packets do not go into the tunnel, and the agent reconnects by a new
// route.
func TestTUNRouteLost(t *testing.T) {
	l := newLab(t)
	unplugged := make(chan struct{})
	g := l.serve(func(n int, c *gatewaytest.Conn) {
		l.admit(c, 1, nil)
		if n == 0 {
			<-unplugged
			c.Drop()
		}
		c.Wait()
	})
	before := l.routes()
	p := l.agent(g)
	p.waitEvent(client.TunnelUp, "")
	l.run("ip", "-n", l.computer, "link", "set", "wan0", "down")
	if device := l.deviceTo(gatewayOutside); !strings.Contains(device, "unreachable") && !strings.Contains(device, "No route to host") {
		t.Errorf("without a route the gateway is reached through %s", device)
	}
	l.plug()
	close(unplugged)
	p.waitEvent(client.Reconnecting, "lost")
	p.waitEvent(client.TunnelUp, "")
	if got := l.fetch("http://10.128.0.1/"); !strings.HasPrefix(got, "10.128.0.7:") {
		t.Errorf("the page: %s", got)
	}
	p.signal(syscall.SIGTERM)
	p.exit(0)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
}

// When the computer's uplink changes, the route to the gateway and the tunnel's MTU follow, without a new session.
func TestTUNFollowsUplink(t *testing.T) {
	l := newLab(t)
	g := l.serve(func(_ int, c *gatewaytest.Conn) {
		l.admit(c, 30, nil)
		c.Wait()
	})
	l.run("ip", "-n", l.computer, "link", "add", "wan1", "type", "veth", "peer", "name", "lan1", "netns", l.gateway)
	l.run("ip", "-n", l.gateway, "addr", "add", "198.18.1.1/24", "dev", "lan1")
	l.run("ip", "-n", l.gateway, "link", "set", "lan1", "up", "mtu", "1400")
	l.run("ip", "-n", l.computer, "addr", "add", "198.18.1.2/24", "dev", "wan1")
	l.run("ip", "-n", l.computer, "link", "set", "wan1", "up", "mtu", "1400")
	l.run("ip", "-n", l.computer, "route", "add", "default", "via", "198.18.1.1", "metric", "100")
	before := l.routes()
	p := l.agent(g)
	p.waitEvent(client.TunnelUp, "")
	waitFollowed := func(name, device, mtu string) {
		t.Helper()
		var got string
		deadline := time.Now().Add(30 * time.Second)
		for {
			got = l.deviceTo(gatewayOutside) + ": " + l.run("ip", "-n", l.computer, "link", "show", "ideco-agent0")
			if strings.HasPrefix(got, device+":") && strings.Contains(got, "mtu "+mtu+" ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s", name, got)
			}
		}
		if got := l.fetch("http://10.128.0.1/100000"); !strings.HasPrefix(got, "10.128.0.7:") {
			t.Errorf("%s: the page: %s", name, got)
		}
	}
	waitFollowed("at first", "wan0", "1420")
	l.run("ip", "-n", l.computer, "link", "set", "wan0", "mtu", "1280")
	waitFollowed("a smaller MTU", "wan0", "1200")
	l.run("ip", "-n", l.computer, "link", "set", "wan0", "down", "mtu", "1500")
	waitFollowed("another uplink", "wan1", "1320")
	l.plug()
	waitFollowed("the first uplink again", "wan0", "1420")
	p.signal(syscall.SIGTERM)
	p.waitEvent(client.Ended, "logout")
	p.exit(0)
	if after := l.routes(); after != before {
		t.Errorf("routes before\n%safter\n%s", before, after)
	}
}

// Without the right to create an interface the agent names --tunnel netstack, but only when it needs a tunnel.
func TestTUNNotPermitted(t *testing.T) {
	inLAN := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.End("admin", ""); c.Wait() })
	outside := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		c.Authorize()
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true})
		if !c.ConfirmLogout() {
			t.Error("the agent sent no unauthorize")
		}
	})
	for _, mode := range []string{"auto", "tun"} {
		for exit, g := range map[int]*gatewaytest.Gateway{5: inLAN, 3: outside} {
			args := connectArgs(g, "--json", "--pin", g.Root.Pin(), "--tunnel", mode)
			cmd := exec.Command(os.Args[0], args...)
			if os.Geteuid() == 0 {
				cmd = exec.Command("setpriv", append([]string{"--bounding-set=-net_admin", os.Args[0]}, args...)...)
			}
			out := startCommand(t, "secret\n", cmd).exit(exit)
			if exit == 3 && (!strings.Contains(out, `"vpn_unavailable"`) || !strings.Contains(out, "--tunnel netstack")) {
				t.Errorf("%s: %s", mode, out)
			}
		}
	}
}
