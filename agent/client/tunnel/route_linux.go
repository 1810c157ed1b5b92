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

// RouteProtocol marks the agent's routes; ip route shows it as "proto 214".
const RouteProtocol netlink.RouteProtocol = 214

// gatewayMetrics returns the metrics of keepOutside's two routes. They are a hash of the interface's name, so that several
// agents on one computer can tell their routes apart.
func gatewayMetrics(name string) (gateway, unreachable int) {
	n := int(crc32.ChecksumIEEE([]byte(name)) & 0x3fffffff)
	return n &^ 1, n | 1
}

// keepOutside adds a route that keeps packets to the gateway on their current path when the gateway's address is in a
// network of the tunnel. A second, unreachable route takes effect when the first disappears with its interface: the tunnel's
// packets must not go into the tunnel.
func (a *tunAdapter) keepOutside(s client.TunnelSetup) error {
	gateway := s.Endpoint.Addr()
	if !gateway.Is4() || !s.Carries(gateway) {
		return nil
	}
	to := ipNet(netip.PrefixFrom(gateway, 32))
	routes, err := netlink.RouteGet(to.IP)
	if err == nil && len(routes) == 0 {
		err = unix.ENETUNREACH
	}
	if err != nil {
		return fmt.Errorf("route to the gateway %s: %w", gateway, err)
	}
	current := routes[0]
	if current.Type == unix.RTN_LOCAL { // the gateway is this computer
		return nil
	}
	metric, unreachableMetric := gatewayMetrics(a.name)
	toGateway := netlink.Route{Dst: to, LinkIndex: current.LinkIndex, Gw: current.Gw, Src: current.Src, Priority: metric, Protocol: RouteProtocol}
	if current.Gw == nil {
		toGateway.Scope = netlink.SCOPE_LINK
	}
	a.uplink, _ = uplinkTo(gateway, a.link.Attrs().Index) // followUplink compares with it
	unreachable := netlink.Route{Dst: to, Type: unix.RTN_UNREACHABLE, Priority: unreachableMetric, Protocol: RouteProtocol}
	for _, r := range []netlink.Route{toGateway, unreachable} {
		if err := netlink.RouteReplace(&r); err != nil {
			return fmt.Errorf("route to the gateway %s: %w", gateway, err)
		}
		a.gatewayRoutes = append(a.gatewayRoutes, r)
	}
	return nil
}

// followUplink replaces the route to the gateway when the computer's uplink has changed. Without an uplink it changes
// nothing: the kernel removes routes together with their interface.
func (a *tunAdapter) followUplink() {
	if len(a.gatewayRoutes) == 0 {
		return
	}
	gateway, _ := netip.AddrFromSlice(a.gatewayRoutes[0].Dst.IP.To4())
	current, ok := uplinkTo(gateway, a.link.Attrs().Index)
	if !ok || current == a.uplink && a.hasGatewayRoute() {
		return
	}
	toGateway := a.gatewayRoutes[0]
	toGateway.LinkIndex, toGateway.Gw, toGateway.Src, toGateway.Scope = current.link, nil, nil, netlink.SCOPE_LINK
	if current.router.IsValid() {
		toGateway.Gw, toGateway.Scope = current.router.AsSlice(), netlink.SCOPE_UNIVERSE
	}
	if current.source.IsValid() {
		toGateway.Src = current.source.AsSlice()
	}
	if err := netlink.RouteReplace(&toGateway); err != nil {
		a.log(fmt.Sprintf("replace the route to the gateway %s: %v", gateway, err))
		return
	}
	a.gatewayRoutes[0], a.uplink = toGateway, current
	router := "none"
	if toGateway.Gw != nil {
		router = toGateway.Gw.String()
	}
	a.log(fmt.Sprintf("replaced the route to the gateway %s: interface %d, router %s", gateway, current.link, router))
}

// hasGatewayRoute reports whether the route to the gateway is still in the main table.
func (a *tunAdapter) hasGatewayRoute() bool {
	toGateway := a.gatewayRoutes[0]
	list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &toGateway, netlink.RT_FILTER_DST|netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_OIF)
	if err != nil {
		return true // unknown: change nothing
	}
	for _, r := range list {
		if r.Priority == toGateway.Priority {
			return true
		}
	}
	return false
}

// hop is the first hop of a route.
type hop struct {
	link   int
	router netip.Addr // invalid = the network is attached to the link
	source netip.Addr // invalid = the kernel chooses
}

// uplinkTo returns the first hop to an address by the main table, without the agent's own routes.
func uplinkTo(to netip.Addr, tunnel int) (hop, bool) {
	table, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return hop{}, false
	}
	return chooseUplink(to, table, tunnel)
}

// chooseUplink returns the first hop of the most specific route; among equally specific ones the lowest metric wins. It
// skips routes whose interface has no carrier.
func chooseUplink(to netip.Addr, table []netlink.Route, tunnel int) (best hop, ok bool) {
	bits, metric := 0, 0
	for _, r := range table {
		if r.Type != unix.RTN_UNICAST || r.Protocol == RouteProtocol || r.Dst != nil && !r.Dst.Contains(to.AsSlice()) {
			continue
		}
		size := 0
		if r.Dst != nil {
			size, _ = r.Dst.Mask.Size()
		}
		if ok && (size < bits || size == bits && r.Priority >= metric) {
			continue
		}
		hops := append([]*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Flags: r.Flags}}, r.MultiPath...)
		for _, h := range hops {
			// A multipath route itself has LinkIndex 0.
			if h.LinkIndex == 0 || h.LinkIndex == tunnel || h.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
				continue
			}
			best, bits, metric, ok = hop{link: h.LinkIndex}, size, r.Priority, true
			best.router, _ = netip.AddrFromSlice(h.Gw.To4())
			best.source, _ = netip.AddrFromSlice(r.Src.To4())
			break
		}
	}
	return best, ok
}

// route adds the routes into the tunnel. A network that already has such a route stays outside (EEXIST). The kernel compares
// destination and metric only, so planRoutesLinux leaves out the networks of this computer.
func (a *tunAdapter) route(s client.TunnelSetup) ([]client.TunnelNote, error) {
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
	notes := planNotes(p, false) // nothing blocks local networks on Linux
	if takesAll(s) && hasIPv6() {
		notes = append(notes, client.TunnelNote{Code: locale.NoteIPv6Outside})
	}
	return notes, nil
}

// hasIPv6 reports whether this computer has an IPv6 default route.
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

// cleanUp removes the gateway routes that an earlier program with this interface name left when it was killed. It does nothing
// while the interface exists, because that program still runs.
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
	gateway, unreachable := gatewayMetrics(name)
	for _, r := range routes {
		if r.Priority != gateway && r.Priority != unreachable {
			continue
		}
		if err := removeRoute(r); err != nil {
			return err
		}
	}
	return nil
}

// removeRoute deletes a route, if it still exists.
func removeRoute(r netlink.Route) error {
	if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove the route to %s: %w", r.Dst, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
