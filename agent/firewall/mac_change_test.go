package firewall

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

const inOther = "other" // another host of the LAN

// switchNetwork has two hosts in one LAN behind a switch. The other host can relay packets.
var switchNetwork = netlab.Network{Places: []string{"gw", "sw", inLAN, inOther, inWAN}, Script: `
router gw; router other
inside other sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects; echo 0 >/proc/sys/net/ipv4/conf/default/send_redirects'
inside lan sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/accept_redirects; echo 0 >/proc/sys/net/ipv6/conf/all/accept_redirects'
at sw link add br0 type bridge; at sw link set br0 up
join gw lan0 sw gw; join lan eth0 sw lan; join other eth0 sw other; join gw wan0 wan eth0
for port in gw lan other; do at sw link set $port master br0; done
at gw addr add 10.77.1.1/24 dev lan0; at gw addr add fd77:1::1/64 dev lan0 nodad
at gw addr add 10.77.2.1/24 dev wan0; at gw addr add fd77:2::1/64 dev wan0 nodad
at lan addr add 10.77.1.10/24 dev eth0; at lan addr add fd77:1::10/64 dev eth0 nodad
at lan route add default via 10.77.1.1; at lan -6 route add default via fd77:1::1
at other addr add 10.77.1.66/24 dev eth0; at other addr add fd77:1::66/64 dev eth0 nodad
at wan addr add 10.77.2.2/24 dev eth0; at wan addr add fd77:2::2/64 dev eth0 nodad; at wan route add default via 10.77.2.1; at wan -6 route add default via fd77:2::1
`}

func onSwitch(t *testing.T, body func(*testing.T, lab)) {
	needs.Program(t, "nft", "nftables")
	switchNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) { body(t, lab{l}) })
}

var gatewayOf = map[bool]netip.Addr{false: netip.MustParseAddr("10.77.1.1"), true: netip.MustParseAddr("fd77:1::1")}

// macAt returns the MAC of a place's network card.
func (l lab) macAt(tb testing.TB, place string) string {
	tb.Helper()
	return netlab.Run(tb, "ip", "netns", "exec", l.Name(place), "cat", "/sys/class/net/eth0/address")
}

// pinging returns a ping function for ProveMAC. Instead of the agent's TLS connection it uses a new connection to a
// server at the host.
func (l lab) pinging(tb testing.TB, place string, at netip.Addr) func(context.Context) error {
	tb.Helper()
	agents := l.listen(tb, place, at, 0, netlab.Says("pong"))
	return func(context.Context) error {
		_, err := l.Hears("", gatewayOf[at.Is6()], agents, patience)
		return err
	}
}

// changed waits for the one session with a changed MAC.
func changed(tb testing.TB, f *Firewall) (c agent.MACChange) {
	tb.Helper()
	netlab.Eventually(tb, "the firewall sees another MAC", func() bool {
		list := f.ChangedMACs(tb.Context())
		if len(list) == 1 {
			c = list[0]
		}
		return len(list) == 1
	})
	return c
}

