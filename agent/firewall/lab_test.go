package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
)

// labVariable holds the lab's prefix in a process that runs inside its gateway.
const labVariable = "FIREWALL_LAB"

// How long something may take that must happen, and how long nothing must come before it counts as stopped.
const (
	patience = 20 * time.Second
	silence  = 300 * time.Millisecond
)

// Places of the lab. Everything but the gateway is reached by lab.at.
const (
	inLAN    = "lan"    // behind lan0, two addresses, IPv4 and IPv6
	inLAN1   = "lan1"   // behind lan1
	inWAN    = "wan"    // behind wan0, without a way back but to who asked, in IPv4
	inTunnel = "tunnel" // behind vpn0, which stands for the tunnel
)

// Addresses of the lab.
var (
	host      = netip.MustParseAddr("10.77.1.10")
	second    = netip.MustParseAddr("10.77.1.11") // of the same host
	host6     = netip.MustParseAddr("fd77:1::10")
	second6   = netip.MustParseAddr("fd77:1::11")
	neighbor  = netip.MustParseAddr("10.77.3.10") // in lan1
	server    = netip.MustParseAddr("10.77.2.2")
	server6   = netip.MustParseAddr("fd77:2::2")
	elsewhere = netip.MustParseAddr("10.77.4.4") // of the server too
	peer      = netip.MustParseAddr("10.99.0.2")
	peer2     = netip.MustParseAddr("10.99.0.3")
	routed    = netip.MustParseAddr("10.88.0.5") // in lan, behind the host as a router
	outer     = netip.MustParseAddr("203.0.113.7")
)

// labPlan is what the gateway of the lab enforces. Nets of the LAN are told to the sign-in page and to masquerading.
func labPlan() Plan {
	return Plan{
		LAN: []Interface{
			{Name: "lan0", Networks: []netip.Prefix{netip.MustParsePrefix("10.77.1.0/24"), netip.MustParsePrefix("fd77:1::/64")}},
			{Name: "lan1", Networks: []netip.Prefix{netip.MustParsePrefix("10.77.3.0/24")}},
		},
		WAN:           []Interface{{Name: "wan0"}},
		Tunnel:        "vpn0",
		Masquerade:    true,
		LocalNetworks: []netip.Prefix{netip.MustParsePrefix("10.77.1.0/24"), netip.MustParsePrefix("10.77.3.0/24"), netip.MustParsePrefix("10.88.0.0/24"), netip.MustParsePrefix("fd77:1::/64")},
		VPNNetwork:    netip.MustParsePrefix("10.99.0.0/24"),
	}
}

// setUp makes the lab out of network namespaces.
const setUp = `set -e
P=$1
for n in gw lan lan1 wan tunnel; do ip netns add $P-$n; ip -n $P-$n link set lo up; done
ip netns exec $P-gw sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter; echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
join() { ip link add $2 netns $P-gw type veth peer name eth0 netns $P-$1; ip -n $P-gw link set $2 up; ip -n $P-$1 link set eth0 up; }
join lan lan0; join lan1 lan1; join wan wan0; join tunnel vpn0
gw() { ip -n $P-gw "$@"; }
gw addr add 10.77.1.1/24 dev lan0; gw addr add fd77:1::1/64 dev lan0 nodad
gw addr add 10.77.3.1/24 dev lan1
gw addr add 10.77.2.1/24 dev wan0; gw addr add fd77:2::1/64 dev wan0 nodad
gw addr add 10.99.0.1/24 dev vpn0
gw route add 10.88.0.0/24 via 10.77.1.10; gw route add default via 10.77.2.2; gw -6 route add default via fd77:2::2
l() { ip -n $P-lan "$@"; }
l addr add 10.77.1.10/24 dev eth0; l addr add 10.77.1.11/24 dev eth0; l addr add 10.88.0.5/32 dev lo
l addr add fd77:1::10/64 dev eth0 nodad; l addr add fd77:1::11/64 dev eth0 nodad
l route add default via 10.77.1.1; l -6 route add default via fd77:1::1
ip -n $P-lan1 addr add 10.77.3.10/24 dev eth0; ip -n $P-lan1 route add default via 10.77.3.1
w() { ip -n $P-wan "$@"; }
w addr add 10.77.2.2/24 dev eth0; w addr add 10.77.4.4/32 dev lo; w addr add fd77:2::2/64 dev eth0 nodad; w -6 route add default via fd77:2::1
ip -n $P-tunnel addr add 10.99.0.2/24 dev eth0; ip -n $P-tunnel addr add 10.99.0.3/24 dev eth0; ip -n $P-tunnel route add default via 10.99.0.1
`

