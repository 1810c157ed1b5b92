//go:build gateway

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// narrowNetwork has a link in the middle that a test makes narrow. The person has a second way to the gateway.
//
//	lan ── lan0 gateway wan0 ── isp ── narrow ── edge ── eth0 home
//	        far ── lan1          └─────── spare ────────── eth1 home
var narrowNetwork = netlab.Network{Places: []string{"gw", inOne, inFar, "isp", "edge", inHome}, Script: `
hosts '127.0.0.1 localhost' '192.168.100.2 ` + domain + `'
router gw; router isp; router edge; inside home sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter'
join gw lan0 one eth0; join gw lan1 far eth0; join gw wan0 isp eth0; join isp narrow edge narrow; join edge out home eth0; join isp spare home eth1
at gw addr add 10.77.1.1/24 dev lan0; at one addr add 10.77.1.10/24 dev eth0; at one route add default via 10.77.1.1
at gw addr add 10.77.3.1/24 dev lan1; at far addr add 10.77.3.10/24 dev eth0; at far route add default via 10.77.3.1
at gw addr add 192.168.100.2/24 dev wan0; at isp addr add 192.168.100.1/24 dev eth0; at gw route add default via 192.168.100.1
at isp addr add 198.18.9.1/24 dev narrow; at edge addr add 198.18.9.2/24 dev narrow
at isp route add 203.0.113.0/24 via 198.18.9.2; at edge route add default via 198.18.9.1
at edge addr add 203.0.113.1/24 dev out; at home addr add 203.0.113.11/24 dev eth0; at home route add default via 203.0.113.1
at isp addr add 198.18.8.1/24 dev spare; at home addr add 198.18.8.11/24 dev eth1
for place in isp edge; do inside $place nft 'table ip silent {
	chain out { type filter hook output priority filter; }
	chain clamp { type filter hook forward priority mangle; }
}'; done
`}

// inNarrow runs the body of a test in the gateway of a new narrowNetwork.
func inNarrow(t *testing.T, body func(*testing.T, lab)) {
	needs.TUN(t)
	needs.Program(t, "nft", "nftables")
	narrowNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) { body(t, lab{l}) })
}

const (
	transferSize  = 2 << 20          // bytes
	transferLimit = 10 * time.Second // for all transfers of a direction
	transfers     = 3                // at once, in each direction
)

// sink is for Serve: it reads transferSize bytes and says so.
func sink(c net.Conn) {
	if n, err := io.CopyN(io.Discard, c, transferSize); err == nil {
		fmt.Fprint(c, n)
	}
}

// source is for Serve: it sends transferSize bytes.
func source(c net.Conn) { _, _ = c.Write(make([]byte, transferSize)) }

// transfer moves transferSize bytes from a place to a sink, or from a source to the place.
func (w lab) transfer(ctx context.Context, place string, from netip.Addr, to netip.AddrPort, up bool) error {
	c, err := w.Dial(ctx, place, "tcp", from, to.String())
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if !up {
		n, err := io.Copy(io.Discard, c)
		if err == nil && n != transferSize {
			err = fmt.Errorf("%d bytes", n)
		}
		return err
	}
	if _, err := c.Write(make([]byte, transferSize)); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 16))
	return err
}

// carries fails the test unless several transfers in each direction complete in time.
func (w lab) carries(t *testing.T, what, place string, from netip.Addr, to, out netip.AddrPort) {
	t.Helper()
	for direction, up := range map[string]bool{"up": true, "down": false} {
		ctx, cancel := context.WithTimeout(t.Context(), transferLimit)
		results, at := make(chan error), out
		if up {
			at = to
		}
		for range transfers {
			go func() { results <- w.transfer(ctx, place, from, at, up) }()
		}
		for range transfers {
			if err := <-results; err != nil {
				t.Errorf("%s: a transfer %s: %v", what, direction, err)
			}
		}
		cancel()
	}
}

// mtu sets the MTU of both ends of a link.
func (w lab) mtu(t *testing.T, size int, ends ...[2]string) {
	t.Helper()
	for _, end := range ends {
		w.IP(t, end[0], "link", "set", end[1], "mtu", fmt.Sprint(size))
	}
}

func (w lab) nft(t *testing.T, place, rule string) {
	t.Helper()
	netlab.Run(t, "ip", "netns", "exec", w.Name(place), "nft", rule)
}

