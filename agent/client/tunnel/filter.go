package tunnel

import (
	"net/netip"

	"ideco-agent/agent/client"
)

// Protocols and ports of the filters.
const (
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	portDNS          = 53
	portDHCPServer   = 67
	portDHCPClient   = 68
	portDHCPv6Client = 546
	portDHCPv6Server = 547
)

// neighborDiscovery are the ICMPv6 types without which IPv6 finds nobody on the wire: solicitations and advertisements
// of routers and neighbours, redirects.
var neighborDiscovery = []uint8{133, 134, 135, 136, 137}

// families are the versions of IP that a filter is about.
type families uint8

const (
	ipv4Only families = 1 << iota
	ipv6Only
	bothFamilies = ipv4Only | ipv6Only
)

// filter decides about connections, in both directions, that fit everything it names. What is zero is not looked at;
// one of a list is enough.
type filter struct {
	Name       string
	Permit     bool // otherwise block
	Families   families
	Agent      bool // of this program
	Loopback   bool
	Tunnel     bool // through the tunnel's interface
	Protocols  []uint8
	LocalPort  uint16
	RemotePort uint16
	ICMP       []uint8 // types
	Remote     []netip.Prefix
}

// filtersFor are the filters while everything goes through the tunnel; nil otherwise. The first that fits decides, and
// what none fits is let through. They keep DNS and IPv6 from going past the tunnel, and everything else too when the
// local networks are blocked. Names asked of neighbours (LLMNR, mDNS) belong to the computer's own network.
func filtersFor(s client.TunnelSetup, blockLocal bool) []filter {
	if !takesAll(s) {
		return nil
	}
	list := []filter{
		{Name: "Ideco agent to its gateway", Permit: true, Agent: true, Families: familyOf(s.Endpoint.Addr()), Remote: single(s.Endpoint.Addr())},
		{Name: "This computer to itself", Permit: true, Families: bothFamilies, Loopback: true},
	}
	if len(s.DNS) > 0 {
		list = append(list, dnsFilters(s.DNS)...)
	}
	list = append(list, filter{Name: "Through the tunnel", Permit: true, Families: bothFamilies, Tunnel: true})
	list = append(list, ipv6Filters(blockLocal)...)
	if blockLocal {
		list = append(list,
			filter{Name: "DHCP", Permit: true, Families: ipv4Only, Protocols: []uint8{protoUDP}, LocalPort: portDHCPClient, RemotePort: portDHCPServer},
			filter{Name: "IPv4 past the tunnel", Families: ipv4Only})
	}
	return list
}

// dnsFilters let DNS go to the tunnel's servers, which are IPv4.
func dnsFilters(servers []netip.Addr) []filter {
	dns := []uint8{protoUDP, protoTCP}
	return []filter{
		{Name: "DNS through the tunnel", Permit: true, Families: ipv4Only, Tunnel: true, Protocols: dns, RemotePort: portDNS, Remote: single(servers...)},
		{Name: "DNS past the tunnel", Families: bothFamilies, Protocols: dns, RemotePort: portDNS},
	}
}

// ipv6Filters leave of IPv6 what keeps the computer's connection alive and, unless the local networks are blocked, its neighbours.
func ipv6Filters(blockLocal bool) []filter {
	list := []filter{
		{Name: "IPv6 neighbor discovery", Permit: true, Families: ipv6Only, Protocols: []uint8{protoICMPv6}, ICMP: neighborDiscovery},
		{Name: "DHCPv6", Permit: true, Families: ipv6Only, Protocols: []uint8{protoUDP}, LocalPort: portDHCPv6Client, RemotePort: portDHCPv6Server},
	}
	if !blockLocal {
		neighbours := []netip.Prefix{netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff02::/16")}
		list = append(list, filter{Name: "IPv6 neighbours", Permit: true, Families: ipv6Only, Remote: neighbours})
	}
	return append(list, filter{Name: "IPv6 past the tunnel", Families: ipv6Only})
}

func familyOf(a netip.Addr) families {
	if a.Is4() {
		return ipv4Only
	}
	return ipv6Only
}

func single(addrs ...netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		a = a.WithZone("")
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}