// lab is a gateway between two LANs, the Internet and a tunnel.
type lab struct{ prefix string }

var labCount atomic.Int32

// inLab runs the body of a test inside the gateway of a fresh lab. Threads come and go between namespaces only by force,
// so the whole test program is started there once more, for this test alone.
func inLab(t *testing.T, body func(*testing.T, lab)) {
	if prefix := os.Getenv(labVariable); prefix != "" {
		body(t, lab{prefix})
		return
	}
	t.Parallel()
	l := newLab(t)
	run := exec.CommandContext(t.Context(), "ip", "netns", "exec", l.prefix+"-gw", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v",
		"-test.timeout=2m")
	run.Env = append(os.Environ(), labVariable+"="+l.prefix)
	out, err := run.CombinedOutput()
	needs.Rerun(t, out, err)
}

// newLab makes namespaces that live as long as the test.
func newLab(tb testing.TB) lab {
	tb.Helper()
	needs.Root(tb)
	needs.Program(tb, "ip", "iproute2")
	needs.Program(tb, "nft", "nftables")
	l := lab{fmt.Sprintf("fw-%d-%d", os.Getpid(), labCount.Add(1))}
	tb.Cleanup(func() {
		for _, n := range []string{"gw", inLAN, inLAN1, inWAN, inTunnel} {
			_ = exec.Command("ip", "netns", "del", l.prefix+"-"+n).Run()
		}
	})
	run(tb, "sh", "-c", setUp, "sh", l.prefix)
	return l
}

func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// nft runs commands for nft in the gateway.
func nft(tb testing.TB, commands string) string {
	tb.Helper()
	return run(tb, "nft", commands)
}

// ip runs ip in a place of the lab.
func (l lab) ip(tb testing.TB, where string, args ...string) {
	tb.Helper()
	run(tb, "ip", append([]string{"-n", l.prefix + "-" + where}, args...)...)
}

// at does something on a thread in a place of the lab: what is opened there stays there.
func (l lab) at(tb testing.TB, where string, do func()) {
	tb.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this goroutine
		ns, err := netns.GetFromName(l.prefix + "-" + where)
		if err == nil {
			err = netns.Set(ns)
			ns.Close()
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		tb.Fatalf("going to %s: %v", where, err)
	}
}

// dial connects from an address in a place.
func (l lab) dial(tb testing.TB, where, network string, from netip.Addr, to netip.AddrPort) (c net.Conn, err error) {
	tb.Helper()
	d := net.Dialer{Timeout: patience}
	if strings.HasPrefix(network, "tcp") {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	} else {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	l.at(tb, where, func() { c, err = d.Dial(network, to.String()) })
	if c != nil {
		tb.Cleanup(func() { c.Close() })
	}
	return c, err
}

// listen serves each connection to an address in a place.
func (l lab) listen(tb testing.TB, where string, at netip.Addr, port uint16, serve func(net.Conn)) netip.AddrPort {
	tb.Helper()
	var ln net.Listener
	var err error
	open := func() { ln, err = net.Listen("tcp", netip.AddrPortFrom(at, port).String()) }
	if where == "" {
		open()
	} else {
		l.at(tb, where, open)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// udp opens a socket for UDP in a place.
func (l lab) udp(tb testing.TB, where string, at netip.AddrPort) *net.UDPConn {
	tb.Helper()
	var c *net.UDPConn
	var err error
	l.at(tb, where, func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)) })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// says answers with a word.
func says(word string) func(net.Conn) {
	return func(c net.Conn) { fmt.Fprint(c, word) }
}

// hears is the word that comes from an address; an error when there is no connection.
func (l lab) hears(tb testing.TB, where string, from netip.Addr, to netip.AddrPort) (string, error) {
	tb.Helper()
	c, err := l.dial(tb, where, "tcp", from, to)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 64)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// wantOpen and wantClosed try to connect. Closed means an answer that says so, not silence.
func (l lab) wantOpen(tb testing.TB, what, where string, from netip.Addr, to netip.AddrPort) {
	tb.Helper()
	if word, err := l.hears(tb, where, from, to); err != nil || word == "" {
		tb.Errorf("%s: closed: %q, %v", what, word, err)
	}
}

func (l lab) wantClosed(tb testing.TB, what, where string, from netip.Addr, to netip.AddrPort) {
	tb.Helper()
	began := time.Now()
	word, err := l.hears(tb, where, from, to)
	if err == nil {
		tb.Errorf("%s: open: %q", what, word)
	} else if took := time.Since(began); took > time.Second {
		tb.Errorf("%s: refused after %s only: %v", what, took, err)
	}
}

// dark tells that nothing answers at all.
func (l lab) dark(tb testing.TB, where string, from netip.Addr, to netip.AddrPort) bool {
	tb.Helper()
	d := net.Dialer{Timeout: silence, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	var err error
	l.at(tb, where, func() {
		var c net.Conn
		if c, err = d.Dial("tcp", to.String()); err == nil {
			c.Close()
		}
	})
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// paced sends a little every few milliseconds until the connection breaks: what arrives late would be buffered otherwise.
func paced(c net.Conn) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("0123456789")); err != nil {
			return
		}
	}
}

