package wgbind

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"

	"ideco-agent/agent/netlab"
)

// twoWays connects two places by two cables. The route to 10.77.99.0/24, addresses of the second place, leads over the
// first cable.
var twoWays = netlab.Network{Places: []string{"here", "there"}, Script: `
join here cable there cable; join here spare there spare
at here addr add 10.77.1.1/24 dev cable; at there addr add 10.77.1.2/24 dev cable
at here addr add 10.77.2.1/24 dev spare; at there addr add 10.77.2.2/24 dev spare
at here addr add fd77:1::1/64 dev cable nodad; at there addr add fd77:1::2/64 dev cable nodad
at there addr add 10.77.99.1/32 dev lo; at here route add 10.77.99.0/24 via 10.77.1.2
inside here sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/spare/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/cable/rp_filter'
`}

// opened is an open bind.
type opened struct {
	*bind
	t *testing.T
}

func open(t *testing.T) opened {
	t.Helper()
	b, ok := New().(*bind)
	if !ok {
		t.Fatalf("a %T", New())
	}
	if _, _, err := b.Open(0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return opened{b, t}
}

// endpointOf returns the endpoint of a peer that has sent a datagram to an address of an interface. It is what StdNetBind
// makes on a kernel before 5.12.
func (o opened) endpointOf(peer *net.UDPConn, to, link string) conn.Endpoint {
	o.t.Helper()
	on, err := net.InterfaceByName(link)
	if err != nil {
		o.t.Fatal(err)
	}
	e := &conn.StdNetEndpoint{AddrPort: peer.LocalAddr().(*net.UDPAddr).AddrPort()}
	info := unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(on.Index), Spec_dst: netip.MustParseAddr(to).As4()})
	field := reflect.ValueOf(e).Elem().FieldByName("src")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().SetBytes(info)
	if e.SrcIP().String() != to || int(e.SrcIfidx()) != on.Index {
		o.t.Fatalf("source %s, interface %d", e.SrcIP(), e.SrcIfidx())
	}
	return e
}

// source returns the address from which the peer gets what is sent to the endpoint.
func (o opened) source(peer *net.UDPConn, to conn.Endpoint) string {
	o.t.Helper()
	if err := o.Send([][]byte{[]byte("hi")}, to); err != nil {
		return err.Error()
	}
	if err := peer.SetReadDeadline(time.Now().Add(netlab.Patience)); err != nil {
		o.t.Fatal(err)
	}
	_, from, err := peer.ReadFromUDPAddrPort(make([]byte, 16))
	if err != nil {
		o.t.Fatal(err)
	}
	return from.Addr().Unmap().String()
}

// TestSendLongBatch: a batch of datagrams that are longer than the MTU arrives as it was sent, over IPv4 and IPv6.
func TestSendLongBatch(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		l.IP(t, "here", "link", "set", "cable", "mtu", "1280")
		l.IP(t, "there", "link", "set", "cable", "mtu", "1280")
		o := open(t)
		for _, address := range []string{"10.77.1.2", "fd77:1::2"} {
			peer := l.UDP(t, "there", netip.AddrPortFrom(netip.MustParseAddr(address), 0))
			to, err := o.ParseEndpoint(peer.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			var bufs [][]byte
			for i := range 10 {
				bufs = append(bufs, append(make([]byte, 0, 1<<16), bytes.Repeat([]byte{byte(i)}, 1452)...))
			}
			if err := o.Send(bufs, to); err != nil {
				t.Errorf("%s: %v", address, err)
			}
			got := make([]byte, 2000)
			for i := range bufs {
				if err := peer.SetReadDeadline(time.Now().Add(netlab.Patience)); err != nil {
					t.Fatal(err)
				}
				n, err := peer.Read(got)
				if err != nil || !bytes.Equal(got[:n], bufs[i]) {
					t.Errorf("%s: datagram %d: %d bytes, %v", address, i, n, err)
				}
			}
		}
	})
}

// TestSendBothVersions: datagrams to IPv4 and IPv6 in turn all arrive, also after the sockets were opened again.
func TestSendBothVersions(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		o := open(t)
		var peers [2]*net.UDPConn
		var to [2]conn.Endpoint
		for i, address := range []string{"10.77.1.2", "fd77:1::2"} {
			var err error
			peers[i] = l.UDP(t, "there", netip.AddrPortFrom(netip.MustParseAddr(address), 0))
			if to[i], err = o.ParseEndpoint(peers[i].LocalAddr().String()); err != nil {
				t.Fatal(err)
			}
		}
		for opened := 1; ; opened++ {
			for range 50 { // the buffers come from a sync.Pool at random
				for i, peer := range peers {
					o.source(peer, to[i])
				}
			}
			if opened == 2 {
				return
			}
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := o.Open(0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestSendFromMovedSource: datagrams leave over another uplink when the route leads there, or when the source address or its
// interface is gone.
func TestSendFromMovedSource(t *testing.T) {
	for name, change := range map[string][][]string{
		"another route":     {{"route", "replace", "10.77.99.0/24", "via", "10.77.2.2"}},
		"no address":        {{"addr", "del", "10.77.1.1/24", "dev", "cable"}, {"route", "replace", "10.77.99.0/24", "via", "10.77.2.2"}},
		"interface is down": {{"link", "set", "cable", "down"}, {"route", "replace", "10.77.99.0/24", "via", "10.77.2.2"}},
		"no interface":      {{"link", "del", "cable"}, {"route", "replace", "10.77.99.0/24", "via", "10.77.2.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
				o := open(t)
				peer := l.UDP(t, "there", netip.MustParseAddrPort("10.77.99.1:0"))
				to := o.endpointOf(peer, "10.77.1.1", "cable")
				if from := o.source(peer, to); from != "10.77.1.1" {
					t.Fatalf("before: from %s", from)
				}
				for _, args := range change {
					l.IP(t, "here", args...)
				}
				netlab.Eventually(t, "it comes from the other uplink", func() bool { return o.source(peer, to) == "10.77.2.1" })
			})
		})
	}
}

// TestSendAgainFromAnotherSource: a datagram whose source address is gone is sent before the change of the network is
// noticed.
func TestSendAgainFromAnotherSource(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		o := open(t)
		o.sources.close()
		o.sources = nil
		peer := l.UDP(t, "there", netip.MustParseAddrPort("10.77.99.1:0"))
		to := o.endpointOf(peer, "10.77.1.1", "cable")
		l.IP(t, "here", "addr", "del", "10.77.1.1/24", "dev", "cable")
		l.IP(t, "here", "route", "replace", "10.77.99.0/24", "via", "10.77.2.2")
		if from := o.source(peer, to); from != "10.77.2.1" {
			t.Errorf("from %s", from)
		}
	})
}

