package web

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// hosts knows under which names and addresses this gateway answers.
type hosts struct {
	own      ownAddresses
	settings func() agent.Settings
	agents   []netip.AddrPort // where the agent endpoint listens
}

// Known tells whether a request's host, without a port, is this gateway's: the saved domain, localhost, or one of its
// addresses, that inside the tunnel included.
func (h *hosts) Known(host string) bool {
	if host == "localhost" || host != "" && host == h.settings().Domain {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (h.own.Contains(a) || a == h.settings().VPNGateway())
}

// Peer judges the address that a connection comes from, and the interface through which it came (empty = not known).
func (h *hosts) Peer(a netip.Addr, through string) agent.Peer {
	return agent.Peer{Addr: agent.Unmap(a), Interface: through, Inside: inside(h.settings(), a, through)}
}

// Own tells whether an address is this machine's.
func (h *hosts) Own(a netip.Addr) bool { return h.own.Contains(a) }

// maxNames is how many names a certificate holds; a machine with more addresses than that is reached by its domain.
const maxNames = 200

// certificateNames are the names in the gateway's certificate: the domain, localhost and this machine's addresses, but
// for those that change every few hours (RFC 8981), since each change re-issues the root.
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

// lasting returns an interface's address if it is one for the certificate.
func lasting(l netlink.Addr) (netip.Addr, bool) {
	const passing = unix.IFA_F_DEPRECATED | unix.IFA_F_TENTATIVE
	a, ok := netip.AddrFromSlice(l.IP)
	a = agent.Unmap(a)
	temporary := a.Is6() && l.Flags&unix.IFA_F_TEMPORARY != 0 // in IPv4 this flag means "secondary"
	return a, ok && !temporary && l.Flags&passing == 0 && !a.IsLinkLocalUnicast()
}
