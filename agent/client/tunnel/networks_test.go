package tunnel

import (
	"net/netip"
	"reflect"
	"testing"
)

const (
	wifi uint64 = iota + 1
	cable
	idle
	ours
	loopback
)

var (
	someIfaces = []iface{
		{ID: wifi, Index: 11, Name: "Wi-Fi", Up: true, Metric: 50},
		{ID: cable, Index: 12, Name: "Ethernet", Up: true, Metric: 25},
		{ID: idle, Index: 13, Name: "Modem", Metric: 5},
		{ID: ours, Index: 14, Name: "Ideco agent", Up: true},
		{ID: loopback, Index: 1, Name: "Loopback", Up: true, Metric: 75},
	}
	someRoutes = []route{
		{wifi, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.168.1.1"), 0},
		{cable, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.9.0.1"), 0},
		{idle, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("100.64.0.1"), 0},
		{ours, netip.MustParsePrefix("0.0.0.0/0"), netip.IPv4Unspecified(), 0},
		{ours, netip.MustParsePrefix("0.0.0.0/1"), netip.IPv4Unspecified(), 0},
		{ours, netip.MustParsePrefix("128.0.0.0/1"), netip.IPv4Unspecified(), 0},
		{wifi, netip.MustParsePrefix("192.168.1.0/24"), netip.IPv4Unspecified(), 256},
		{cable, netip.MustParsePrefix("10.9.0.0/16"), netip.IPv4Unspecified(), 256},
		{wifi, netip.MustParsePrefix("203.0.113.0/24"), netip.MustParseAddr("192.168.1.254"), 0},
		{wifi, netip.MustParsePrefix("::/0"), netip.MustParseAddr("fe80::1"), 0},
		{99, netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.168.1.1"), 0},
	}
)

func TestOutboundInterface(t *testing.T) {
	for to, want := range map[string]uint32{
		"192.0.2.1":      12, // two default routes: the interface's metric counts
		"192.168.1.1":    11,
		"203.0.113.1":    11, // the more specific route counts for more than any metric
		"198.51.100.1":   12, // a route of an interface that is not there
		"2001:db8::1":    11,
		"fe80::1%Wi-Fi":  11,
		"255.255.255.25": 12,
	} {
		if c, ok := outboundInterface(netip.MustParseAddr(to), someRoutes, someIfaces, ours); !ok || c.Index != want {
			t.Errorf("%s goes through %+v %v, want %d", to, c, ok, want)
		}
	}
	unplugged := append([]iface{}, someIfaces...)
	unplugged[1].Up = false
	if c, ok := outboundInterface(netip.MustParseAddr("192.0.2.1"), someRoutes, unplugged, ours); !ok || c.ID != wifi {
		t.Errorf("without the cable %+v %v", c, ok)
	}
	unplugged[0].Up = false
	if c, ok := outboundInterface(netip.MustParseAddr("192.0.2.1"), someRoutes, unplugged, ours); ok {
		t.Errorf("without a network %+v", c)
	}
}

func TestLocalNetworks(t *testing.T) {
	addresses := []ownAddress{
		{wifi, netip.MustParsePrefix("192.168.1.7/24")},
		{wifi, netip.MustParsePrefix("192.168.1.8/24")},
		{cable, netip.MustParsePrefix("10.9.3.3/16")},
		{cable, netip.MustParsePrefix("169.254.3.3/16")},
		{cable, netip.MustParsePrefix("100.64.0.9/32")},
		{cable, netip.MustParsePrefix("fd00::1/64")},
		{idle, netip.MustParsePrefix("172.16.0.2/24")},
		{ours, netip.MustParsePrefix("10.128.0.7/32")},
		{loopback, netip.MustParsePrefix("127.0.0.1/8")},
	}
	want := []network{
		{"Ethernet", netip.MustParsePrefix("10.9.0.0/16"), addrs("10.9.3.3"), addrs("10.9.0.1"), false},
		{"Wi-Fi", netip.MustParsePrefix("192.168.1.0/24"), addrs("192.168.1.7", "192.168.1.8"), addrs("192.168.1.1", "192.168.1.254"), false},
	}
	if got := localNetworks(addresses, someRoutes, someIfaces, ours); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// Networks of virtual machines and containers, as WSL 2, Docker and Hyper-V make them, have no uplink. An external
// switch of Hyper-V takes the place of the network card, with its router.
func TestHostOnlyNetworks(t *testing.T) {
	const wsl, standard, containers, docker, external, modem, second = 31, 32, 33, 34, 35, 36, 37
	ifaces := []iface{
		{ID: wsl, Name: "vEthernet (WSL)", Up: true},
		{ID: standard, Name: "vEthernet (Default Switch)", Up: true},
		{ID: containers, Name: "vEthernet (nat)", Up: true},
		{ID: docker, Name: "vEthernet (DockerNAT)", Up: true},
		{ID: external, Name: "vEthernet (External)", Up: true},
		{ID: modem, Name: "Cellular", Up: true},
		{ID: second, Name: "Ethernet 2", Up: true},
	}
	addresses := []ownAddress{
		{wsl, netip.MustParsePrefix("172.20.0.1/20")},
		{standard, netip.MustParsePrefix("172.17.96.1/20")},
		{containers, netip.MustParsePrefix("172.30.64.1/20")},
		{docker, netip.MustParsePrefix("10.0.75.1/24")},
		{external, netip.MustParsePrefix("192.168.7.5/24")},
		{external, netip.MustParsePrefix("192.168.8.5/24")},
		{second, netip.MustParsePrefix("192.168.7.6/24")},
		{modem, netip.MustParsePrefix("100.70.1.2/30")},
	}
	routes := []route{
		{external, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.168.7.1"), 0},
		{modem, netip.MustParsePrefix("0.0.0.0/0"), netip.IPv4Unspecified(), 0},
	}
	for _, a := range addresses {
		for _, attached := range []string{a.Net.Masked().String(), a.Net.Addr().String() + "/32", "224.0.0.0/4", "255.255.255.255/32"} {
			routes = append(routes, route{a.Iface, netip.MustParsePrefix(attached), netip.IPv4Unspecified(), 256})
		}
	}
	got := map[string]bool{}
	for _, l := range localNetworks(addresses, routes, ifaces, ours) {
		got[l.Interface+" "+l.Net.String()] = l.HostOnly
	}
	want := map[string]bool{
		"vEthernet (WSL) 172.20.0.0/20":             true,
		"vEthernet (Default Switch) 172.17.96.0/20": true,
		"vEthernet (nat) 172.30.64.0/20":            true,
		"vEthernet (DockerNAT) 10.0.75.0/24":        true,
		"vEthernet (External) 192.168.7.0/24":       false,
		"vEthernet (External) 192.168.8.0/24":       false, // no router in it, but on the same interface
		"Ethernet 2 192.168.7.0/24":                 false, // no router on the interface, but in the same network
		"Cellular 100.70.1.0/30":                    false,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
