package firewall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

func TestClosedBeforeLogin(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		open(t, labPlan(), Options{})
		four, six := l.listen(t, inWAN, server, 0, netlab.Says("world")), l.listen(t, inWAN, server6, 0, netlab.Says("world"))
		l.wantClosed(t, "IPv4", inLAN, host, four)
		l.wantClosed(t, "IPv6", inLAN, host6, six)
		for _, network := range []struct {
			from netip.Addr
			to   netip.AddrPort
		}{{host, netip.AddrPortFrom(server, 9999)}, {host6, netip.AddrPortFrom(server6, 9999)}, {host, netip.AddrPortFrom(server, 53)}} {
			l.wantProhibited(t, network.from, network.to)
		}
		l.wantOpen(t, "LAN to LAN", inLAN, host, l.listen(t, inLAN1, neighbor, 0, netlab.Says("neighbor")))
		l.wantOpen(t, "the gateway", inLAN, host, l.listen(t, "", netip.MustParseAddr("10.77.1.1"), 0, netlab.Says("gateway")))

		l.IP(t, inWAN, "route", "add", "10.77.1.0/24", "via", "10.77.2.1")
		inside := l.listen(t, inLAN, host, 0, netlab.Says("inside"))
		if !l.noAnswer(t, inWAN, server, inside) {
			t.Error("the LAN can be reached from outside")
		}
		nft(t, fmt.Sprintf("table ip theirs { chain pre { type nat hook prerouting priority dstnat; iifname wan0 tcp dport 9000 dnat to %s; }; }", inside))
		l.wantOpen(t, "a published service", inWAN, server, netip.MustParseAddrPort("10.77.2.1:9000"))
	})
}

// wantProhibited sends UDP, which must be answered by an ICMP error.
func (l lab) wantProhibited(t *testing.T, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	c, err := l.dial(t, inLAN, "udp", from, to)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(make([]byte, 16))
	if !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.EACCES) {
		t.Errorf("UDP from %s to %s: %v, want an ICMP error", from, to, err)
	}
}

// TestRejectStaysInLAN: a packet with a spoofed outer source is not answered, because the ICMP error quotes it.
func TestRejectStaysInLAN(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		open(t, labPlan(), Options{})
		l.IP(t, inLAN, "addr", "add", server.String()+"/32", "dev", "lo")
		var icmp net.PacketConn
		if err := l.At(inWAN, func() (err error) {
			icmp, err = net.ListenPacket("ip4:icmp", server.String())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		defer icmp.Close()
		c, err := l.dial(t, inLAN, "udp", server, netip.AddrPortFrom(elsewhere, 9999))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("secret")); err != nil {
			t.Fatal(err)
		}
		l.wantProhibited(t, host, netip.AddrPortFrom(elsewhere, 9999)) // then the first packet has passed the gateway too
		_ = icmp.SetReadDeadline(time.Now().Add(silence))
		b := make([]byte, 1500)
		if n, _, err := icmp.ReadFrom(b); err == nil {
			t.Errorf("the WAN got %q", b[:n])
		}
	})
}

func TestDownloadStops(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		for _, way := range []struct {
			from, at netip.Addr
		}{{host, server}, {host6, server6}, {routed, server}} {
			to := l.listen(t, inWAN, way.at, 0, netlab.Paced)
			l.learnMAC(t, inLAN, host)
			if way.from.Is6() {
				l.learnMAC(t, inLAN, host6)
			}
			s := grant(t, f, session(1, way.from))
			download := l.Download(t, "the download", inLAN, way.from, to)
			download.Runs(t)
			grant(t, f, s) // again
			download.Runs(t)
			began := time.Now()
			f.Revoke(context.Background(), s)
			if took := download.Stops(t).Sub(began); took > 200*time.Millisecond {
				t.Errorf("%s: the last byte came %s after Revoke", way.from, took)
			}
			l.wantClosed(t, "after the end", inLAN, way.from, to)
		}
	})
}

func TestOtherHost(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, second)
		s := grant(t, f, session(1, host))
		l.wantOpen(t, "the host", inLAN, host, to)
		l.wantClosed(t, "its second address", inLAN, second, to)

		l.IP(t, inLAN1, "addr", "add", host.String()+"/32", "dev", "lo")
		if !l.noAnswer(t, inLAN1, host, to) && !l.refused(t, inLAN1, host, to) {
			t.Error("the address is open on the other LAN")
		}
		if f.MACs()[s.ID].String() == "" {
			t.Error("MACs has no MAC")
		}

		l.IP(t, inLAN, "link", "set", "eth0", "address", "02:00:00:00:00:66")
		l.IP(t, inLAN, "route", "replace", "default", "via", "10.77.1.1")
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", "02:00:00:00:00:66")
		for _, when := range []string{"the address at another MAC", "after another grant"} {
			if !l.noAnswer(t, inLAN, host, to) {
				t.Errorf("%s: it is answered; a reject would end the connections of a host that is followed", when)
			}
			grant(t, f, s)
		}
		l.follows(t, f, inLAN, host)
		l.wantOpen(t, "the new MAC when it is proved", inLAN, host, to)
		if got := f.MACs()[s.ID].String(); got != "02:00:00:00:00:66" {
			t.Errorf("MAC %s", got)
		}
	})
}

func (l lab) refused(t *testing.T, where string, from netip.Addr, to netip.AddrPort) bool {
	t.Helper()
	_, err := l.Hears(where, from, to, patience)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH)
}

