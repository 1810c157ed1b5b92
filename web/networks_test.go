package web

import (
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/store"
)

func TestFreeVPNNetwork(t *testing.T) {
	for attached, want := range map[string]string{
		"192.168.1.0/24": "10.128.0.0/16",
		"10.0.0.0/24":    "10.128.0.0/16",
		"10.128.7.0/24":  "10.129.0.0/16",
		"10.128.0.0/15":  "10.130.0.0/16",
		"10.0.0.0/8":     "10.128.0.0/16", // nothing is free; the wider network is no conflict
		"fd00::/64":      "10.128.0.0/16",
	} {
		taken := func(n netip.Prefix) (netip.Prefix, bool) {
			on := netip.MustParsePrefix(attached)
			return on, on.Overlaps(n)
		}
		if got := freeVPNNetwork(taken); got.String() != want {
			t.Errorf("attached to %s: %s, want %s", attached, got, want)
		}
	}
}

func TestAttachedTo(t *testing.T) {
	if on, taken := attachedTo(netip.MustParsePrefix("127.0.0.0/24")); !taken || on.String() != "127.0.0.0/8" {
		t.Errorf("loopback: %v, %v", on, taken)
	}
	if on, taken := attachedTo(netip.MustParsePrefix("203.0.113.0/24")); taken {
		t.Errorf("an unattached network: %v", on)
	}
}