// stream is a running download.
type stream struct {
	conn   net.Conn
	count  atomic.Int64
	last   atomic.Int64 // when bytes came, in nanoseconds
	gap    atomic.Int64 // the longest pause
	closed chan struct{}
}

func (l lab) stream(tb testing.TB, where string, from netip.Addr, to netip.AddrPort) *stream {
	tb.Helper()
	c, err := l.dial(tb, where, "tcp", from, to)
	if err != nil {
		tb.Fatal(err)
	}
	s := &stream{conn: c, closed: make(chan struct{})}
	s.last.Store(time.Now().UnixNano())
	go func() {
		defer close(s.closed)
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			now := time.Now().UnixNano()
			s.count.Add(int64(n))
			s.gap.Store(max(s.gap.Load(), now-s.last.Swap(now)))
		}
	}()
	return s
}

// runs waits for more.
func (s *stream) runs(tb testing.TB) {
	tb.Helper()
	before := s.count.Load()
	eventually(tb, "the download goes on", func() bool { return s.count.Load() > before+100 })
}

// stops waits until nothing came for a while, and returns when the last byte came.
func (s *stream) stops(tb testing.TB) time.Time {
	tb.Helper()
	eventually(tb, "the download stops", func() bool { return time.Now().UnixNano()-s.last.Load() > int64(silence) })
	return time.Unix(0, s.last.Load())
}

func eventually(tb testing.TB, what string, isSo func() bool) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); !isSo(); {
		select {
		case <-ticker.C:
		case <-deadline:
			tb.Fatalf("not in %s: %s", patience, what)
		}
	}
}

// open starts a firewall with the plan.
func open(tb testing.TB, p Plan, o Options) *Firewall {
	tb.Helper()
	o.Mode = ModeNFTables
	if o.Log == nil {
		o.Log = logOf(tb)
	}
	f, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	if err := f.Apply(context.Background(), p); err != nil {
		tb.Fatal(err)
	}
	return f
}

func logOf(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(tb.Output(), nil))
}

// session is a session of a person of their own.
func session(id int, a netip.Addr) agent.Session {
	return agent.Session{ID: fmt.Sprintf("s%d", id), UserID: agent.UserID(id), Kind: agent.KindLAN, Address: a}
}

func remote(id int, a netip.Addr) agent.Session {
	s := session(id, a)
	s.Kind = agent.KindVPN
	return s
}

func grant(tb testing.TB, f *Firewall, s agent.Session) agent.Session {
	tb.Helper()
	if err := f.Grant(context.Background(), s); err != nil {
		tb.Fatalf("granting %s: %v", s.Address, err)
	}
	return s
}

// known makes the gateway know the MAC of a host, as an agent's connection does.
func (l lab) known(tb testing.TB, where string, from netip.Addr) {
	tb.Helper()
	to := map[string]string{inLAN: "10.77.1.1", inLAN1: "10.77.3.1"}[where]
	if from.Is6() {
		to = "fd77:1::1"
	}
	addr := l.listen(tb, "", netip.MustParseAddr(to), 0, says("hello"))
	l.wantOpen(tb, "the gateway itself", where, from, addr)
}

// revoked takes a session away and waits until that is done.
func revoked(tb testing.TB, f *Firewall, s agent.Session) {
	tb.Helper()
	f.Revoke(context.Background(), s)
	done := &task{action: actGrantAddress, client: further("nobody", netip.Addr{}), done: make(chan error, 1)}
	if err := f.leave(done); err != nil {
		tb.Fatal(err)
	}
	<-done.done
}

// elementsNow reads what the kernel has in some sets; in all of ours by default.
func elementsNow(sets ...*memberSet) ([]found, error) {
	w, err := dial()
	if err != nil {
		return nil, err
	}
	defer w.close()
	if len(sets) == 0 {
		sets = sessionSets
	}
	return w.list(sets)
}