// follows waits for a changed MAC, proves it and changes it.
func (l lab) follows(tb testing.TB, f *Firewall, place string, at netip.Addr) agent.MACChange {
	tb.Helper()
	c := changed(tb, f)
	if left, err := f.ProveMAC(tb.Context(), c, l.pinging(tb, place, at)); !left || err != nil {
		tb.Fatalf("the host has left its MAC: %t, %v", left, err)
	}
	if err := f.ChangeMAC(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestMACFollowed: a session's element follows a host that has left its former MAC. Its connections continue, and its further
// addresses are closed.
func TestMACFollowed(t *testing.T) {
	const fresh = "02:00:00:00:00:77"
	for name, own := range map[string]netip.Addr{"IPv4": host, "IPv6": host6} {
		t.Run(name, func(t *testing.T) {
			onSwitch(t, func(t *testing.T, l lab) {
				more, to, set := host6, server, lan4
				if own.Is6() {
					more, to, set = host, server6, lan6
				}
				f := open(t, labPlan(), Options{})
				l.learnMAC(t, inLAN, own)
				l.learnMAC(t, inLAN, more)
				s := grant(t, f, session(1, own))
				if err := f.GrantAddress(t.Context(), s.ID, more); err != nil {
					t.Fatal(err)
				}
				former := l.macAt(t, inLAN)
				running := l.Download(t, "a download", inLAN, own, l.listen(t, inWAN, to, 0, netlab.Paced))
				if list := f.ChangedMACs(t.Context()); len(list) > 0 {
					t.Errorf("before the change: %v", list)
				}
				l.IP(t, inLAN, "link", "set", "eth0", "address", fresh)
				l.learnMAC(t, inLAN, own)
				c := l.follows(t, f, inLAN, own)
				if c.Session != s.ID || c.From.String() != former || c.To.String() != fresh {
					t.Errorf("%+v", c)
				}
				running.Runs(t)
				if got := f.MACs()[s.ID].String(); got != fresh {
					t.Errorf("MAC %s", got)
				}
				all, err := elementsNow(lan4, lan6, back4, back6)
				if err != nil || len(all) != 2 || all[0].set != set || all[0].mac.String() != fresh || all[1].addr != own {
					t.Errorf("elements: %v, %v", all, err)
				}
				if list := f.ChangedMACs(t.Context()); len(list) > 0 {
					t.Errorf("after the change: %v", list)
				}
				if err := f.ChangeMAC(t.Context(), c); !errors.Is(err, ErrMACChangeOutdated) {
					t.Errorf("the same change again: %v", err)
				}
			})
		})
	}
}

// TestMACFailover: an address that another host has taken over is let through there. Without the agent's pong it is not.
func TestMACFailover(t *testing.T) {
	onSwitch(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		s := grant(t, f, session(1, host))
		l.IP(t, inLAN, "link", "set", "eth0", "down")
		l.IP(t, inOther, "addr", "add", host.String()+"/24", "dev", "eth0")
		l.IP(t, inOther, "route", "add", "default", "via", "10.77.1.1")
		gateway := l.listen(t, "", gatewayOf[false], 0, netlab.Says("hello"))
		l.wantOpen(t, "the gateway itself", inOther, host, gateway)
		c := changed(t, f)
		silent := errors.New("no pong")
		if left, err := f.ProveMAC(t.Context(), c, func(context.Context) error { return silent }); left || !errors.Is(err, silent) {
			t.Errorf("without a pong: left %t, %v", left, err)
		}
		l.follows(t, f, inOther, host)
		l.wantOpen(t, "at its new host", inOther, host, l.listen(t, inWAN, server, 0, netlab.Says("world")))
		revokeAndWait(t, f, s)
	})
}

// TestRelayingSpoofer: a computer that spoofs ARP or NDP and relays packets in one direction or both passes the agent's ping,
// but the session stays at the MAC of its host.
func TestRelayingSpoofer(t *testing.T) {
	for name, c := range map[string]struct {
		own  netip.Addr
		both bool
	}{"IPv4, packets to the host": {host, false}, "IPv4, both directions": {host, true},
		"IPv6, packets to the host": {host6, false}, "IPv6, both directions": {host6, true}} {
		t.Run(name, func(t *testing.T) {
			onSwitch(t, func(t *testing.T, l lab) {
				f := open(t, labPlan(), Options{})
				l.learnMAC(t, inLAN, c.own)
				s := grant(t, f, session(1, c.own))
				ping := l.pinging(t, inLAN, c.own)
				spoofer := l.macAt(t, inOther)
				netlab.Run(t, "ip", "neigh", "replace", c.own.String(), "dev", "lan0", "lladdr", spoofer)
				if c.both {
					l.IP(t, inLAN, "neigh", "replace", gatewayOf[c.own.Is6()].String(), "dev", "eth0", "lladdr", spoofer)
				}
				if err := ping(t.Context()); err != nil {
					t.Fatalf("the spoofer does not relay: %v", err)
				}
				change := changed(t, f)
				if left, err := f.ProveMAC(t.Context(), change, ping); left || err != nil {
					t.Errorf("left %t, %v", left, err)
				}
				grant(t, f, s) // the spoofer has broken the connection, and the agent has resumed its session
				if got := f.MACs()[s.ID].String(); got != l.macAt(t, inLAN) {
					t.Errorf("after another grant the MAC is %s", got)
				}
			})
		})
	}
}

// TestLateAnswer: an answer of the former MAC counts whenever it comes, also after the pong.
func TestLateAnswer(t *testing.T) {
	onSwitch(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", l.macAt(t, inOther))
		c := changed(t, f)
		l.IP(t, inLAN, "link", "set", "eth0", "arp", "off")
		left, err := f.ProveMAC(t.Context(), c, func(context.Context) error {
			l.IP(t, inLAN, "link", "set", "eth0", "arp", "on")
			return nil
		})
		if left || err != nil {
			t.Errorf("left %t, %v", left, err)
		}
	})
}

