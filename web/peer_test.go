package web

import (
	"net"
	"net/netip"
	"testing"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// TestArrivedThrough: the interface of a connection is known for each family, and on a socket that carries both.
func TestArrivedThrough(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"},
		{"tcp6", "[::1]:0", "::1"},
		{"tcp", "[::]:0", "127.0.0.1"},
		{"tcp", "[::]:0", "::1"},
	} {
		listener, err := net.Listen(c.network, c.listen)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		client, err := net.Dial("tcp", net.JoinHostPort(c.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := arrivedThrough(conn); got != lo.Name {
			t.Errorf("%s at %s, from %s: interface %q, want %q", c.network, c.listen, c.dial, got, lo.Name)
		}
		client.Close()
		conn.Close()
		listener.Close()
	}
	if got := arrivedThrough(&fakeConn{}); got != "" {
		t.Errorf("a connection without a socket came through %q", got)
	}
}

// TestInsideThrough: the interface of a connection decides, not the route to its address.
func TestInsideThrough(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	s := gatewaySettings()
	s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("127.0.0.0/8")}
	s.LANInterfaces = []string{"lan0"}
	for _, c := range []struct {
		peer    string
		through string
		want    bool
	}{
		{"127.0.0.1", lo.Name, true}, // this machine itself
		{"127.0.0.1", "", true},
		{"127.0.0.1", goneInterface, false},
		{"192.168.1.5", goneInterface, false},
		{"192.168.1.5", "lan0", true}, // does not exist now
		{"192.168.1.5", "wan0", false},
		{"203.0.113.5", lo.Name, false},
	} {
		if got := inside(s, netip.MustParseAddr(c.peer), c.through); got != c.want {
			t.Errorf("%s through %q: inside %v", c.peer, c.through, got)
		}
	}
}

// TestLimiterInterface: a connection counts as one from the LAN by the interface through which it came.
func TestLimiterInterface(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	l := newConnLimiter(connLimits{host: 9, site: 9, outside: 9, lan: 9}, true, func(_ netip.Addr, through string) bool { return through == lo.Name })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	admitted := l.admit(conn)
	defer admitted.Close()
	l.admit(&fakeConn{from: netip.MustParseAddr("192.168.1.5")})
	if l.outside.all.conns != 1 || l.lan.all.conns != 1 || admitted.Interface() != lo.Name {
		t.Errorf("%d outside, %d in the LAN, through %q", l.outside.all.conns, l.lan.all.conns, admitted.Interface())
	}
}

// TestInsideRecreated: a connection stays in the LAN when its interface is deleted and created again under its name. For a
// connection through an interface that is gone, the route to its address does not count.
func TestInsideRecreated(t *testing.T) {
	needs.Program(t, "ip", "iproute2")
	netlab.InNewNamespace(t, func(t *testing.T) {
		const lan0 = "ip link add lan0 type veth peer peer0; ip addr add 192.168.1.1/24 dev lan0; ip link set lan0 up; ip link set peer0 up; "
		netlab.Run(t, "sh", "-ec", lan0+"ip link del lan0; "+lan0)
		s, a := gatewaySettings(), netip.MustParseAddr("192.168.1.5")
		for through, want := range map[string]bool{"lan0": true, "wan0": false, goneInterface: false, "": true} {
			if got := inside(s, a, through); got != want {
				t.Errorf("through %q: inside %v", through, got)
			}
		}
	})
}