// udpStream sends UDP from a host to a server. The returned function sends replies and reports whether any arrives.
func (l lab) udpStream(t *testing.T, where string, host netip.Addr, there string, server netip.Addr) (arrives func() bool) {
	t.Helper()
	sender, receiver := l.UDP(t, there, netip.AddrPortFrom(server, 0)), l.UDP(t, where, netip.AddrPortFrom(host, 0))
	receiver.WriteToUDPAddrPort([]byte("more"), sender.LocalAddr().(*net.UDPAddr).AddrPort())
	buf := make([]byte, 64)
	sender.SetReadDeadline(time.Now().Add(patience))
	_, back, err := sender.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	return func() (some bool) {
		for range 10 {
			sender.WriteToUDPAddrPort([]byte("stream"), back)
		}
		receiver.SetReadDeadline(time.Now().Add(silence))
		for { // until all have arrived
			if _, err := receiver.Read(buf); err != nil {
				return some
			}
			some = true
		}
	}
}

// TestNextUserOfAddress: replies to the former user of an address do not reach the next one, also from a local network behind
// the WAN interface. Connections that need no session, such as those to a DMZ, continue.
func TestNextUserOfAddress(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.LAN = p.LAN[:1] // behind lan1 is the DMZ
		p.LocalNetworks = append(p.LocalNetworks, netip.PrefixFrom(elsewhere, 24))
		nft(t, "table ip nat { chain hide { type nat hook postrouting priority srcnat; oifname lan1 masquerade; }; }")
		f := open(t, p, Options{})
		l.learnMAC(t, inLAN, host)
		for name, change := range map[string]func(agent.Session){
			"after the end": func(s agent.Session) {
				f.Revoke(context.Background(), s)
				grant(t, f, session(2, host))
			},
			"by another grant": func(agent.Session) { grant(t, f, session(3, host)) },
		} {
			s := grant(t, f, session(1, host))
			outside, local := l.udpStream(t, inLAN, host, inWAN, server), l.udpStream(t, inLAN, host, inWAN, elsewhere)
			free := l.udpStream(t, inLAN, host, inLAN1, neighbor)
			if !outside() || !local() || !free() {
				t.Fatalf("%s: the first user gets nothing", name)
			}
			change(s)
			if outside() {
				t.Errorf("%s: the next user gets packets from the Internet", name)
			}
			if local() {
				t.Errorf("%s: the next user gets packets from a local network behind the WAN interface", name)
			}
			if !free() {
				t.Errorf("%s: a connection to the DMZ was cut", name)
			}
			for id := 1; id <= 3; id++ {
				revokeAndWait(t, f, session(id, host))
			}
		}
	})
}

// TestUnfilteredConnectionsStay: a start keeps the connections of hosts behind interfaces that are not filtered, and deletes
// those of other hosts without a session.
func TestUnfilteredConnectionsStay(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan() // lan1 is attached and local, but not chosen
		p.LAN = p.LAN[:1]
		nft(t, "table ip nat { chain hide { type nat hook postrouting priority srcnat; oifname wan0 masquerade; }; }")
		ours, others := l.udpStream(t, inLAN, host, inWAN, server), l.udpStream(t, inLAN1, neighbor, inWAN, server)
		open(t, p, Options{})
		if !others() {
			t.Error("a host behind an interface that is not chosen has lost its connection")
		}
		if ours() {
			t.Error("a host without a session has kept its connection")
		}
	})
}

// TestSameUserKeepsConnections: the next session of the same user on an address keeps its connections.
func TestSameUserKeepsConnections(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		to := l.listen(t, inWAN, server, 0, netlab.Paced)
		first := grant(t, f, session(1, host))
		download := l.Download(t, "the download", inLAN, host, to)
		download.Runs(t)
		next := first
		next.ID = "next"
		grant(t, f, next)
		netlab.Eventually(t, "the traffic is counted", func() bool {
			return f.Traffic()[next.ID].Rx > 0 && f.Traffic()[next.ID].Tx > f.Traffic()[next.ID].Rx/2
		})
		if _, ok := f.Traffic()[first.ID]; ok {
			t.Error("an ended session is still counted")
		}
		unknown := first
		unknown.ID = "never granted" // revoking it closes the address all the same
		revokeAndWait(t, f, unknown)
		download.Stops(t)
		if len(f.Traffic()) != 0 {
			t.Errorf("still counted: %v", f.Traffic())
		}
	})
}

// TestSameUserKeepsMAC: the next session of the same user keeps the MAC while the kernel does not know it.
func TestSameUserKeepsMAC(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		first := grant(t, f, session(1, host))
		want := f.MACs()[first.ID].String()
		netlab.Run(t, "ip", "neigh", "flush", "dev", "lan0")
		next := first
		next.ID = "next"
		grant(t, f, next)
		if got := f.MACs()[next.ID].String(); got != want {
			t.Errorf("MAC %q, want %q", got, want)
		}
	})
}

func TestRedirects(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.Redirect = Redirect{GatewayAddrs: []netip.Addr{outer}, PortalPort: 8443, AgentPort: 14765, WireGuardPort: 3051, HTTPPort: 8080}
		f := open(t, p, Options{})
		any4 := netip.IPv4Unspecified()
		l.listen(t, "", any4, 8080, netlab.Says("sign in"))
		l.listen(t, "", any4, 8443, netlab.Says("portal"))
		l.listen(t, "", any4, 14765, netlab.Says("agent"))
		l.listen(t, inWAN, server, 80, netlab.Says("world"))
		l.listen(t, inLAN1, neighbor, 80, netlab.Says("intranet"))
		l.learnMAC(t, inLAN, host)
		for name, login := range map[string]bool{"before login": false, "after login": true} {
			web := "sign in"
			if login {
				web = "world"
				grant(t, f, session(1, host))
			}
			for to, want := range map[netip.AddrPort]string{
				netip.AddrPortFrom(server, 80):            web,
				netip.AddrPortFrom(neighbor, 80):          "intranet",
				netip.AddrPortFrom(outer, 8443):           "portal",
				netip.AddrPortFrom(outer, 14765):          "agent",
				netip.MustParseAddrPort("10.77.1.1:8443"): "portal",
			} {
				if got, err := l.Hears(inLAN, host, to, patience); got != want {
					t.Errorf("%s: %s says %q (%v), want %q", name, to, got, err, want)
				}
			}
			l.wantHairpin(t)
			revokeAndWait(t, f, session(1, host))
		}
		for _, to := range []netip.AddrPort{netip.AddrPortFrom(outer, 80), netip.AddrPortFrom(elsewhere, 80)} {
			if got, err := l.Hears(inLAN, host, to, patience); got != "sign in" {
				t.Errorf("%s says %q (%v)", to, got, err)
			}
		}
	})
}

