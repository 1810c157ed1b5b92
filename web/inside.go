package web

import (
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// inside tells whether an address is in the LAN: in the local networks and, once LAN interfaces are chosen, behind one of
// them. Through is the interface through which its connection came (see arrivedThrough); without one it is that of the way to
// the address. The gateway itself, loopback included, stands behind no interface.
func inside(s agent.Settings, a netip.Addr, through int) bool {
	return insideBy(s, a, func(a netip.Addr) (string, bool) {
		if through > 0 {
			return nameOf(through)
		}
		return wayTo(a)
	})
}

func insideBy(s agent.Settings, a netip.Addr, way func(netip.Addr) (name string, own bool)) bool {
	if !s.InLocalNetworks(a) || !s.Guards() {
		return s.InLocalNetworks(a)
	}
	name, own := way(agent.Unmap(a))
	return own || slices.Contains(s.LANInterfaces, name)
}

// nameOf is the name of an interface, or whether it is loopback, through which only this machine's own packets come. An
// interface that is gone is neither.
func nameOf(index int) (name string, own bool) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return "", false
	}
	return link.Attrs().Name, link.Attrs().Flags&net.FlagLoopback != 0
}

// wayTo is the interface through which an address is reached, or whether it is this machine's own. Without a way there is
// neither.
func wayTo(a netip.Addr) (name string, own bool) {
	if a.IsLoopback() {
		return "", true
	}
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", false
	}
	if routes[0].Type == unix.RTN_LOCAL {
		return "", true
	}
	return nameOf(routes[0].LinkIndex)
}
