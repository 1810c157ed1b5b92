package web

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
)

// AgentAddrsNear is where the agent endpoint answers on the interface in whose network a peer is, at addresses that the
// certificate is good for.
func (h *hosts) AgentAddrsNear(peer netip.Addr) []netip.AddrPort {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil // the session goes on with the address that it has
	}
	return agentAddrsNear(list, h.agents, peer)
}

// agentAddrsNear is AgentAddrsNear over a list of the interfaces' addresses. The most specific network says where the peer
// is, as a route would.
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

// portAt is where somebody listens at an address, or 0.
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
