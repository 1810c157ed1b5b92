package web

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"

	"ideco-agent/agent"
)

// nameFor chooses the name or address in the certificate for a client. Agents that connect by address may come through the
// address of a router in front of the gateway, also from the LAN.
func (h *hosts) nameFor(hello *tls.ClientHelloInfo, agents bool) string {
	through := ""
	if c, ok := hello.Conn.(*limitedConn); ok {
		through = c.through
	}
	natted := agents || !h.Peer(peerOf(hello.Conn), through).Inside
	return certificateName(h.settings(), h.Own, hello.ServerName, addrOf(hello.Conn.LocalAddr()), natted)
}

// certificateName chooses the name in the certificate. A client that asks for a domain of the gateway or for localhost (SNI) gets
// that name. A client that connects by address asks for none. It expects the address that it connected to: without NAT the one at
// which the connection arrived, behind NAT (natted) the router's, which is the first of the domains that is an address and does
// not belong to this computer. Routers are assumed to translate neither to loopback nor between IPv4 and IPv6.
func certificateName(s agent.Settings, own func(netip.Addr) bool, sni string, arrival netip.Addr, natted bool) string {
	sni = strings.ToLower(strings.TrimSuffix(sni, "."))
	switch {
	case sni == "localhost", s.HasDomain(sni):
		return sni
	case arrival.IsLoopback(), s.HasDomain(arrival.String()), !natted:
		return arrival.String()
	}
	for _, name := range s.Domains() {
		if a, err := netip.ParseAddr(name); err == nil && a.Is4() == arrival.Is4() && !own(a) {
			return name
		}
	}
	return arrival.String()
}

// addrOf is the address of one end of a TCP connection.
func addrOf(end net.Addr) netip.Addr {
	if tcp, ok := end.(*net.TCPAddr); ok {
		return agent.Unmap(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}
