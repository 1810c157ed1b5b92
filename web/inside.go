package web

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// inside tells whether an address is in the LAN: in the local networks and, once LAN interfaces are chosen, behind one of
// them. Through is the interface through which its connection came (see arrivedThrough); where that is not known it is the one
// that leads to the address. The gateway itself, loopback included, stands behind no interface.
func inside(s agent.Settings, a netip.Addr, through string) bool {
	return insideBy(s, a, func(a netip.Addr) (string, bool) {
		if through != "" {
			return through, through == loopback
		}
		return wayTo(a)
	})
}

// loopback is the interface through which only this machine's own packets come.
const loopback = "lo"

func insideBy(s agent.Settings, a netip.Addr, way func(netip.Addr) (name string, own bool)) bool {
	if !s.InLocalNetworks(a) || !s.InterfacesChosen() {
		return s.InLocalNetworks(a)
	}
	name, own := way(agent.Unmap(a))
	return own || slices.Contains(s.LANInterfaces, name)
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
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", false
	}
	return link.Attrs().Name, false
}