// TestCountedOnce: every packet is counted once, also the first one to port 80, which another chain looks up too.
func TestCountedOnce(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		netlab.Run(t, "nft", `table inet count {
			chain forward { type filter hook forward priority 10; iifname lan0 oifname wan0 counter name sent; }
			counter sent { }
		}`)
		p := labPlan()
		p.Redirect.HTTPPort = 8080
		f := open(t, p, Options{})
		four, six := l.listen(t, inWAN, server, 80, netlab.Says("world")), l.listen(t, inWAN, server6, 80, netlab.Says("world"))
		for _, way := range []struct {
			host netip.Addr
			site netip.AddrPort
		}{{host, four}, {host6, six}, {routed, four}} {
			l.learnMAC(t, inLAN, way.host)
			s := grant(t, f, session(1, way.host))
			nft(t, "reset counters")
			l.wantOpen(t, "a site", inLAN, way.host, way.site)
			netlab.Eventually(t, "every packet is counted once", func() bool { // the last packets come after the answer
				inReconciler(t, f, (*reconciler).sample)
				sent := netlab.Run(t, "nft", "list", "counter", "inet", "count", "sent")
				return strings.Contains(sent, fmt.Sprintf("bytes %d\n", f.Traffic()[s.ID].Rx))
			})
			revokeAndWait(t, f, s)
		}
	})
}

// TestDMZIsNotRedirected: connections to networks behind other interfaces are not redirected, even if they are not local networks.
func TestDMZIsNotRedirected(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.LAN, p.LocalNetworks = p.LAN[:1], nil
		p.Redirect.HTTPPort = 8080
		open(t, p, Options{})
		l.listen(t, "", netip.IPv6Unspecified(), 8080, netlab.Says("sign in"))
		l.listen(t, inLAN1, neighbor, 80, netlab.Says("DMZ"))
		for to, want := range map[netip.AddrPort]string{
			netip.AddrPortFrom(neighbor, 80):          "DMZ",
			netip.AddrPortFrom(server, 80):            "sign in",
			netip.MustParseAddrPort("10.77.2.1:8080"): "sign in", // the gateway itself
		} {
			if got, err := l.Hears(inLAN, host, to, patience); got != want {
				t.Errorf("%s says %q (%v), want %q", to, got, err, want)
			}
		}
		if got, err := l.Hears(inLAN, host6, netip.AddrPortFrom(server6, 80), patience); got != "sign in" {
			t.Errorf("IPv6: %q, %v", got, err)
		}
	})
}

// wantHairpin sends to the WireGuard port of the gateway's outer address.
func (l lab) wantHairpin(t *testing.T) {
	t.Helper()
	gateway, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 3051})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	c, err := l.dial(t, inLAN, "udp", host, netip.AddrPortFrom(outer, 3051))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 16)
	gateway.SetDeadline(time.Now().Add(patience))
	c.SetDeadline(time.Now().Add(patience))
	c.Write([]byte("handshake"))
	n, from, err := gateway.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "handshake" {
		t.Fatalf("the gateway got %q, %v", buf[:n], err)
	}
	gateway.WriteToUDPAddrPort([]byte("answer"), from)
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "answer" {
		t.Errorf("the host got %q, %v", buf[:n], err)
	}
}

func TestOpenBeforeLogin(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server}, {Addr: server6}}
		open(t, p, Options{})
		l.wantOpen(t, "an open address", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Says("open")))
		l.wantOpen(t, "an open address of IPv6", inLAN, host6, l.listen(t, inWAN, server6, 0, netlab.Says("open")))
		l.wantClosed(t, "another address", inLAN, host, l.listen(t, inWAN, elsewhere, 0, netlab.Says("closed")))
		l.wantProhibited(t, host, netip.AddrPortFrom(elsewhere, 53))
		if got := l.flood(t, host, netip.AddrPortFrom(server, 53), 200); got < 15 || got > 40 {
			t.Errorf("%d of 200 packets came through, want about 20", got)
		}
		if got := l.flood(t, second, netip.AddrPortFrom(server, 53), 10); got != 10 {
			t.Errorf("%d of 10 packets of another host came through", got)
		}
		if got := l.flood(t, host6, netip.AddrPortFrom(server6, 53), 200); got < 15 || got > 40 {
			t.Errorf("%d of 200 packets of IPv6 came through, want about 20", got)
		}
		netlab.Eventually(t, "an idle host is removed from the set", func() bool {
			return !strings.Contains(netlab.Run(t, "nft", "list", "set", "inet", Table, dnsMAC4.name), host.String())
		})
		if got := l.flood(t, host, netip.AddrPortFrom(server, 5353), 100); got != 100 {
			t.Errorf("%d of 100 packets to another port came through", got)
		}
	})
}

