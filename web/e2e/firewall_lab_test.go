//go:build gateway

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// Places of the lab, each a network namespace. A test runs inside the gateway.
const (
	inOne    = "one"    // a host of the first LAN with two IPv4 addresses and one IPv6 address
	inTwo    = "two"    // another host of the first LAN
	inFar    = "far"    // a host of the second LAN
	inRouter = "router" // a router with NAT between the gateway and the Internet
	inNet    = "net"    // a server on the Internet with several addresses
	inHome   = "home"   // a host outside
	inHotel  = "hotel"  // another host outside
)

var (
	one       = netip.MustParseAddr("10.77.1.10")
	oneMore   = netip.MustParseAddr("10.77.1.20") // of the same host
	one6      = netip.MustParseAddr("fd77:1::10")
	two       = netip.MustParseAddr("10.77.1.11")
	far       = netip.MustParseAddr("10.77.3.10")
	server    = netip.MustParseAddr("203.0.113.2")
	server2   = netip.MustParseAddr("203.0.113.3")
	distant   = netip.MustParseAddr("198.51.100.7") // also of the server, on its loopback interface
	server6   = netip.MustParseAddr("fd77:9::2")
	home      = netip.MustParseAddr("203.0.113.11")
	outer     = netip.MustParseAddr("203.0.113.1") // of the router; the gateway's name resolves to it
	published = netip.AddrPortFrom(outer, 9000)    // forwarded to port 9000 of two
)

const (
	domain     = "gateway.example.org" // resolves to the router in front of the gateway
	newDomain  = "new.example.org"     // resolves to the gateway itself
	portalPort = "8443"
	agentPort  = "14765"
	tunnelPort = "3051"
	ourTable   = "table inet ideco_agent"
	lanOne     = "10.77.1.0/24"
	lanTwo     = "10.77.3.0/24"
)

// labNetwork connects the places. The router has a route to the LANs, so that only the gateway stops packets from outside. The
// server has no IPv4 route to them.
//
//	one, two ── switch ── lan0 gateway wan0 ── router ── switch of the Internet ── net, home, hotel
//	             far ──── lan1
var labNetwork = netlab.Network{Places: []string{"gw", "sw", inOne, inTwo, inFar, inRouter, inNet, inHome, inHotel}, Script: `
hosts '127.0.0.1 localhost' '203.0.113.1 ` + domain + `' '192.168.100.2 ` + newDomain + `'
router gw; router router
at sw link add br0 type bridge; at sw link set br0 up
at net link add br0 type bridge; at net link set br0 up
join gw lan0 sw gw; join one eth0 sw one; join two eth0 sw two
for port in gw one two; do at sw link set $port master br0; done
join gw lan1 far eth0; join gw wan0 router eth0
join router out net router; join home eth0 net home; join hotel eth0 net hotel
for port in router home hotel; do at net link set $port master br0; done

at gw addr add 10.77.1.1/24 dev lan0; at gw addr add fd77:1::1/64 dev lan0 nodad
at gw addr add 10.77.3.1/24 dev lan1
at gw addr add 192.168.100.2/24 dev wan0; at gw addr add fd77:2::2/64 dev wan0 nodad
at gw route add default via 192.168.100.1; at gw -6 route add default via fd77:2::1
at one addr add 10.77.1.10/24 dev eth0; at one addr add 10.77.1.20/24 dev eth0; at one addr add fd77:1::10/64 dev eth0 nodad
at one route add default via 10.77.1.1; at one -6 route add default via fd77:1::1
at two addr add 10.77.1.11/24 dev eth0; at two route add default via 10.77.1.1
at far addr add 10.77.3.10/24 dev eth0; at far route add default via 10.77.3.1
at router addr add 192.168.100.1/24 dev eth0; at router addr add fd77:2::1/64 dev eth0 nodad
at router addr add 203.0.113.1/24 dev out; at router addr add fd77:9::1/64 dev out nodad
at router route add 10.77.0.0/16 via 192.168.100.2; at router -6 route add fd77:1::/64 via fd77:2::2
at net addr add 203.0.113.2/24 dev br0; at net addr add 203.0.113.3/24 dev br0; at net addr add fd77:9::2/64 dev br0 nodad
at net addr add 198.51.100.7/32 dev lo; at router route add 198.51.100.0/24 via 203.0.113.2
at net -6 route add default via fd77:9::1
at home addr add 203.0.113.11/24 dev eth0; at hotel addr add 203.0.113.12/24 dev eth0
inside router nft 'table ip provider {
	chain pre { type nat hook prerouting priority dstnat; iifname out tcp dport { 8443, 14765, 9000 } dnat to 192.168.100.2; iifname out udp dport 3051 dnat to 192.168.100.2; }
	chain post { type nat hook postrouting priority srcnat; oifname out masquerade; }
}'
inside gw nft 'table ip theirs {
	set friends { type ipv4_addr; elements = { 10.1.1.1, 10.1.1.2 }; }
	chain pre { type nat hook prerouting priority dstnat; iifname wan0 tcp dport 9000 dnat to 10.77.1.11; }
	chain forward { type filter hook forward priority filter; policy accept; ip saddr @friends counter packets 0 bytes 0 accept; }
}
table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 22 accept; }; }'
`}

// lab is a gateway behind a provider's router, with two LANs, the Internet and people outside.
type lab struct{ *netlab.Lab }

// inLab runs the body of a test in the gateway of a new lab.
func inLab(t *testing.T, body func(*testing.T, lab)) {
	needs.TUN(t)
	needs.Program(t, "nft", "nftables")
	needs.Program(t, "ping", "iputils-ping")
	labNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) { body(t, lab{l}) })
}

