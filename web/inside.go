package web

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// inside reports whether an address is in the LAN: in the local networks and, once LAN interfaces are chosen, behind one of
// them. through is the interface through which its connection came (see arrivedThrough). If it is unknown, the interface of
// the route to the address decides. The gateway's own addresses are behind no interface.
func inside(s agent.Settings, a netip.Addr, through string) bool {
	return insideByRoute(s, a, func(a netip.Addr) (string, bool) {
		if through != "" {
			return through, through == loopback
		}
		return routeTo(a)
	})
}

const loopback = "lo"

func insideByRoute(s agent.Settings, a netip.Addr, way func(netip.Addr) (name string, own bool)) bool {
	if !s.InLocalNetworks(a) || !s.InterfacesChosen() {
		return s.InLocalNetworks(a)
	}
	name, own := way(agent.Unmap(a))
	return own || slices.Contains(s.LANInterfaces, name)
}

// routeTo returns the interface of the route to an address; own reports whether the address is this machine's. Without a
// route it returns "", false.
func routeTo(a netip.Addr) (name string, own bool) {
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