// TestOpenPort: an entry with a port opens only that port, and only replies from that port pass.
func TestOpenPort(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.Redirect.HTTPPort = 8080
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server, Port: 53}, {Addr: server6, Port: 53}, {Addr: elsewhere, Port: 80}}
		f := open(t, p, Options{})
		l.listen(t, "", netip.IPv4Unspecified(), 8080, netlab.Says("sign in"))
		for from, to := range map[netip.Addr]netip.Addr{host: server, host6: server6} {
			dns := netip.AddrPortFrom(to, 53)
			l.wantOpen(t, "TCP", inLAN, from, l.listen(t, inWAN, to, 53, netlab.Says("open")))
			l.serveDNS(t, dns, func(netip.Addr) bool { return true })
			if !l.resolves(t, from, dns) {
				t.Errorf("%s gets no answer from %s", from, dns)
			}
			l.wantClosed(t, "another port of TCP", inLAN, from, l.listen(t, inWAN, to, 0, netlab.Says("closed")))
			l.wantProhibited(t, from, netip.AddrPortFrom(to, 54))
		}
		l.wantClosed(t, "the port at another address", inLAN, host, l.listen(t, inWAN, elsewhere, 53, netlab.Says("closed")))
		l.listen(t, inWAN, server, 80, netlab.Says("world"))
		l.listen(t, inWAN, elsewhere, 80, netlab.Says("open"))
		for to, want := range map[netip.Addr]string{server: "sign in", elsewhere: "open"} {
			if got, err := l.Hears(inLAN, host, netip.AddrPortFrom(to, 80), patience); got != want {
				t.Errorf("port 80 of %s says %q (%v), want %q", to, got, err, want)
			}
		}

		// When only a port stays open, connections to other ports of the host end in both directions.
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server}}
		apply := func() {
			t.Helper()
			if err := f.Apply(context.Background(), p); err != nil {
				t.Fatal(err)
			}
		}
		apply()
		download, arrives := l.Download(t, "the download", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Paced)), l.udpStream(t, inLAN, host, inWAN, server)
		download.Runs(t)
		if !arrives() {
			t.Fatal("nothing arrives from an open host")
		}
		p.OpenBeforeLogin[0].Port = 53
		apply()
		download.Stops(t)
		if arrives() {
			t.Error("packets arrive from a closed port")
		}
	})
}

// TestDNSLimitWithoutMAC: hosts on interfaces without MACs are limited by address.
func TestDNSLimitWithoutMAC(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		line := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "line0"}, Mode: netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI, Queues: 1}
		if err := errors.Join(netlink.LinkAdd(line), netlink.LinkSetUp(line)); err != nil {
			t.Fatal(err)
		}
		p := labPlan()
		p.LAN = append(p.LAN, Interface{Name: "line0"})
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server, Port: 53}}
		open(t, p, Options{})
		dns := netip.AddrPortFrom(server, 53)
		receiver := l.UDP(t, inWAN, dns)
		for range 200 {
			if _, err := line.Fds[0].Write(packet(netip.MustParseAddrPort("10.66.0.5:1024"), dns)); err != nil {
				t.Fatal(err)
			}
		}
		if got := count(receiver); got < 15 || got > 40 {
			t.Errorf("%d of 200 packets came through, want about 20", got)
		}
	})
}

func (l lab) flood(t *testing.T, from netip.Addr, to netip.AddrPort, packets int) (arrived int) {
	t.Helper()
	receiver := l.UDP(t, inWAN, to)
	defer receiver.Close()
	sender := l.UDP(t, inLAN, netip.AddrPortFrom(from, 0))
	defer sender.Close()
	for range packets {
		sender.WriteToUDPAddrPort([]byte("?"), to)
	}
	return count(receiver)
}

// count counts packets until none arrives for a while.
func count(receiver *net.UDPConn) (arrived int) {
	for b := make([]byte, 8); ; arrived++ {
		receiver.SetReadDeadline(time.Now().Add(silence))
		if _, err := receiver.Read(b); err != nil {
			return arrived
		}
	}
}

func TestTunnel(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.ForwardNets = []netip.Prefix{netip.MustParsePrefix("10.77.3.0/24")}
		p.DNS = []netip.Addr{host}
		names := l.listen(t, inLAN, host, 53, netlab.Says("names"))
		allowed, other := l.listen(t, inLAN1, neighbor, 0, netlab.Says("allowed")), l.listen(t, inLAN, host, 0, netlab.Says("other"))
		world := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		ours := netip.MustParseAddr("10.99.0.1")
		inside, foreign := l.listen(t, "", ours, 80, netlab.Says("gateway")), l.listen(t, "", ours, 0, netlab.Says("another service"))
		p.Redirect.PortalPort = l.listen(t, "", ours, 0, netlab.Says("portal")).Port()
		portal := netip.AddrPortFrom(ours, p.Redirect.PortalPort)
		gateway := l.listen(t, "", netip.MustParseAddr("10.77.1.1"), 0, netlab.Says("gateway"))
		f := open(t, p, Options{})
		l.wantClosed(t, "without a session", inTunnel, peer, allowed)
		l.wantClosed(t, "the gateway without a session", inTunnel, peer, inside)

		s := grant(t, f, remote(1, peer))
		l.wantOpen(t, "an allowed network", inTunnel, peer, allowed)
		l.wantOpen(t, "the gateway in the tunnel", inTunnel, peer, inside)
		l.wantOpen(t, "the portal in the tunnel", inTunnel, peer, portal)
		l.wantClosed(t, "another service of the gateway", inTunnel, peer, foreign)
		l.wantOpen(t, "from the gateway to the peer", "gw", ours, l.listen(t, inTunnel, peer, 0, netlab.Says("person")))
		l.wantClosed(t, "another network", inTunnel, peer, other)
		l.wantOpen(t, "a DNS server of the VPN", inTunnel, peer, names)
		l.wantClosed(t, "a DNS server without a session", inTunnel, peer2, names)
		l.wantClosed(t, "the Internet", inTunnel, peer, world)
		l.wantClosed(t, "the gateway's other addresses", inTunnel, peer, gateway)
		l.wantClosed(t, "another address in the tunnel", inTunnel, peer2, allowed)
		l.wantClosed(t, "from the LAN into the tunnel", inLAN, host, l.listen(t, inTunnel, peer, 0, netlab.Says("peer")))
		if _, ok := f.Traffic()[s.ID]; ok {
			t.Error("a session in the tunnel is counted twice")
		}

		p.ForwardNets = nil
		if err := f.Apply(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		download := l.Download(t, "the download", inTunnel, peer, l.listen(t, inWAN, server, 0, netlab.Paced))
		download.Runs(t)
		f.Revoke(context.Background(), s)
		download.Stops(t)
	})
}