// uplinkShapes are ways to connect a machine to the Internet: commands of ip, and the local networks that result,
// besides loopback. lan0 has 10.3.0.0/24 and fd00:3::/64, wan0 10.1.0.0/24 and fd00:1::/64, wan1 10.2.0.0/24.
var uplinkShapes = map[string]struct {
	ip    string
	local string
}{
	"no route":           {"", ""},
	"default":            {"route add default via 10.1.0.1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"without a router":   {"route add default dev wan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"on-link router":     {"route add default via 192.0.2.1 dev wan0 onlink", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"IPv6 router":        {"route add default via inet6 fe80::1 dev wan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"another table":      {"route add default via 10.1.0.1 table 200", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"second provider":    {"route add default via 10.1.0.1; route add default via 10.2.0.1 dev wan1 table 200", "10.3.0.0/24 fd00:3::/64"},
	"second metric":      {"route add default via 10.1.0.1; route add default via 10.2.0.1 metric 500", "10.3.0.0/24 fd00:3::/64"},
	"multipath":          {"route add default nexthop via 10.1.0.1 dev wan0 nexthop via 10.2.0.1 dev wan1", "10.3.0.0/24 fd00:3::/64"},
	"nexthop object":     {"nexthop add id 1 via 10.1.0.1 dev wan0; route add default nhid 1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"nexthop group":      {"nexthop add id 1 via 10.1.0.1 dev wan0; nexthop add id 2 via 10.2.0.1 dev wan1; nexthop add id 3 group 1/2; route add default nhid 3", "10.3.0.0/24 fd00:3::/64"},
	"halves":             {"route add 0.0.0.0/1 via 10.1.0.1; route add 128.0.0.0/1 via 10.1.0.1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"halves, no router":  {"route add 0.0.0.0/1 dev wan0; route add 128.0.0.0/1 dev wan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"public parts":       {"route add 11.0.0.0/8 dev wan0; route add 64.0.0.0/2 dev wan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"one public route":   {"route add default via 10.1.0.1; route add 203.0.113.0/24 via 10.2.0.1 table 7", "10.3.0.0/24 fd00:3::/64"},
	"point to point":     {"tuntap add tun0 mode tun; addr add 10.9.0.2 peer 10.9.0.1 dev tun0; link set tun0 up; route add default dev tun0", "10.1.0.0/24 10.2.0.0/24 10.3.0.0/24 fd00:1::/64 fd00:3::/64"},
	"VPN as default":     {"tuntap add tun0 mode tun; link set tun0 up; route add default dev tun0; route add 203.0.113.9 via 10.1.0.1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"VPN over IPv6":      {"tuntap add tun0 mode tun; link set tun0 up; route add default dev tun0; -6 route add 2001:db8::9 via fd00:1::1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"router advertised":  {"-6 route add default via fe80::1 dev wan0 proto ra", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"all of IPv6":        {"-6 route add 2000::/3 via fe80::1 dev wan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"blackhole":          {"route add blackhole default; -6 route add unreachable default", ""},
	"prohibit, table":    {"route add prohibit default table 200; route add throw default table 201", ""},
	"loopback":           {"link set lo up; route add default dev lo", ""},
	"private routes":     {"route add default via 10.1.0.1; route add 10.0.0.0/8 via 10.3.0.9; -6 route add fd00::/8 via fd00:3::9; -6 route add 2001:db8:7::/48 via fd00:3::9", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"multicast":          {"route add default via 10.1.0.1; route add 224.0.0.0/4 dev lan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"public addresses":   {"route add default via 10.1.0.1; addr add 198.51.100.1/24 dev lan0; addr add 2001:db8:3::1/64 dev lan0; addr add 100.64.0.1/24 dev lan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"wider than private": {"route add default via 10.1.0.1; addr add 172.16.0.1/8 dev lan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"macvlan":            {"link add mv0 link wan0 type macvlan mode bridge; link add mv1 link wan0 type macvlan mode bridge; link set mv0 up; link set mv1 up; addr add 10.8.0.2/24 dev mv0; addr add 10.9.0.1/24 dev mv1; route add default via 10.8.0.1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"macvlan of a LAN":   {"link add mv0 link lan0 type macvlan mode bridge; link set mv0 up; addr add 10.9.0.1/24 dev mv0; route add default via 10.1.0.1", "10.2.0.0/24 10.3.0.0/24 10.9.0.0/24 fd00:3::/64"},
	"bridge":             {"link add br0 type bridge; link set br0 up; link set wan0 master br0; addr add 10.8.0.2/24 dev br0; route add default via 10.8.0.1", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
	"overlap":            {"route add default via 10.1.0.1; addr add 10.0.0.1/8 dev lan0", "10.2.0.0/24 10.3.0.0/24 fd00:3::/64"},
}

// TestAttachedNetworks: the network of an interface that leads to the Internet is not local, whatever the form of its
// route. Without a route to the Internet only loopback is local.
func TestAttachedNetworks(t *testing.T) {
	needs.Program(t, "ip", "iproute2")
	netlab.InNewNamespace(t, func(t *testing.T) {
		for name, c := range uplinkShapes {
			var script strings.Builder
			for name, addrs := range map[string]string{"wan0": "10.1.0.2/24 fd00:1::2/64", "wan1": "10.2.0.2/24", "lan0": "10.3.0.1/24 fd00:3::1/64"} {
				fmt.Fprintf(&script, "ip link add %s type veth peer %[1]speer; ip link set %[1]s up; ip link set %[1]speer up\n", name)
				for addr := range strings.FieldsSeq(addrs) {
					fmt.Fprintf(&script, "ip addr add %s dev %s\n", addr, name)
				}
			}
			for command := range strings.SplitSeq(c.ip, ";") {
				if command = strings.TrimSpace(command); command != "" {
					fmt.Fprintln(&script, "ip", command)
				}
			}
			netlab.Run(t, "sh", "-ec", script.String())
			got := attachedNetworks()
			slices.SortFunc(got[2:], netip.Prefix.Compare)
			want := nets(append([]string{"127.0.0.0/8", "::1/128"}, strings.Fields(c.local)...)...)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
			netlab.Run(t, "sh", "-c", "for i in wan0 wan1 lan0 tun0 br0; do ip link del $i; done; ip route flush type blackhole; ip route flush type prohibit table all; ip route flush type throw table all; ip -6 route flush type unreachable; ip link set lo down; ip nexthop flush")
		}
	})
}

// TestFirstVPNNetwork: the first VPN network overlaps no attached network, also none that is not local.
func TestFirstVPNNetwork(t *testing.T) {
	needs.Program(t, "ip", "iproute2")
	netlab.InNewNamespace(t, func(t *testing.T) {
		netlab.Run(t, "sh", "-ec", `ip link add wan0 type veth peer lan0; ip link set wan0 up; ip link set lan0 up
			ip addr add 10.128.1.2/24 dev wan0; ip addr add 10.129.1.1/24 dev lan0; ip route add default via 10.128.1.1`)
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ideco.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s, err := loadSettings(t.Context(), db, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Current().VPNNetwork.String(); got != "10.130.0.0/16" {
			t.Errorf("%s", got)
		}
	})
}

// TestAddSegmentsPPPoE: the interface under PPPoE is outside if the PPP interface is.
func TestAddSegmentsPPPoE(t *testing.T) {
	device := func(index int, name string) netlink.Link {
		return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index, Name: name}}
	}
	links := []netlink.Link{device(2, "wan0"), device(3, "lan0"), &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: 4, Name: "ppp0"}, LinkType: "ppp"}}
	const list = "Id       Address              Device\n00000A01 02:00:00:00:00:01     wan0\n"
	for ppp, want := range map[bool]bool{true: true, false: false} {
		outward := map[int]bool{4: ppp}
		if addSegments(outward, links, list); outward[2] != want || outward[3] {
			t.Errorf("PPP leads out %v: wan0 %v, lan0 %v", ppp, outward[2], outward[3])
		}
	}
}

// TestAddSegmentsIPVLAN: an ipvlan is on the Ethernet segment of its parent. The links are made up, because few kernels
// have ipvlan.
func TestAddSegmentsIPVLAN(t *testing.T) {
	above := func(index, parent, netns int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: index, ParentIndex: parent, NetNsID: netns}
	}
	links := []netlink.Link{
		&netlink.Device{LinkAttrs: above(2, 0, -1)}, &netlink.IPVlan{LinkAttrs: above(4, 2, -1)}, &netlink.IPVlan{LinkAttrs: above(5, 2, -1)},
		&netlink.IPVtap{IPVlan: netlink.IPVlan{LinkAttrs: above(6, 2, -1)}},
		&netlink.Device{LinkAttrs: above(3, 0, -1)}, &netlink.IPVlan{LinkAttrs: above(7, 3, -1)},
		&netlink.IPVlan{LinkAttrs: above(8, 2, 0)}, // the parent is in another namespace
	}
	for _, uplink := range []int{2, 4, 6} {
		outward := map[int]bool{uplink: true}
		addSegments(outward, links, "")
		if got := slices.Sorted(maps.Keys(outward)); !slices.Equal(got, []int{2, 4, 5, 6}) {
			t.Errorf("uplink %d: outside are %d", uplink, got)
		}
	}
}
