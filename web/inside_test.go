package web

import (
	"net"
	"net/netip"
	"testing"
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
		if got := arrivedThrough(conn); got != lo.Index {
			t.Errorf("%s at %s, from %s: interface %d, want %d", c.network, c.listen, c.dial, got, lo.Index)
		}
		client.Close()
		conn.Close()
		listener.Close()
	}
	if got := arrivedThrough(&fakeConn{}); got != 0 {
		t.Errorf("a connection without a socket came through %d", got)
	}
}

// TestInsideThrough: the interface of a connection decides, not the way to its address.
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
		through int
		want    bool
	}{
		{"127.0.0.1", lo.Index, true}, // this machine itself
		{"127.0.0.1", 0, true},
		{"127.0.0.1", 1 << 30, false}, // an interface that is gone
		{"192.168.1.5", 1 << 30, false},
		{"203.0.113.5", lo.Index, false},
	} {
		if got := inside(s, netip.MustParseAddr(c.peer), c.through); got != c.want {
			t.Errorf("%s through %d: inside %v", c.peer, c.through, got)
		}
	}
}

// TestLimiterInterface: a connection counts as one from the LAN by the interface through which it came.
func TestLimiterInterface(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	l := newConnLimiter(connLimits{host: 9, site: 9, outside: 9, lan: 9}, true, func(_ netip.Addr, through int) bool { return through == lo.Index })
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
	if l.outside.all.conns != 1 || l.lan.all.conns != 1 || admitted.Interface() != lo.Index {
		t.Errorf("%d outside, %d in the LAN, through %d", l.outside.all.conns, l.lan.all.conns, admitted.Interface())
	}
}