// TestSendFromAskedSource: a peer that asked an address of another interface than the route's gets its answers from there,
// also after routes have changed.
func TestSendFromAskedSource(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		o := open(t)
		peer := l.UDP(t, "there", netip.MustParseAddrPort("10.77.99.1:0"))
		to := o.endpointOf(peer, "10.77.2.1", "spare")
		for i := range 3 {
			if from := o.source(peer, to); from != "10.77.2.1" {
				t.Errorf("from %s after %d changes", from, i)
			}
			before := o.sources.changes.Load()
			l.IP(t, "here", "route", "add", "blackhole", fmt.Sprintf("192.0.2.%d/32", i))
			netlab.Eventually(t, "the change is noticed", func() bool { return o.sources.changes.Load() > before })
		}
	})
}

// TestWatchNetwork: changes of routes, addresses and interfaces are reported until the watch is stopped.
func TestWatchNetwork(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		told := make(chan struct{}, 100)
		stop, err := WatchNetwork(func() { told <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"route", "add", "192.0.2.0/24", "via", "10.77.2.2"}, {"addr", "add", "10.77.3.1/24", "dev", "spare"}, {"link", "set", "spare", "down"},
		} {
			l.IP(t, "here", args...)
			select {
			case <-told:
			case <-time.After(netlab.Patience):
				t.Errorf("not reported: %v", args)
			}
		}
		stop()
	})
}

// TestOpenTwice: a bind can be opened again after Close, as wireguard-go does for another port, and leaves nothing open.
// Before Open it sends nothing.
func TestOpenTwice(t *testing.T) {
	b := New()
	for _, address := range []string{"127.0.0.1:9", "[::1]:9"} {
		to, err := b.ParseEndpoint(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Send([][]byte{{0}}, to); err == nil {
			t.Errorf("sent to %s", address)
		}
	}
	for range 2 {
		if _, _, err := b.Open(0); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := b.Open(0); err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
	if after, err := os.ReadDir("/proc/self/fd"); err != nil || len(after) > len(before) {
		t.Errorf("%d descriptors before, %d after, %v", len(before), len(after), err)
	}
}

// TestForgedPathMTU: a forged ICMP message "fragmentation needed" does not make the kernel fragment what is sent to a peer.
// Anybody who knows the addresses of both ends can send one.
func TestForgedPathMTU(t *testing.T) {
	twoWays.Enter(t, func(t *testing.T, l *netlab.Lab) {
		b := New()
		_, port, err := b.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		to, err := b.ParseEndpoint(l.UDP(t, "there", netip.MustParseAddrPort("10.77.1.2:0")).LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		received := countIP(t, "InReceives")
		forgePathMTU(t, l, "10.77.1.1", "10.77.1.2", port)
		netlab.Eventually(t, "the message arrives", func() bool { return countIP(t, "InReceives") > received })
		for range 2 { // alone and in a batch
			if err := b.Send([][]byte{make([]byte, 1400, 1<<16), make([]byte, 1400, 1<<16)}, to); err != nil {
				t.Fatal(err)
			}
			if err := b.Send([][]byte{make([]byte, 1400)}, to); err != nil {
				t.Fatal(err)
			}
		}
		if made := countIP(t, "FragCreates"); made != 0 {
			t.Errorf("%d fragments", made)
		}
	})
}

// forgePathMTU sends a message from the second place, which quotes a datagram of the first one and reports an MTU of 576 bytes.
func forgePathMTU(t *testing.T, l *netlab.Lab, from, to string, port uint16) {
	t.Helper()
	quoted := append([]byte{0x45, 0, 0x05, 0xdc, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}, netip.MustParseAddr(from).AsSlice()...)
	quoted = append(quoted, netip.MustParseAddr(to).AsSlice()...)
	quoted = binary.BigEndian.AppendUint16(quoted, port)
	quoted = append(quoted, 0, 9, 0x05, 0xc8, 0, 0) // to any port
	m := icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Code: 4, Body: &icmp.RawBody{Data: append([]byte{0, 0, 0x02, 0x40}, quoted...)}}
	b, err := m.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.At("there", func() error {
		c, err := net.Dial("ip4:icmp", from)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// countIP returns a counter of this network namespace (RFC 4293).
func countIP(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	n, err := strconv.Atoi(strings.Fields(lines[1])[slices.Index(strings.Fields(lines[0]), name)])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
