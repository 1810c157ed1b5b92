package agent

import "net/netip"

// Peer is the other end of a TCP connection. It is never taken from forwarding headers or from a request.
type Peer struct {
	Addr      netip.Addr // see Unmap
	Interface string     // the network interface through which it came; empty if unknown
	Inside    bool       // it is in the LAN: its address is in the local networks and is reached through a LAN interface
}

// Host is the key for counting one host: its address or, outside, its IPv6 /64, because one host may use all its addresses.
// The hosts of a LAN share a /64. An invalid address gives the zero prefix.
func (p Peer) Host() netip.Prefix {
	bits := p.Addr.BitLen()
	if p.Addr.Is6() && !p.Inside {
		bits = 64
	}
	host, _ := p.Addr.Prefix(bits)
	return host
}

// CustomerNetwork is the IPv6 /56 of a peer outside: providers give one to each customer. It is zero for IPv4 and the LAN.
func (p Peer) CustomerNetwork() netip.Prefix {
	if !p.Addr.Is6() || p.Inside {
		return netip.Prefix{}
	}
	site, _ := p.Addr.Prefix(56)
	return site
}

// Networks are the keys for counting a peer, the widest first and Host last. Outside they are the IPv6 networks of a
// provider (/32), an organisation (/48), a customer (/56) and a host (/64), see RFC 6177. In the LAN they are the IPv6 /64
// and the host; for IPv4 the host alone.
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

func (p Peer) String() string { return p.Addr.String() }

// MarshalText makes a JSON log show the address alone.
func (p Peer) MarshalText() ([]byte, error) { return p.Addr.MarshalText() }
