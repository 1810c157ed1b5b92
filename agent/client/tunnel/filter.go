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

// neighborDiscovery lists the ICMPv6 types that IPv6 needs on a link: solicitations and advertisements of routers and
// neighbours, redirects.
var neighborDiscovery = []uint8{133, 134, 135, 136, 137}

// families is the set of IP versions that a filter applies to.
type families uint8

const (
	ipv4Only families = 1 << iota
	ipv6Only
	bothFamilies = ipv4Only | ipv6Only
)

// filter matches connections in both directions that meet all its conditions. Zero fields are no conditions; a list
// matches when one of its elements does.
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

// filtersFor returns the filters for a tunnel that takes all traffic, otherwise nil. The first filter that matches decides;
// a connection that none matches is permitted. Outside the tunnel they block IPv6, and with blockLocal also IPv4. If the tunnel
// has DNS servers, they block DNS to all others. Without blockLocal they permit LLMNR and mDNS, which stay in the local network.
func filtersFor(s client.TunnelSetup, blockLocal bool) []filter {
	if !takesAll(s) {
		return nil
	}
	list := []filter{
		{Name: "Ideco agent to its gateway", Permit: true, Agent: true, Families: familyOf(s.Endpoint.Addr()), Remote: hostPrefixes(s.Endpoint.Addr())},
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

// dnsFilters permit DNS only to the tunnel's servers, which are IPv4.
func dnsFilters(servers []netip.Addr) []filter {
	dns := []uint8{protoUDP, protoTCP}
	return []filter{
		{Name: "DNS through the tunnel", Permit: true, Families: ipv4Only, Tunnel: true, Protocols: dns, RemotePort: portDNS, Remote: hostPrefixes(servers...)},
		{Name: "DNS past the tunnel", Families: bothFamilies, Protocols: dns, RemotePort: portDNS},
	}
}

// ipv6Filters block IPv6, except neighbour discovery, DHCPv6 and, unless blockLocal, link-local traffic.
func ipv6Filters(blockLocal bool) []filter {
	list := []filter{
		{Name: "IPv6 neighbor discovery", Permit: true, Families: ipv6Only, Protocols: []uint8{protoICMPv6}, ICMP: neighborDiscovery},
		{Name: "DHCPv6", Permit: true, Families: ipv6Only, Protocols: []uint8{protoUDP}, LocalPort: portDHCPv6Client, RemotePort: portDHCPv6Server},
	}
	if !blockLocal {
		linkLocal := []netip.Prefix{netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff02::/16")}
		list = append(list, filter{Name: "IPv6 neighbours", Permit: true, Families: ipv6Only, Remote: linkLocal})
	}
	return append(list, filter{Name: "IPv6 past the tunnel", Families: ipv6Only})
}

func familyOf(a netip.Addr) families {
	if a.Is4() {
		return ipv4Only
	}
	return ipv6Only
}

// hostPrefixes returns a prefix of full length for each address.
func hostPrefixes(addrs ...netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		a = a.WithZone("")
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}
