package web

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// inside tells whether an address is in the LAN: in the local networks and, once LAN interfaces are chosen, behind one of
// them. The way that answers take says which that is: over TCP nobody gets an answer who only borrows an address from
// another network. Rules of the routing may choose it by the local address, this machine's end of the connection; where that
// is invalid, it is the way that a new connection would take. The gateway itself, loopback included, stands behind no
// interface.
func inside(s agent.Settings, a, local netip.Addr) bool {
	return insideBy(s, a, func(a netip.Addr) (string, bool) { return wayTo(a, local) })
}

func insideBy(s agent.Settings, a netip.Addr, way func(netip.Addr) (name string, own bool)) bool {
	if !s.InLocalNetworks(a) || !s.Guards() {
		return s.InLocalNetworks(a)
	}
	name, own := way(agent.Unmap(a))
	return own || slices.Contains(s.LANInterfaces, name)
}

// wayTo is the interface through which an address is reached from a local one, or whether it is this machine's own. Without
// a way there is neither.
func wayTo(a, local netip.Addr) (name string, own bool) {
	if a.IsLoopback() {
		return "", true
	}
	options := &netlink.RouteGetOptions{}
	if local = agent.Unmap(local); local.BitLen() == a.BitLen() {
		options.SrcAddr = local.AsSlice()
	}
	routes, err := netlink.RouteGetWithOptions(a.AsSlice(), options)
	if err != nil || len(routes) == 0 {
		return "", false
	}
	if routes[0].Type == unix.RTN_LOCAL {
		return "", true
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", false
	}
	return link.Attrs().Name, false
}