// TestMACChangeFails: if the kernel refuses the change, the session stays at its MAC with its further addresses.
func TestMACChangeFails(t *testing.T) {
	onSwitch(t, func(t *testing.T, l lab) {
		incidents := make(chan Incident, 100)
		f := open(t, labPlan(), Options{Report: func(i Incident) { incidents <- i }})
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, host6)
		s := grant(t, f, session(1, host))
		if err := f.GrantAddress(t.Context(), s.ID, host6); err != nil {
			t.Fatal(err)
		}
		former := f.MACs()[s.ID].String()
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", l.macAt(t, inOther))
		c := changed(t, f)
		release := holdTable(t)
		<-incidents
		if err := f.ChangeMAC(t.Context(), c); err == nil {
			t.Error("ChangeMAC succeeded although another process owns the table")
		}
		release()
		for i := range incidents {
			if i.Err == nil {
				break
			}
		}
		l.wantOpen(t, "the further address", inLAN, host6, l.listen(t, inWAN, server6, 0, netlab.Says("world")))
		netlab.Eventually(t, "the elements are the same as before", func() bool {
			all, err := elementsNow(lan4, lan6)
			return err == nil && len(all) == 2 && all[0].mac.String() == former && all[1].mac.String() == former && f.MACs()[s.ID].String() == former
		})
	})
}

// TestMACWithoutProof: if the former MAC cannot be asked, no session follows, and another grant accepts the MAC of the neighbour table.
func TestMACWithoutProof(t *testing.T) {
	onSwitch(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		inReconciler(t, f, func(r *reconciler) { r.canProveMAC = false })
		l.learnMAC(t, inLAN, host)
		s := grant(t, f, session(1, host))
		other := l.macAt(t, inOther)
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", other)
		if list := f.ChangedMACs(t.Context()); len(list) > 0 {
			t.Errorf("%v", list)
		}
		if grant(t, f, s); f.MACs()[s.ID].String() != other {
			t.Errorf("MAC %s", f.MACs()[s.ID])
		}
	})
}

// TestSilenceWithoutTable: silence of the former MAC proves nothing if somebody has removed the table that carries the requests.
func TestSilenceWithoutTable(t *testing.T) {
	onSwitch(t, func(t *testing.T, l lab) {
		netlab.Run(t, "nft", "add table netdev "+framePrefix+"imac0; add table netdev other")
		f := open(t, labPlan(), Options{})
		if tables := netlab.Run(t, "nft", "list", "tables", "netdev"); strings.Contains(tables, framePrefix) || !strings.Contains(tables, "other") {
			t.Errorf("after the start there are\n%s", tables)
		}
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		netlab.Run(t, "ip", "neigh", "replace", host.String(), "dev", "lan0", "lladdr", l.macAt(t, inOther))
		c := changed(t, f)
		l.IP(t, inLAN, "link", "set", "eth0", "arp", "off")
		left, err := f.ProveMAC(t.Context(), c, func(context.Context) error {
			for _, table := range strings.Fields(netlab.Run(t, "nft", "list", "tables", "netdev")) {
				if strings.HasPrefix(table, framePrefix) {
					netlab.Run(t, "nft", "delete", "table", "netdev", table)
				}
			}
			return nil
		})
		if left || err == nil {
			t.Errorf("left %t, %v", left, err)
		}
		if left, err := f.ProveMAC(t.Context(), c, func(context.Context) error { return nil }); !left || err != nil {
			t.Errorf("with the table: left %t, %v", left, err)
		}
		if tables := netlab.Run(t, "nft", "list", "tables", "netdev"); strings.Contains(tables, framePrefix) {
			t.Errorf("after the proof there are\n%s", tables)
		}
	})
}
