package tunnel

import (
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// RouteProtocol marks the agent's routes, as "proto 214" of ip route shows.
const RouteProtocol netlink.RouteProtocol = 214

// The two routes to the gateway. Their metrics come from the interface's name, so that each agent of a computer knows
// its own.
func metrics(name string) (way, barrier int) {
	n := int(crc32.ChecksumIEEE([]byte(name)) & 0x3fffffff)
	return n &^ 1, n | 1
}

// keepOutside lets packets to the gateway go on the way that they go now, when the tunnel would swallow them, its own
// among them. The second route is in force when the first goes away together with its interface: packets of the tunnel
// must not go into the tunnel.
func (a *tunAdapter) keepOutside(s client.TunnelSetup) error {
	gateway := s.Endpoint.Addr()
	if !gateway.Is4() || !s.Carries(gateway) {
		return nil
	}
	to := ipNet(netip.PrefixFrom(gateway, 32))
	ways, err := netlink.RouteGet(to.IP)
	if err == nil && len(ways) == 0 {
		err = unix.ENETUNREACH
	}
	if err != nil {
		return fmt.Errorf("route to the gateway %s: %w", gateway, err)
	}
	now := ways[0]
	if now.Type == unix.RTN_LOCAL { // the gateway is this computer
		return nil
	}
	metric, barrier := metrics(a.name)
	way := netlink.Route{Dst: to, LinkIndex: now.LinkIndex, Gw: now.Gw, Src: now.Src, Priority: metric, Protocol: RouteProtocol}
	if now.Gw == nil {
		way.Scope = netlink.SCOPE_LINK
	}
	none := netlink.Route{Dst: to, Type: unix.RTN_UNREACHABLE, Priority: barrier, Protocol: RouteProtocol}
	for _, r := range []netlink.Route{way, none} {
		if err := netlink.RouteReplace(&r); err != nil {
			return fmt.Errorf("route to the gateway %s: %w", gateway, err)
		}
		a.outside = append(a.outside, r)
	}
	return nil
}

// route leads the setup's networks into the tunnel. Those that this computer is in itself stay outside: the kernel alone
// would tell only where their routes have no metric.
func (a *tunAdapter) route(s client.TunnelSetup) ([]client.Note, error) {
	own := a.link.Attrs().Index
	local, err := readLocalNetworks(own)
	if err != nil {
		return nil, err
	}
	p := planRoutesLinux(s, local)
	for _, n := range p.Into {
		r := netlink.Route{Dst: ipNet(n), LinkIndex: own, Scope: netlink.SCOPE_LINK, Protocol: RouteProtocol}
		err := netlink.RouteAdd(&r)
		switch {
		case errors.Is(err, unix.EEXIST):
			p.Outside = append(p.Outside, n)
		case err != nil:
			return nil, fmt.Errorf("route to %s: %w", n, err)
		}
	}
	notes := notesOn(p, false)
	if takesAll(s) && hasIPv6() {
		notes = append(notes, client.Note{Code: locale.NoteIPv6Outside})
	}
	return notes, nil
}

// hasIPv6 tells whether this computer has a way out by IPv6.
func hasIPv6() bool {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V6)
	if err != nil {
		return false
	}
	for _, r := range routes {
		if r.Type == unix.RTN_UNICAST && (r.Dst == nil || r.Dst.IP.IsUnspecified()) {
			return true
		}
	}
	return false
}

// cleanUp removes the routes to the gateway that a killed program left behind. Where the interface exists, the program
// does too.
func cleanUp(name string) error {
	if permittedTUN() != nil {
		return nil
	}
	if _, err := netlink.LinkByName(name); err == nil {
		return nil
	}
	ours := &netlink.Route{Protocol: RouteProtocol}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, ours, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("routes of an earlier run: %w", err)
	}
	way, barrier := metrics(name)
	for _, r := range routes {
		if r.Priority != way && r.Priority != barrier {
			continue
		}
		if err := remove(r); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a route that may have gone by itself.
func remove(r netlink.Route) error {
	if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove the route to %s: %w", r.Dst, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
