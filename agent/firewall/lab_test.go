package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

const patience = netlab.Patience

const silence = 300 * time.Millisecond

// Places of the lab beside the gateway.
const (
	inLAN    = "lan"    // behind lan0, two addresses, IPv4 and IPv6
	inLAN1   = "lan1"   // behind lan1
	inWAN    = "wan"    // behind wan0; it has no IPv4 route to the LAN
	inTunnel = "tunnel" // behind vpn0, which takes the place of the tunnel
)

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

var labNetwork = netlab.Network{Places: []string{"gw", inLAN, inLAN1, inWAN, inTunnel}, Script: `
router gw
join gw lan0 lan eth0; join gw lan1 lan1 eth0; join gw wan0 wan eth0; join gw vpn0 tunnel eth0
at gw addr add 10.77.1.1/24 dev lan0; at gw addr add fd77:1::1/64 dev lan0 nodad
at gw addr add 10.77.3.1/24 dev lan1
at gw addr add 10.77.2.1/24 dev wan0; at gw addr add fd77:2::1/64 dev wan0 nodad
at gw addr add 10.99.0.1/24 dev vpn0
at gw route add 10.88.0.0/24 via 10.77.1.10; at gw route add default via 10.77.2.2; at gw -6 route add default via fd77:2::2
at lan addr add 10.77.1.10/24 dev eth0; at lan addr add 10.77.1.11/24 dev eth0; at lan addr add 10.88.0.5/32 dev lo
at lan addr add fd77:1::10/64 dev eth0 nodad; at lan addr add fd77:1::11/64 dev eth0 nodad
at lan route add default via 10.77.1.1; at lan -6 route add default via fd77:1::1
at lan1 addr add 10.77.3.10/24 dev eth0; at lan1 route add default via 10.77.3.1
at wan addr add 10.77.2.2/24 dev eth0; at wan addr add 10.77.4.4/32 dev lo; at wan addr add fd77:2::2/64 dev eth0 nodad; at wan -6 route add default via fd77:2::1
at tunnel addr add 10.99.0.2/24 dev eth0; at tunnel addr add 10.99.0.3/24 dev eth0; at tunnel route add default via 10.99.0.1
`}

// lab is a gateway between two LANs, the Internet and a tunnel.
type lab struct{ *netlab.Lab }

// inLab runs the body of a test in the gateway of a new lab.
func inLab(t *testing.T, body func(*testing.T, lab)) {
	needs.Program(t, "nft", "nftables")
	labNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) { body(t, lab{l}) })
}

func nft(tb testing.TB, commands string) string {
	tb.Helper()
	return netlab.Run(tb, "nft", commands)
}

// dial connects from an address in a place, until the test is over.
func (l lab) dial(tb testing.TB, where, network string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	tb.Helper()
	c, err := l.Dial(tb.Context(), where, network, from, to.String())
	if err == nil {
		tb.Cleanup(func() { c.Close() })
	}
	return c, err
}

// listen serves each connection to an address in a place.
func (l lab) listen(tb testing.TB, where string, at netip.Addr, port uint16, serve func(net.Conn)) netip.AddrPort {
	tb.Helper()
	return l.Serve(tb, where, netip.AddrPortFrom(at, port), serve)
}

// wantOpen and wantClosed connect. Closed means that the connection is rejected, not that nothing answers.
func (l lab) wantOpen(tb testing.TB, what, where string, from netip.Addr, to netip.AddrPort) {
	tb.Helper()
	if word, err := l.Hears(where, from, to, patience); err != nil || word == "" {
		tb.Errorf("%s: closed: %q, %v", what, word, err)
	}
}

func (l lab) wantClosed(tb testing.TB, what, where string, from netip.Addr, to netip.AddrPort) {
	tb.Helper()
	began := time.Now()
	word, err := l.Hears(where, from, to, patience)
	if err == nil {
		tb.Errorf("%s: open: %q", what, word)
	} else if took := time.Since(began); took > time.Second {
		tb.Errorf("%s: rejected only after %s: %v", what, took, err)
	}
}

func (l lab) noAnswer(tb testing.TB, where string, from netip.Addr, to netip.AddrPort) bool {
	tb.Helper()
	d := net.Dialer{Timeout: silence, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	err := l.At(where, func() error {
		c, err := d.Dial("tcp", to.String())
		if err == nil {
			c.Close()
		}
		return err
	})
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

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

// session returns a session of a user with the same number.
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

// learnMAC connects from a host to the gateway, which learns its MAC.
func (l lab) learnMAC(tb testing.TB, where string, from netip.Addr) {
	tb.Helper()
	to := map[string]string{inLAN: "10.77.1.1", inLAN1: "10.77.3.1"}[where]
	if from.Is6() {
		to = "fd77:1::1"
	}
	addr := l.listen(tb, "", netip.MustParseAddr(to), 0, netlab.Says("hello"))
	l.wantOpen(tb, "the gateway itself", where, from, addr)
}

func revokeAndWait(tb testing.TB, f *Firewall, s agent.Session) {
	tb.Helper()
	f.Revoke(context.Background(), s)
	done := &task{action: actGrantAddress, sessionInfo: further("nobody", netip.Addr{}), done: make(chan error, 1)}
	if err := f.enqueue(done); err != nil {
		tb.Fatal(err)
	}
	<-done.done
}

// elementsNow returns the kernel's elements of some sets, by default of all sets of sessions.
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