// TestTunnelDown: packets to the VPN are dropped while the tunnel is down: they do not leave through the WAN and are not rejected.
func TestTunnelDown(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		netlab.Run(t, "ip", "link", "del", "vpn0")
		l.IP(t, inWAN, "addr", "add", peer.String()+"/32", "dev", "lo")
		to := l.listen(t, inWAN, peer, 0, netlab.Says("not the peer"))
		for _, from := range []netip.Addr{host, second} {
			if !l.noAnswer(t, inLAN, from, to) {
				t.Errorf("%s is answered by the WAN, or rejected", from)
			}
		}
	})
}

// TestVPNPeersMayTalk: packets between VPN users come in and leave through one interface.
func TestVPNPeersMayTalk(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		netlab.Run(t, "ip", "link", "add", "second", "type", "veth", "peer", "name", "eth1", "netns", l.Name(inLAN1))
		l.IP(t, inLAN1, "link", "set", "eth1", "up")
		netlab.Run(t, "ip", "link", "add", "ideco", "type", "bridge")
		for _, port := range []string{"vpn0", "second"} {
			netlab.Run(t, "ip", "link", "set", port, "master", "ideco", "up")
			netlab.Run(t, "ip", "link", "set", port, "type", "bridge_slave", "isolated", "on") // only the gateway forwards between them
		}
		netlab.Run(t, "ip", "addr", "flush", "dev", "vpn0")
		netlab.Run(t, "ip", "addr", "add", "10.99.0.1/24", "dev", "ideco")
		netlab.Run(t, "ip", "link", "set", "ideco", "up")
		l.IP(t, inTunnel, "addr", "flush", "dev", "eth0")
		l.IP(t, inTunnel, "addr", "add", peer.String()+"/32", "dev", "eth0")
		l.IP(t, inTunnel, "route", "add", "10.99.0.1", "dev", "eth0")
		l.IP(t, inTunnel, "route", "add", "default", "via", "10.99.0.1")
		l.IP(t, inLAN1, "addr", "add", peer2.String()+"/32", "dev", "eth1")
		l.IP(t, inLAN1, "route", "add", "10.99.0.0/24", "via", "10.99.0.1", "dev", "eth1", "onlink")
		os.WriteFile("/proc/sys/net/ipv4/conf/ideco/send_redirects", []byte("0"), 0o644)
		os.WriteFile("/proc/sys/net/ipv4/conf/all/send_redirects", []byte("0"), 0o644)

		p := labPlan()
		p.Tunnel = "ideco"
		f := open(t, p, Options{})
		grant(t, f, remote(1, peer))
		grant(t, f, remote(2, peer2))
		to := l.listen(t, inLAN1, peer2, 0, netlab.Says("peer"))
		l.wantClosed(t, "one peer to another", inTunnel, peer, to)
		p.VPNPeersMayTalk = true
		if err := f.Apply(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		l.wantOpen(t, "one peer to another when allowed", inTunnel, peer, to)
		revokeAndWait(t, f, remote(2, peer2))
		l.wantClosed(t, "to a peer without a session", inTunnel, peer, to)
	})
}

const theirs = `table ip theirs {
	set friends { type ipv4_addr; elements = { 10.1.1.1, 10.1.1.2 }; }
	chain forward { type filter hook forward priority filter; policy accept; ip saddr @friends counter packets 0 bytes 0 accept; }
	chain post { type nat hook postrouting priority srcnat; oifname "other0" masquerade; }
}
table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 22 accept; }; }
`

func TestForeignTablesStay(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		file := filepath.Join(t.TempDir(), "theirs")
		if err := os.WriteFile(file, []byte(theirs), 0o600); err != nil {
			t.Fatal(err)
		}
		netlab.Run(t, "nft", "-f", file)
		before := netlab.Run(t, "nft", "-a", "list", "ruleset")
		others := func() string {
			return netlab.Run(t, "nft", "-a", "list", "table", "ip", "theirs") + "\n" + netlab.Run(t, "nft", "-a", "list", "table", "inet", "filter")
		}
		want := others()
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		if got := others(); got != want {
			t.Errorf("foreign tables were changed:\n%s\nwant\n%s", got, want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if text, loaded, err := Show(labPlan()); err != nil || !loaded || !strings.Contains(text, host.String()) || !strings.Contains(text, `comment "s1/1"`) {
			t.Errorf("after Close the table shows (%t, %v)\n%s", loaded, err, text)
		}
		for range 2 {
			if err := Clear(); err != nil {
				t.Error(err)
			}
		}
		if got := netlab.Run(t, "nft", "-a", "list", "ruleset"); got != before {
			t.Errorf("after clearing:\n%s\nwant\n%s", got, before)
		}
		if _, loaded, err := Show(labPlan()); loaded || err != nil {
			t.Errorf("there is still a table (%v)", err)
		}
	})
}

