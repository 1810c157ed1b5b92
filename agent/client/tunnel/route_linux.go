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

// metrics returns the metrics of the two routes to the gateway. They come from the interface's name, so that several
// agents on a computer know their own.
func metrics(name string) (way, barrier int) {
	n := int(crc32.ChecksumIEEE([]byte(name)) & 0x3fffffff)
	return n &^ 1, n | 1
}

// keepOutside adds a route that keeps packets to the gateway on their current path when the tunnel would carry the
// gateway. A second, unreachable route takes effect when the first disappears with its interface: the tunnel's
// packets must not go into the tunnel.
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

// route adds the routes into the tunnel. The networks of this computer stay outside; the kernel alone would reject
// only routes with the same metric.
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
	notes := notesOn(p, false)
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

// cleanUp removes the routes to the gateway that a killed program left behind. It does nothing when the interface
// exists, because its program still runs.
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

// remove deletes a route, if it still exists.
func remove(r netlink.Route) error {
	if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove the route to %s: %w", r.Dst, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
