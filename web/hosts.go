package web

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// hosts implements handlers.Addressing.
type hosts struct {
	own      ownAddresses
	settings func() agent.Settings
	agents   []netip.AddrPort // where the agent endpoint listens
}

// Known reports whether a request's host, without a port, is this gateway's: the saved domain, localhost, or one of its
// addresses, also that in the tunnel.
func (h *hosts) Known(host string) bool {
	if host == "localhost" || host != "" && host == h.settings().Domain {
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

// maxNames limits the names in a certificate.
const maxNames = 200

// certificateNames returns the names for the gateway's certificate: localhost, the domain and this machine's addresses.
// Temporary IPv6 addresses (RFC 8981) are left out, because each change re-issues the root.
func certificateNames(domain string) []string {
	names := []string{"localhost"}
	if domain != "" {
		names = append(names, domain)
	}
	for _, a := range lastingAddresses() {
		if len(names) < maxNames && !slices.Contains(names, a.String()) {
			names = append(names, a.String())
		}
	}
	return names
}

func lastingAddresses() []netip.Addr {
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return addrs
	}
	for _, l := range list {
		if a, ok := lasting(l); ok && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// lasting returns the address; ok is false if it is not for the certificate.
func lasting(l netlink.Addr) (netip.Addr, bool) {
	const passing = unix.IFA_F_DEPRECATED | unix.IFA_F_TENTATIVE
	a, ok := netip.AddrFromSlice(l.IP)
	a = agent.Unmap(a)
	temporary := a.Is6() && l.Flags&unix.IFA_F_TEMPORARY != 0 // in IPv4 this flag means "secondary"
	return a, ok && !temporary && l.Flags&passing == 0 && !a.IsLinkLocalUnicast()
}
