package web

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"

	"ideco-agent/agent"
)

// certificateName chooses the name or address in the certificate for a client. Agents that connect by address may come
// through the address of a router in front of the gateway, also from the LAN.
func (h *hosts) certificateName(hello *tls.ClientHelloInfo, agents bool) string {
	through := ""
	if c, ok := hello.Conn.(*limitedConn); ok {
		through = c.through
	}
	natted := agents || !h.Peer(peerOf(hello.Conn), through).Inside
	return certificateName(h.settings(), h.Own, hello.ServerName, addrOf(hello.Conn.LocalAddr()), natted)
}

// certificateName is the name that a client asks for (SNI) if it is a domain of the gateway. Clients that connect by address
// ask for none. They expect the address that they connected to: the one at which the connection arrived, or, if it may have
// passed NAT (natted), a domain that is an address which this computer does not have. Nothing translates connections to
// loopback, or from one address family to the other.
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