// TestFirewallNarrowPath: transfers through the tunnel complete, in both directions, wherever on the path its narrowest link
// is and whether or not the routers' ICMP messages arrive.
func TestFirewallNarrowPath(t *testing.T) {
	inNarrow(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil, "--tunnel", "tun", "--tunnel-name", w.Link("w"), "--wireguard-port", tunnelPort)
		g.person("anna")
		to, out := w.Serve(t, inOne, netip.AddrPortFrom(one, 0), sink), w.Serve(t, inOne, netip.AddrPortFrom(one, 0), source)
		middle := [][2]string{{"isp", "narrow"}, {"edge", "narrow"}}
		cable := [][2]string{{"edge", "out"}, {inHome, "eth0"}}
		wan := [][2]string{{"gw", "wan0"}, {"isp", "eth0"}}
		for _, c := range []struct {
			name   string
			size   int
			link   [][2]string
			silent bool // the routers' ICMP messages are lost; as usual there, the routers help TCP
			mtu    string
		}{
			{"wide", 1500, middle, false, "mtu 1420"},
			{"in the middle", 1400, middle, false, "mtu 1320"},
			{"in the middle", 1280, middle, false, "mtu 1200"},
			{"in the middle, silent", 1280, middle, true, "mtu 1420"},
			{"at home", 1280, cable, true, "mtu 1200"},
			{"at the gateway", 1280, wan, false, "mtu 1200"},
			{"at the gateway, silent", 1280, wan, true, "mtu 1420"}, // the gateway itself sends what is too long
		} {
			what := fmt.Sprintf("%d %s", c.size, c.name)
			w.mtu(t, c.size, c.link...)
			if c.silent {
				for _, place := range []string{"isp", "edge"} {
					w.nft(t, place, "add rule ip silent out icmp type destination-unreachable drop")
					w.nft(t, place, "add rule ip silent clamp tcp flags syn tcp option maxseg size set rt mtu")
				}
			}
			link := w.Link("a")
			anna := g.tunnelled(inHome, "anna", link)
			at := netip.MustParseAddr(anna.seen[len(anna.seen)-1].Address)
			w.carries(t, what, inHome, at, to, out)
			netlab.Eventually(t, what+": the interface has "+c.mtu, func() bool {
				return strings.Contains(netlab.Run(t, "ip", "-n", w.Name(inHome), "link", "show", link), c.mtu+" ")
			})
			w.carries(t, what+", later", inHome, at, to, out)
			anna.signal(syscall.SIGTERM)
			anna.exits(0)
			w.mtu(t, 1500, c.link...)
			for _, place := range []string{"isp", "edge"} {
				w.nft(t, place, "flush table ip silent")
			}
			for _, place := range []string{"gw", inHome} {
				w.IP(t, place, "route", "flush", "cache")
			}
		}
	})
}

// TestFirewallOtherUplink: everything goes through the tunnel, and the computer moves to another uplink. The tunnel moves
// along at once, without the old uplink and with it.
func TestFirewallOtherUplink(t *testing.T) {
	inNarrow(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil, "--tunnel", "tun", "--tunnel-name", w.Link("w"), "--wireguard-port", tunnelPort)
		g.person("anna")
		anna := g.tunnelled(inHome, "anna", w.Link("a"))
		at := netip.MustParseAddr(anna.seen[len(anna.seen)-1].Address)
		running := w.Download(t, "a download through the tunnel", inHome, at, w.Serve(t, inOne, netip.AddrPortFrom(one, 0), netlab.Paced))
		goesOn := func(what string) {
			t.Helper()
			running.Gap()
			begun := time.Now()
			running.Runs(t)
			t.Logf("%s: %v", what, time.Since(begun))
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("%s: the download went on after %v", what, took)
			}
		}
		w.IP(t, inHome, "route", "replace", "default", "via", "198.18.8.1")
		w.IP(t, "isp", "link", "set", "narrow", "down") // the old uplink carries nothing
		goesOn("another default route")
		w.IP(t, "isp", "link", "set", "narrow", "up")
		w.IP(t, "isp", "route", "add", "203.0.113.0/24", "via", "198.18.9.2")
		w.IP(t, inHome, "route", "add", "default", "via", "203.0.113.1", "metric", "100")
		w.IP(t, inHome, "link", "set", "eth1", "down")
		goesOn("the uplink is gone")
		w.IP(t, inHome, "addr", "del", "203.0.113.11/24", "dev", "eth0")
		w.IP(t, inHome, "addr", "add", "203.0.113.12/24", "dev", "eth0")
		w.IP(t, inHome, "route", "replace", "default", "via", "203.0.113.1")
		goesOn("another address")
	})
}
