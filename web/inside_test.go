package web

import (
	"net"
	"net/netip"
	"testing"
)

// connTo is a connection to one of this machine's addresses.
type connTo struct {
	fakeConn
	local netip.Addr
}

func (c *connTo) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.local, 8443))
}

// TestLimiterLocal: whether a connection counts as one from the LAN depends on both of its ends.
func TestLimiterLocal(t *testing.T) {
	wan, lan := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("192.168.1.1")
	l := newConnLimiter(connLimits{host: 9, site: 9, outside: 9, lan: 9}, true, func(_, local netip.Addr) bool { return local == lan })
	for _, local := range []netip.Addr{wan, lan, lan} {
		l.admit(&connTo{fakeConn{from: netip.MustParseAddr("192.168.1.5")}, local})
	}
	if l.outside.all.conns != 1 || l.lan.all.conns != 2 {
		t.Errorf("%d outside, %d in the LAN", l.outside.all.conns, l.lan.all.conns)
	}
}