func TestEmptyPlan(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, Plan{Tunnel: "vpn0"}, Options{})
		grant(t, f, session(1, host))
		if got := netlab.Run(t, "nft", "list", "ruleset"); got != "" {
			t.Errorf("a table without interfaces:\n%s", got)
		}
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		if err := f.Apply(context.Background(), labPlan()); err != nil {
			t.Fatal(err)
		}
		netlab.Eventually(t, "the granted session is let through", func() bool {
			word, _ := l.Hears(inLAN, host, to, patience)
			return word != ""
		})
		if err := f.Apply(context.Background(), Plan{}); err != nil {
			t.Fatal(err)
		}
		if got := netlab.Run(t, "nft", "list", "ruleset"); got != "" {
			t.Errorf("an empty plan has a table:\n%s", got)
		}
	})
}

func TestForeignChanges(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		incidents := make(chan Incident, 10)
		p := labPlan()
		p.Masquerade = false // masqueraded connections end with the table
		l.IP(t, inWAN, "route", "add", "10.77.1.0/24", "via", "10.77.2.1")
		f := open(t, p, Options{Report: func(i Incident) { incidents <- i }})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		to := l.listen(t, inWAN, server, 0, netlab.Paced)
		download := l.Download(t, "the download", inLAN, host, to)
		closed := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		want := rules(t)
		for _, c := range []struct{ command, what string }{
			{"delete table inet ideco_agent", TableRemoved},
			{"flush chain inet ideco_agent from_lan", TableChanged},
			{"insert rule inet ideco_agent forward accept", TableChanged},
			{"add table inet ideco_agent { flags dormant; }", TableChanged},
			{"add chain inet ideco_agent mine { type filter hook forward priority -1; policy drop; }", TableChanged},
			{"flush set inet ideco_agent lan4", SetsChanged},
			{"add element inet ideco_agent routed4 { lan0 . 10.77.1.11 }", SetsChanged},
			{"flush ruleset", TableRemoved},
		} {
			began := time.Now()
			nft(t, c.command)
			select {
			case i := <-incidents:
				if i.What != c.what || i.Err != nil {
					t.Errorf("%s: reported %q (%v), want %q", c.command, i.What, i.Err, c.what)
				}
			case <-time.After(patience):
				t.Fatalf("%s: not noticed", c.command)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s: noticed after %s", c.command, took)
			}
			if c.command == "flush set inet ideco_agent lan4" { // the download was rejected while the element was missing
				download = l.Download(t, "the download", inLAN, host, to)
			}
			download.Runs(t)
			l.wantClosed(t, c.command, inLAN, second, closed)
			if got := rules(t); got != want {
				t.Errorf("%s: the table is now\n%s\nwant\n%s", c.command, got, want)
			}
		}
		nft(t, "table ip unrelated { chain x { }; }")
		revokeAndWait(t, f, session(1, host))
		select {
		case i := <-incidents:
			t.Errorf("reported without a change: %+v", i)
		default:
		}
	})
}

// TestTasksAfterForeignRemoval: grants and revocations work although somebody has just removed an element or the table.
func TestTasksAfterForeignRemoval(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, second)
		first, other := grant(t, f, session(1, host)), grant(t, f, session(2, second))
		nft(t, fmt.Sprintf("delete element inet ideco_agent lan4 { lan0 . %s . %s }", f.MACs()[first.ID], host))
		f.Revoke(context.Background(), first)
		revokeAndWait(t, f, other)
		if left, err := elementsNow(); err != nil || len(left) != 0 {
			t.Errorf("left in the kernel: %v, %v", left, err)
		}
		l.wantClosed(t, "after the end", inLAN, second, to)
		nft(t, "delete table inet ideco_agent")
		grant(t, f, first)
		l.wantOpen(t, "granted without a table", inLAN, host, to)
		l.wantClosed(t, "another address", inLAN, second, to)
		moved := first
		moved.Address = second
		grant(t, f, moved)
		revokeAndWait(t, f, first) // its former address
		l.wantOpen(t, "the new address of a session", inLAN, second, to)
		l.wantClosed(t, "its former address", inLAN, host, to)
	})
}

func rules(t *testing.T) string {
	t.Helper()
	return netlab.Run(t, "nft", "-t", "list", "ruleset")
}

