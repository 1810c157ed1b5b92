package agent

import "net/netip"

// Peer is the other end of a TCP connection. Forwarding headers and addresses in a request are never a part of it.
type Peer struct {
	Addr   netip.Addr // unmapped from ::ffff:
	Inside bool       // it is in the LAN: its address is in the local networks, and the way to it leads through a LAN interface
}

// HostNetwork is the network that one host has for itself: an IPv4 address, or an IPv6 network of /64.
func HostNetwork(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	net, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all: those share one network
	}
	return net
}

// String is the address.
func (p Peer) String() string { return p.Addr.String() }
