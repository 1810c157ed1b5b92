package agent

import "net/netip"

// Peer is the other end of a TCP connection. Forwarding headers and addresses in a request are never part of it.
type Peer struct {
	Addr   netip.Addr // unmapped from ::ffff:
	Inside bool       // it is in the LAN: its address is in the local networks and is reached through a LAN interface
}

// HostNetwork is the key under which one host is counted: an IPv4 address or an IPv6 /64. An invalid address gives the zero
// prefix.
func HostNetwork(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// SiteNetwork is the IPv6 /56 of an address, which a provider gives to one customer. IPv4 gives the zero prefix.
func SiteNetwork(a netip.Addr) netip.Prefix {
	if !a.Is6() {
		return netip.Prefix{}
	}
	p, _ := a.Prefix(56)
	return p
}

// String is the address.
func (p Peer) String() string { return p.Addr.String() }
