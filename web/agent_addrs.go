package web

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// AgentAddrsNear returns the agent endpoint's addresses on the interface whose network contains the peer. Addresses that
// change every few hours (RFC 8981) are left out.
func (h *hosts) AgentAddrsNear(peer netip.Addr) []netip.AddrPort {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil // the session keeps the address that it has
	}
	return agentAddrsNear(list, h.agents, peer)
}

// agentAddrsNear is AgentAddrsNear for a list of the interfaces' addresses. As in routing, the most specific network wins.
func agentAddrsNear(list []netlink.Addr, listening []netip.AddrPort, peer netip.Addr) []netip.AddrPort {
	index, best := 0, -1
	for _, l := range list {
		n, ok := networkOf(l)
		if ok && n.Contains(peer) && n.Bits() > best {
			index, best = l.LinkIndex, n.Bits()
		}
	}
	var at []netip.AddrPort
	for _, l := range list {
		a, ok := lasting(l)
		if !ok || best < 0 || l.LinkIndex != index {
			continue
		}
		if port := portAt(listening, a); port != 0 {
			at = append(at, netip.AddrPortFrom(a, port))
		}
	}
	return at
}

// lasting returns the address; ok is false for one that may soon be gone.
func lasting(l netlink.Addr) (netip.Addr, bool) {
	const passing = unix.IFA_F_DEPRECATED | unix.IFA_F_TENTATIVE
	a, ok := netip.AddrFromSlice(l.IP)
	a = agent.Unmap(a)
	temporary := a.Is6() && l.Flags&unix.IFA_F_TEMPORARY != 0 // in IPv4 this flag means "secondary"
	return a, ok && !temporary && l.Flags&passing == 0 && !a.IsLinkLocalUnicast()
}

func networkOf(l netlink.Addr) (netip.Prefix, bool) {
	if l.IPNet == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(l.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := l.Mask.Size()
	return netip.PrefixFrom(agent.Unmap(a), ones), true
}

// portAt returns the port that is listened on at an address, or 0.
func portAt(listening []netip.AddrPort, a netip.Addr) uint16 {
	for _, l := range listening {
		all := l.Addr().IsUnspecified() && (l.Addr().Is6() || a.Is4()) // [::] takes both families
		if all || agent.Unmap(l.Addr()) == a {
			return l.Port()
		}
	}
	return 0
}

func addrPorts(list []net.Listener) []netip.AddrPort {
	var at []netip.AddrPort
	for _, l := range list {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			at = append(at, a.AddrPort())
		}
	}
	return at
}
