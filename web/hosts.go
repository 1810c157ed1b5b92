package web

import (
	"net/netip"

	"ideco-agent/agent"
)

// hosts implements handlers.Addressing.
type hosts struct {
	own      ownAddresses
	settings func() agent.Settings
	agents   []netip.AddrPort // where the agent endpoint listens
}

// Known reports whether a request's host, in canonical form and without a port, is this gateway's: a saved or former
// domain, localhost, or one of its addresses, also the one in the tunnel.
func (h *hosts) Known(host string) bool {
	if host == "localhost" || h.settings().HasDomain(host) {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (h.own.Contains(a) || a == h.settings().VPNGateway())
}

// Peer returns the peer with an address that connected through an interface (empty = unknown).
func (h *hosts) Peer(a netip.Addr, through string) agent.Peer {
	return agent.Peer{Addr: agent.Unmap(a), Interface: through, Inside: inside(h.settings(), a, through)}
}

// Own reports whether an address is this machine's.
func (h *hosts) Own(a netip.Addr) bool { return h.own.Contains(a) }