// TestPreviewIsWhatIsLoaded: Text loaded by nft, Apply and Preview give the same table.
func TestPreviewIsWhatIsLoaded(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		plain := labPlan()
		plain.Tunnel, plain.Masquerade, plain.VPNNetwork = "", false, netip.Prefix{}
		many := everything
		many.OpenBeforeLogin = append(slices.Clone(many.OpenBeforeLogin), opens("192.0.2.8", "192.0.2.9", "192.0.2.12", "192.0.2.8:53", "192.0.2.9:80",
			"[2001:db8::9]:80", "192.0.2.53:53", "192.0.2.53:853", "10.0.0.1:65535")...)
		many.ForwardNets = append(slices.Clone(many.ForwardNets), netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("10.0.0.0/8"))
		for name, p := range map[string]Plan{"everything": everything, "lab": labPlan(), "plain": plain, "many": many} {
			file := filepath.Join(t.TempDir(), "plan")
			if err := os.WriteFile(file, []byte(p.Text()), 0o600); err != nil {
				t.Fatal(err)
			}
			netlab.Run(t, "nft", "-f", file)
			netlab.Run(t, "nft", "-f", file) // over the existing table
			byNFT := netlab.Run(t, "nft", "list", "ruleset")
			if err := Clear(); err != nil {
				t.Fatal(err)
			}
			f := open(t, p, Options{})
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			byUs := netlab.Run(t, "nft", "list", "ruleset")
			if byUs != byNFT {
				t.Errorf("%s: loaded is\n%s\nnft makes of the text\n%s", name, byUs, byNFT)
			}
			if got := strings.TrimSpace(p.Preview()); got != byUs {
				t.Errorf("%s: loaded is\n%s\nthe preview is\n%s", name, byUs, got)
			}
			if err := Clear(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestClosedAtBoot: the table that nft loads at boot lets no host through, and Apply adopts it.
func TestClosedAtBoot(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		file := filepath.Join(t.TempDir(), "plan")
		if err := os.WriteFile(file, []byte(labPlan().Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		netlab.Run(t, "nft", "-f", file)
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		l.wantClosed(t, "at boot", inLAN, host, to)
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		l.wantOpen(t, "after the login", inLAN, host, to)
		netlab.Run(t, "nft", "-f", file)
		l.wantOpen(t, "after the file was loaded once more", inLAN, host, to)
	})
}

// TestUnknownMAC: a host that is not in the neighbour table is probed.
func TestUnknownMAC(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		netlab.Run(t, "ip", "neigh", "flush", "dev", "lan0")
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		s := grant(t, f, session(1, host))
		netlab.Eventually(t, "the MAC is found", func() bool { return f.MACs()[s.ID] != nil })
		l.wantOpen(t, "after the probe", inLAN, host, to)
		absent := grant(t, f, session(2, netip.MustParseAddr("10.77.1.99")))
		revokeAndWait(t, f, absent)
	})
}

// TestMACIsKept: a changed neighbour table does not change the MAC of a session, neither by another plan nor by another
// process, nor by another grant. Only ChangeMAC does.
func TestMACIsKept(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		s := grant(t, f, session(1, host))
		agents := f.MACs()[s.ID].String()
		const thief = "02:00:00:00:00:99"
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", thief)
		other := labPlan()
		other.VPNPeersMayTalk = true
		if err := f.Apply(context.Background(), other); err != nil {
			t.Fatal(err)
		}
		if got := f.MACs()[s.ID].String(); got != agents {
			t.Errorf("under another plan the MAC is %s, the agent's is %s", got, agents)
		}
		away := labPlan()
		away.LAN = away.LAN[1:]
		for name, p := range map[string]Plan{"its interface": away, "all interfaces": {}} {
			for _, next := range []Plan{p, labPlan()} {
				if err := f.Apply(context.Background(), next); err != nil {
					t.Fatal(err)
				}
			}
			if got := f.MACs()[s.ID].String(); got != agents {
				t.Errorf("after %s went and came back the MAC is %s, the agent's is %s", name, got, agents)
			}
		}
		f.Close()
		f = open(t, labPlan(), Options{})
		grant(t, f, s)
		if got := f.MACs()[s.ID].String(); got != agents {
			t.Errorf("in the next process the MAC is %s, the agent's is %s", got, agents)
		}
		grant(t, f, s) // the agent has logged in again
		if got := f.MACs()[s.ID].String(); got != agents {
			t.Errorf("after another grant the MAC is %s, the agent's is %s", got, agents)
		}
		if err := f.ChangeMAC(context.Background(), changed(t, f)); err != nil || f.MACs()[s.ID].String() != thief {
			t.Errorf("after ChangeMAC the MAC is %s: %v", f.MACs()[s.ID], err)
		}
	})
}

func TestGrantAddress(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f, ctx := open(t, labPlan(), Options{}), context.Background()
		to := l.listen(t, inWAN, server6, 0, netlab.Says("world"))
		for _, a := range []netip.Addr{host, second, host6, second6} {
			l.learnMAC(t, inLAN, a)
		}
		if err := f.GrantAddress(ctx, "s1", host6); !errors.Is(err, ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		s := grant(t, f, session(1, host))
		l.wantClosed(t, "an address that was not granted", inLAN, host6, to)
		if err := f.GrantAddress(ctx, s.ID, host6); err != nil {
			t.Fatal(err)
		}
		l.wantOpen(t, "a granted address", inLAN, host6, to)
		l.wantClosed(t, "another one", inLAN, second6, to)
		if err := f.GrantAddress(ctx, s.ID, netip.MustParseAddr("fd77:1::99")); !errors.Is(err, ErrNotSameHost) {
			t.Errorf("an address without a host: %v", err)
		}
		l.learnMAC(t, inLAN1, neighbor)
		grant(t, f, session(2, neighbor))
		if err := f.GrantAddress(ctx, "s2", host6); !errors.Is(err, ErrAddressTaken) {
			t.Errorf("an address of another session: %v", err)
		}
		if err := f.GrantAddress(ctx, "s2", second6); !errors.Is(err, ErrNotSameHost) {
			t.Errorf("an address on another LAN: %v", err)
		}
		m := f.MACs()[s.ID].String()
		for i := range 9 {
			a := fmt.Sprintf("fd77:1::1:%d", i)
			netlab.Run(t, "ip", "neigh", "add", a, "dev", "lan0", "lladdr", m)
			if err := f.GrantAddress(ctx, s.ID, netip.MustParseAddr(a)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.GrantAddress(ctx, s.ID, host6); err != nil {
			t.Fatal(err)
		}
		l.wantOpen(t, "an address granted again", inLAN, host6, to)
		f.RevokeAddress(ctx, s.ID, host6)
		netlab.Eventually(t, "a revoked address is closed", func() bool {
			left, err := elementsNow(lan6)
			return err == nil && len(left) == 9
		})
		l.wantClosed(t, "a revoked address", inLAN, host6, to)
		if err := f.GrantAddress(ctx, s.ID, host6); err != nil {
			t.Fatal(err)
		}
		l.wantOpen(t, "granted again", inLAN, host6, to)
		revokeAndWait(t, f, s)
		l.wantClosed(t, "after the end", inLAN, host6, to)
		if left, err := elementsNow(lan6, back6); err != nil || len(left) != 0 {
			t.Errorf("left in the kernel: %v, %v", left, err)
		}
	})
}

// TestRevokeAddress: downloads of the revoked address stop, and those of the session continue.
func TestRevokeAddress(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f, ctx := open(t, labPlan(), Options{}), context.Background()
		to, to6 := l.listen(t, inWAN, server, 0, netlab.Paced), l.listen(t, inWAN, server6, 0, netlab.Paced)
		for _, a := range []netip.Addr{host, second, host6} {
			l.learnMAC(t, inLAN, a)
		}
		s, other := grant(t, f, session(1, host)), grant(t, f, session(2, second))
		if err := f.GrantAddress(ctx, s.ID, host6); err != nil {
			t.Fatal(err)
		}
		own, further := l.Download(t, "the download", inLAN, host, to), l.Download(t, "the download", inLAN, host6, to6)
		further.Runs(t)
		f.RevokeAddress(ctx, other.ID, host6) // of another session
		f.RevokeAddress(ctx, s.ID, host)      // the session's own address
		f.RevokeAddress(ctx, s.ID, netip.MustParseAddr("fd77:1::99"))
		own.Runs(t)
		further.Runs(t)
		f.RevokeAddress(ctx, s.ID, host6)
		further.Stops(t)
		own.Runs(t)
		if left, err := elementsNow(lan6, back6); err != nil || len(left) != 0 {
			t.Errorf("left in the kernel: %v, %v", left, err)
		}
		revokeAndWait(t, f, s)
		own.Stops(t)
	})
}

