package web

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// TestCarrier: the packets of a port carry the name of its outermost master, and those of an interface under a macvlan in mode
// passthru that of the macvlan. Other macvlans leave the interface its packets.
func TestCarrier(t *testing.T) {
	needs.Program(t, "ip", "iproute2")
	netlab.InNewNamespace(t, func(t *testing.T) {
		netlab.Run(t, "sh", "-ec", `
			for i in plain port taken tapped shared; do ip link add $i type veth peer to-$i; done
			ip link add br0 type bridge; ip link set port master br0
			ip link add mv0 link taken type macvlan mode passthru
			ip link add mt0 link tapped type macvtap mode passthru
			ip link add mv1 link shared type macvlan mode bridge
			ip netns add carrier-test; ip link add mv2 link plain type macvlan mode private
			ip link set mv2 netns carrier-test; ip netns del carrier-test`)
		links, err := netlink.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"plain": "", "port": "br0", "br0": "", "taken": "mv0", "mv0": "", "tapped": "mt0",
			"shared": "", "mv1": "", "lo": "", "missing": ""} {
			if got := carrier(links, name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

// TestCarrierOfOthers uses made-up interfaces, because few kernels have all these kinds.
func TestCarrierOfOthers(t *testing.T) {
	link := func(index, master int, name string) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: index, MasterIndex: master, Name: name, NetNsID: -1}
	}
	passthru := func(parent, netns int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: 9, Name: "mv0", ParentIndex: parent, NetNsID: netns}
	}
	vlan := link(3, 0, "lan0.5")
	vlan.ParentIndex = 1
	for name, c := range map[string]struct {
		above []netlink.Link
		port  int // index of the master of lan0
		want  string
	}{
		"bond":                   {[]netlink.Link{&netlink.Bond{LinkAttrs: link(2, 0, "bond0")}}, 2, "bond0"},
		"team":                   {[]netlink.Link{&netlink.GenericLink{LinkAttrs: link(2, 0, "team0"), LinkType: "team"}}, 2, "team0"},
		"VRF":                    {[]netlink.Link{&netlink.Vrf{LinkAttrs: link(2, 0, "vrf0")}}, 2, "vrf0"},
		"bond in a bridge":       {[]netlink.Link{&netlink.Bond{LinkAttrs: link(2, 4, "bond0")}, &netlink.Bridge{LinkAttrs: link(4, 0, "br0")}}, 2, "br0"},
		"VLAN":                   {[]netlink.Link{&netlink.Vlan{LinkAttrs: vlan}}, 0, ""},
		"passthru":               {[]netlink.Link{&netlink.Macvlan{LinkAttrs: passthru(1, -1), Mode: netlink.MACVLAN_MODE_PASSTHRU}}, 0, "mv0"},
		"passthru, other parent": {[]netlink.Link{&netlink.Macvlan{LinkAttrs: passthru(1, 7), Mode: netlink.MACVLAN_MODE_PASSTHRU}}, 0, ""},
	} {
		links := append([]netlink.Link{&netlink.Device{LinkAttrs: link(1, c.port, "lan0")}}, c.above...)
		if got := carrier(links, "lan0"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := vlanParent(links, "lan0.5"); (got == "lan0") != (name == "VLAN") {
			t.Errorf("%s: lan0.5 is a VLAN of %q", name, got)
		}
	}
	loop := []netlink.Link{&netlink.Bond{LinkAttrs: link(1, 2, "a")}, &netlink.Bond{LinkAttrs: link(2, 1, "b")}}
	if got := carrier(loop, "a"); got == "" {
		t.Error("a loop has no carrier")
	}
}

// TestFirewallReplaced: a chosen interface that becomes a port later, or is one at the start, is logged once, shown on the page
// and reported by health, until it is no port any more.
func TestFirewallReplaced(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		s := gatewaySettings()
		w := testFirewall(t, t.TempDir(), &s)
		var log strings.Builder
		w.log = slog.New(slog.NewTextHandler(&log, nil))
		netlab.Run(t, "sh", "-ec", "for i in lan0 wan0; do ip link add $i type veth peer to-$i; done; ip link add br0 type bridge")
		reports := func(what, replaced string, logged int) {
			t.Helper()
			w.follow(t.Context())
			w.follow(t.Context())
			state, health := w.state(), w.health()
			if got := strings.Join(state.Replaced, " "); got != replaced {
				t.Errorf("%s: the page shows %q, want %q", what, got, replaced)
			}
			if (health != nil) != (replaced != "") || health != nil && !strings.Contains(health.Error(), replaced) {
				t.Errorf("%s: health: %v", what, health)
			}
			if n := strings.Count(log.String(), "are not filtered; choose that one"); n != logged {
				t.Errorf("%s: logged %d times, want %d:\n%s", what, n, logged, &log)
			}
		}
		reports("no port", "", 0)
		netlab.Run(t, "ip", "link", "set", "lan0", "master", "br0")
		reports("a port", "lan0 (br0)", 1)
		next := testFirewall(t, t.TempDir(), &s)
		if next.begin(t.Context()); next.health() == nil {
			t.Error("a process that starts does not report it")
		}
		s = gatewaySettings()
		s.LANInterfaces, s.WANInterfaces = nil, nil
		reports("nothing chosen", "", 1)
		s = gatewaySettings()
		reports("chosen again", "lan0 (br0)", 2)
		netlab.Run(t, "ip", "link", "set", "lan0", "nomaster")
		reports("no port any more", "", 2)
		if !strings.Contains(log.String(), "carry their names again") {
			t.Errorf("not logged:\n%s", &log)
		}
	})
}
