package agent

import "net/netip"

// Peer is the other end of a TCP connection. Forwarding headers and addresses in a request are never a part of it.
type Peer struct {
	Addr   netip.Addr // unmapped from ::ffff:
	Inside bool       // it is in the LAN: its address is in the local networks, and the way to it leads through a LAN interface
}

// String is the address.
func (p Peer) String() string { return p.Addr.String() }
