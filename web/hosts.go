package web

import (
	"net/netip"

	"ideco-agent/agent"
)

// hosts knows under which names and addresses this gateway answers.
type hosts struct {
	own      ownAddresses
	settings func() agent.Settings
	agents   []netip.AddrPort // where the agent endpoint listens
}

// Known reports whether a request's host, without a port, is this gateway's: a saved or former domain, localhost, or one of
// its addresses, that inside the tunnel included.
func (h *hosts) Known(host string) bool {
	a, err := netip.ParseAddr(host)
	if err == nil {
		host = a.Unmap().String()
	}
	if host == "localhost" || h.settings().HasDomain(host) {
		return true
	}
	return err == nil && (h.own.Contains(a) || a == h.settings().VPNGateway())
}

// Peer judges the address that a connection comes from, and the interface through which it came (empty = not known).
func (h *hosts) Peer(a netip.Addr, through string) agent.Peer {
	return agent.Peer{Addr: agent.Unmap(a), Interface: through, Inside: inside(h.settings(), a, through)}
}

// Own tells whether an address is this machine's.
func (h *hosts) Own(a netip.Addr) bool { return h.own.Contains(a) }