// serveHTTP starts a web server that answers every request with word.
func (w lab) serveHTTP(t testing.TB, place string, at netip.AddrPort, word string) {
	t.Helper()
	ln := w.Listen(t, place, at)
	web := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, word) })}
	t.Cleanup(func() { web.Close() })
	go func() { _ = web.Serve(ln) }()
}

// open fails the test unless the address answers.
func (w lab) open(t testing.TB, what, place string, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	if word, err := w.Hears(place, from, to, patience); err != nil || word == "" {
		t.Errorf("%s: closed: %q, %v", what, word, err)
	}
}

// refused fails the test unless the gateway rejects the connection. Without a reject, programs would wait for a timeout.
func (w lab) refused(t testing.TB, what, place string, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	word, err := w.Hears(place, from, to, soon)
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.EACCES) {
		t.Errorf("%s: not refused: %q, %v", what, word, err)
	}
}

// shut fails the test if the address answers. Unlike refused it accepts silence: a reject to a borrowed address goes to its
// owner.
func (w lab) shut(t testing.TB, what, place string, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	if word, err := w.Hears(place, from, to, netlab.Silence); err == nil {
		t.Errorf("%s: open: %q", what, word)
	}
}

// soon is how long a refusal may take.
const soon = 3 * time.Second

// stops waits until a download has stopped. It fails the test if the last byte came later than allowed after an event, or if
// more bytes come before the end of the test.
func stops(t testing.TB, d *netlab.Download, event time.Time, allowed time.Duration) {
	t.Helper()
	last, count := d.Stops(t), d.Count()
	if took := last.Sub(event); took > allowed {
		t.Errorf("%s: the last byte came %v after the event, allowed are %v", d, took, allowed)
	}
	t.Cleanup(func() {
		if now := d.Count(); now != count {
			t.Errorf("%s: %d bytes came after the end", d, now-count)
		}
	})
}

// cutWithin is how long a download may go on after its session has ended, on a busy machine.
const cutWithin = time.Second

func waitUntil(t testing.TB, when time.Time) {
	t.Helper()
	select {
	case <-time.After(time.Until(when)):
	case <-t.Context().Done():
	}
}

func (w lab) fetch(place string, from netip.Addr, url string, trust *tls.Config) (status int, page string, err error) {
	transport := &http.Transport{
		TLSClientConfig: trust,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if host == domain { // as in the place's hosts file
				address = net.JoinHostPort(outer.String(), port)
			}
			return w.Dial(ctx, place, network, from, address)
		},
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// guarded is the gateway of a lab with its firewall in force.
type guarded struct {
	*gateway
	lab
	admin rest // the administrator
}

// guard starts the gateway with the agent on, chosen interfaces and a saved domain; more are further settings.
func (w lab) guard(t *testing.T, more map[string]any, flags ...string) *guarded {
	t.Helper()
	if len(flags) == 0 {
		flags = []string{"--tunnel", "off"}
	}
	g := &guarded{lab: w, gateway: &gateway{t: t, data: filepath.Join(t.TempDir(), "data"), flags: append(flags, "--firewall", "nftables")}}
	g.begin()
	t.Cleanup(func() {
		g.kill(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", g.log)
			t.Logf("rules:\n%s", netlab.Run(t, "nft", "list", "ruleset"))
		}
	})
	g.admin = g.administrator()
	g.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	setting := map[string]any{
		"auth_domain": domain, "local_networks": []string{lanOne, lanTwo, "fd77:1::/64"},
		"lan_interfaces": []string{"lan0", "lan1"}, "wan_interfaces": []string{"wan0"}, "firewall_timeout_seconds": 10,
	}
	for name, value := range more {
		setting[name] = value
	}
	g.admin.must("PUT", settingPath, setting, nil)
	g.admin = g.rest("boss", adminPassword) // the new address has replaced the root
	return g
}

// begin starts the process on the default ports.
func (g *guarded) begin() {
	g.t.Helper()
	g.start(":"+portalPort, ":"+agentPort, ":80")
	g.where = listening{Portal: []string{"127.0.0.1:" + portalPort}, Agents: []string{domain + ":" + agentPort}, HTTP: []string{"127.0.0.1:80"}}
}

func (g *guarded) set(name string, value any) {
	g.t.Helper()
	g.admin.must("PUT", settingPath, map[string]any{name: value}, nil)
}

// person creates an account that may use the VPN.
func (g *guarded) person(login string) int64 {
	g.t.Helper()
	return g.admin.user(map[string]any{"login": login, "remote_access": true})
}

var devices atomic.Int32

// loggedIn starts an agent on a new device in the LAN and waits until it has access.
func (g *guarded) loggedIn(place, login string) *agentProcess {
	g.t.Helper()
	a := g.agentIn(g.Name(place), login, userPassword, fmt.Sprint("device", devices.Add(1)))
	if e := a.waits("authorized"); e.Mode != "lan" {
		g.t.Errorf("%s: %+v", login, e)
	}
	return a
}

// nobody waits until there is no session.
func (g *guarded) nobody() {
	g.t.Helper()
	g.admin.waitSessions("nobody is left", func(s []session) bool { return len(s) == 0 })
}

// foreignRules returns the ruleset without our table.
func foreignRules(t testing.TB) string {
	t.Helper()
	var rest []string
	ours := false
	for line := range strings.SplitSeq(netlab.Run(t, "nft", "-a", "list", "ruleset"), "\n") {
		ours = ours || strings.HasPrefix(line, ourTable+" ")
		if !ours {
			rest = append(rest, line)
		}
		ours = ours && line != "}"
	}
	return strings.Join(rest, "\n")
}

func hasTable(t testing.TB) bool {
	t.Helper()
	return slices.Contains(strings.Split(netlab.Run(t, "nft", "list", "tables"), "\n"), ourTable)
}
