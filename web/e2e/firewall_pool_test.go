//go:build gateway

package e2e

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// TestFirewallSmallPool: a VPN network has one address for people. The next person gets it at once, but no packet of the
// previous person's connections.
func TestFirewallSmallPool(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"vpn_network": "10.128.0.0/30"}, "--tunnel", "tun", "--tunnel-name", w.Link("w"), "--wireguard-port", tunnelPort)
		g.person("ivan")
		g.person("olga")
		ivan := g.tunnelled(inHome, "ivan", w.Link("a"))
		at := netip.MustParseAddr("10.128.0.2")
		if got := ivan.seen[len(ivan.seen)-1].Address; !strings.HasPrefix(got, at.String()) {
			t.Fatalf("ivan has %s", got)
		}
		var flows []*oldFlow
		for place, from := range map[string]netip.Addr{inFar: far, inNet: distant} { // without and with NAT
			flows = append(flows, w.oldFlow(t, place, from, inHome, at))
		}

		// Everything that the servers send to the next person is counted.
		nft := func(command string) string {
			t.Helper()
			return netlab.Run(t, "ip", "netns", "exec", w.Name(inHotel), "nft", command)
		}
		link := w.Link("b")
		nft(`table ip seen { chain pre { type filter hook prerouting priority raw; iifname "` + link + `" ip saddr { ` + far.String() + ", " + distant.String() + ` } counter; }; }`)

		ivan.signal(syscall.SIGTERM)
		ivan.exits(0)
		olga := g.tunnelled(inHotel, "olga", link)
		if got := olga.seen[len(olga.seen)-1].Address; !strings.HasPrefix(got, at.String()) {
			t.Fatalf("olga has %s", got)
		}
		w.open(t, "her own traffic", inHotel, at, w.Serve(t, inOne, netip.AddrPortFrom(one, 0), netlab.Says("LAN")))
		for _, f := range flows {
			f.sendsMore(t)
		}
		if seen := nft("list table ip seen"); !strings.Contains(seen, "packets 0 ") {
			t.Errorf("packets of ivan's connections came to olga:\n%s", seen)
		}
		w.open(t, "her traffic with a server of his", inHotel, at, w.Serve(t, inFar, netip.AddrPortFrom(far, 0), netlab.Says("world")))
		if seen := nft("list table ip seen"); strings.Contains(seen, "packets 0 ") {
			t.Errorf("nothing is counted:\n%s", seen)
		}
	})
}

// oldFlow is a server's end of a TCP and a UDP flow.
type oldFlow struct {
	udp  *net.UDPConn
	back netip.AddrPort
	tcp  net.Conn
}

// oldFlow opens a TCP and a UDP flow from an address in a place to a server in another, and checks both directions.
func (w lab) oldFlow(t *testing.T, serverIn string, server netip.Addr, place string, from netip.Addr) *oldFlow {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	ln := w.Listen(t, serverIn, netip.AddrPortFrom(server, 0))
	go func() {
		if c, err := ln.Accept(); err == nil {
			accepted <- c
		}
	}()
	c, err := w.Dial(t.Context(), place, "tcp", from, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f := &oldFlow{udp: w.UDP(t, serverIn, netip.AddrPortFrom(server, 0)), tcp: <-accepted}
	t.Cleanup(func() { f.tcp.Close() })
	b := make([]byte, 16)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.tcp.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(b); string(b[:n]) != "first" {
		t.Fatalf("TCP from %s: %q, %v", server, b[:n], err)
	}
	u := w.UDP(t, place, netip.AddrPortFrom(from, 0))
	if _, err := u.WriteToUDPAddrPort([]byte("more"), f.udp.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		t.Fatal(err)
	}
	_ = f.udp.SetReadDeadline(time.Now().Add(patience))
	if _, f.back, err = f.udp.ReadFromUDPAddrPort(b); err != nil {
		t.Fatal(err)
	}
	_ = u.SetReadDeadline(time.Now().Add(patience))
	if _, err := f.udp.WriteToUDPAddrPort([]byte("first"), f.back); err != nil {
		t.Fatal(err)
	}
	if n, err := u.Read(b); string(b[:n]) != "first" {
		t.Fatalf("UDP from %s: %q, %v", server, b[:n], err)
	}
	return f
}

// sendsMore makes the server send on both flows for a while.
func (f *oldFlow) sendsMore(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 25 {
		<-tick.C
		_, _ = f.udp.WriteToUDPAddrPort([]byte("late"), f.back) // a reject of the former packet is an error here
		_, _ = f.tcp.Write([]byte("late"))
	}
}
