package agent

import "net/netip"

// Peer is the other end of a TCP connection. Forwarding headers and addresses in a request are never part of it.
type Peer struct {
	Addr      netip.Addr // unmapped from ::ffff:
	Interface string     // name of the network interface through which it came; empty where that is not known
	Inside    bool       // it is in the LAN: its address is in the local networks and is reached through a LAN interface
}

// Host is the key under which one host is counted: its address or, outside, its IPv6 /64, because one host outside has all
// addresses of it. The hosts of a LAN share a /64. An invalid address gives the zero prefix.
func (p Peer) Host() netip.Prefix {
	bits := p.Addr.BitLen()
	if p.Addr.Is6() && !p.Inside {
		bits = 64
	}
	host, _ := p.Addr.Prefix(bits)
	return host
}

// CustomerNetwork is the IPv6 /56 of a peer outside, which a provider gives to one customer. IPv4 and the LAN give the zero prefix.
func (p Peer) CustomerNetwork() netip.Prefix {
	if !p.Addr.Is6() || p.Inside {
		return netip.Prefix{}
	}
	site, _ := p.Addr.Prefix(56)
	return site
}

// Networks are the networks under which a peer is counted, the widest first and Host last. Whoever has many addresses has
// them in one of these: outside, those that IPv6 gives to a provider, an organisation, a customer and a host (RFC 6177); in
// the LAN, its IPv6 /64. IPv4 has the host alone.
func (p Peer) Networks() []netip.Prefix {
	wider := []int{32, 48, 56}
	switch {
	case !p.Addr.Is6():
		wider = nil
	case p.Inside:
		wider = []int{64}
	}
	var networks []netip.Prefix
	for _, bits := range wider {
		network, _ := p.Addr.Prefix(bits)
		networks = append(networks, network)
	}
	return append(networks, p.Host())
}

// String is the address.
func (p Peer) String() string { return p.Addr.String() }

// MarshalText is the address, also in a log that is written as JSON.
func (p Peer) MarshalText() ([]byte, error) { return p.Addr.MarshalText() }