// TestRevokeInTunnel: in the tunnel only the session that has an address closes it, not one that had it.
func TestRevokeInTunnel(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		grant(t, f, remote(1, peer))
		revokeAndWait(t, f, remote(2, peer))
		l.wantOpen(t, "after the end of another session", inTunnel, peer, to)
		revokeAndWait(t, f, remote(1, peer))
		l.wantClosed(t, "after its end", inTunnel, peer, to)
	})
}

// TestMSS: the MSS that a server gets fits the MTU of the WAN interface.
func TestMSS(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		netlab.Run(t, "ip", "link", "set", "wan0", "mtu", "1300")
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		mss := make(chan int, 1)
		to := l.listen(t, inWAN, server, 0, func(c net.Conn) {
			raw, _ := c.(*net.TCPConn).SyscallConn()
			raw.Control(func(fd uintptr) {
				v, _ := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG)
				mss <- v
			})
			fmt.Fprint(c, "world")
		})
		l.wantOpen(t, "the server", inLAN, host, to)
		if got := <-mss; got > 1260 {
			t.Errorf("the server may send segments of %d bytes, want 1260 at most", got)
		}
	})
}

func TestWithoutRights(t *testing.T) {
	netlab.Unprivileged(t, func(t *testing.T) {
		if _, err := Open(Options{Mode: ModeNFTables}); err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("error %v, want one that names CAP_NET_ADMIN", err)
		}
		f, err := Open(Options{Mode: ModeAuto, Log: logOf(t)})
		if err != nil {
			t.Fatal(err)
		}
		if f.Mode() != ModeOff || f.Problem() == nil {
			t.Errorf("mode %s, problem %v", f.Mode(), f.Problem())
		}
		ctx := context.Background()
		if err := errors.Join(f.Apply(ctx, labPlan()), f.Grant(ctx, session(1, host)), f.GrantAddress(ctx, "s1", host6)); err != nil {
			t.Error(err)
		}
		f.Revoke(ctx, session(1, host))
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWithoutProgram: without the program nft there is no firewall, and the error names the package.
func TestWithoutProgram(t *testing.T) {
	inLab(t, func(t *testing.T, _ lab) {
		o := Options{Mode: ModeNFTables, Log: logOf(t), programs: []string{"no-such-nft"}}
		if _, err := Open(o); !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), "apt install nftables") {
			t.Errorf("error %v, want one that names the package", err)
		}
		o.Mode = ModeAuto
		f, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if f.Mode() != ModeOff || !errors.Is(f.Problem(), ErrNoProgram) {
			t.Errorf("mode %s, problem %v", f.Mode(), f.Problem())
		}
	})
}

// TestNFTError: the error of nft wraps the kernel's, which gives the reason.
func TestNFTError(t *testing.T) {
	exit := errors.New("exit status 1")
	for output, want := range map[string][]error{
		"-:1:1-9: Error: Could not process rule: Operation not permitted\nadd table x\n^^^^^^^^^\n": {syscall.EPERM, ErrNoRights},
		"netlink: Error: cache initialization failed: Operation not permitted\n":                    {syscall.EPERM, ErrNoRights},
		"-:3:7-9: Error: Could not process rule: No such file or directory\n":                       {syscall.ENOENT, ErrNoKernel},
		"-:3:7-9: Error: Could not process rule: Operation not supported\n":                         {syscall.EOPNOTSUPP, ErrNoKernel},
		"": {exit},
	} {
		err := explain(nftError(output, exit))
		for _, is := range want {
			if !errors.Is(err, is) {
				t.Errorf("%q is %v, want %v", output, err, is)
			}
		}
	}
	if err := nftError("-:1:5-9: Error: syntax error, unexpected string\n", exit); !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("a syntax error is reported as %v", err)
	}
	if err := explain(syscall.EACCES); !errors.Is(err, ErrNoRights) {
		t.Error(err)
	}
}
