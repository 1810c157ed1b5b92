package tunnel

import (
	"net/netip"
	"sort"
)

// iface is one of this computer's network interfaces.
type iface struct {
	ID     uint64 // never reused by the system
	Index  uint32
	Name   string
	Up     bool
	Metric uint32 // of IPv4 or IPv6, as requested
	MTU    uint32 // bytes; 0 on Linux
}

// route is a row of the computer's routing table.
type route struct {
	Iface   uint64 // ID
	To      netip.Prefix
	NextHop netip.Addr // unspecified or invalid = a directly attached network
	Metric  uint32     // without the interface's
}

// ownAddress is an address of this computer with its network.
type ownAddress struct {
	Iface uint64
	Net   netip.Prefix // not masked
}

// outboundInterface returns the interface for packets to an address, not counting the interface tunnel. The most
// specific route decides, then the lowest metric.
func outboundInterface(to netip.Addr, routes []route, ifaces []iface, tunnel uint64) (iface, bool) {
	byID := ifacesByID(ifaces)
	var found iface
	bits, metric, ok := 0, uint64(0), false
	for _, r := range routes {
		out, known := byID[r.Iface]
		if r.Iface == tunnel || !known || !out.Up || !r.To.Contains(to.WithZone("")) {
			continue
		}
		m := uint64(r.Metric) + uint64(out.Metric)
		if !ok || r.To.Bits() > bits || r.To.Bits() == bits && m < metric {
			found, bits, metric, ok = out, r.To.Bits(), m, true
		}
	}
	return found, ok
}

// localNetworks returns the IPv4 networks of the computer, not counting the interface tunnel. It skips loopback and
// link-local addresses, and /32, which has no neighbours.
func localNetworks(addresses []ownAddress, routes []route, ifaces []iface, tunnel uint64) []network {
	byID := ifacesByID(ifaces)
	type place struct {
		iface uint64
		net   netip.Prefix
	}
	own := map[place][]netip.Addr{}
	for _, a := range addresses {
		addr := a.Net.Addr()
		if a.Iface == tunnel || !byID[a.Iface].Up || !addr.Is4() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
			addr.IsUnspecified() || a.Net.Bits() == 0 || a.Net.Bits() > 31 {
			continue
		}
		p := place{a.Iface, a.Net.Masked()}
		own[p] = append(own[p], addr)
	}
	routed := map[netip.Prefix]bool{} // connected to other networks
	for p := range own {
		if hasUplink(p.iface, routes) {
			routed[p.net] = true
		}
	}
	var local []network
	for p, addrs := range own {
		local = append(local, network{byID[p.iface].Name, p.net, addrs, routers(p.iface, p.net, routes), !routed[p.net]})
	}
	sort.Slice(local, func(i, j int) bool {
		a, b := local[i], local[j]
		if a.Net != b.Net {
			return a.Net.Addr().Less(b.Net.Addr()) || a.Net.Addr() == b.Net.Addr() && a.Net.Bits() < b.Net.Bits()
		}
		return a.Interface < b.Interface
	})
	return local
}

// hasUplink reports whether the interface leads to more networks than those attached to it: it has a route through a router, or
// a default route without one, as mobile modems have.
func hasUplink(id uint64, routes []route) bool {
	for _, r := range routes {
		if r.Iface == id && (r.To.Bits() == 0 || r.NextHop.IsValid() && !r.NextHop.IsUnspecified()) {
			return true
		}
	}
	return false
}

// routers returns the routers in the network.
func routers(id uint64, in netip.Prefix, routes []route) []netip.Addr {
	var found []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, r := range routes {
		if r.Iface == id && r.NextHop.IsValid() && in.Contains(r.NextHop) && !seen[r.NextHop] {
			seen[r.NextHop] = true
			found = append(found, r.NextHop)
		}
	}
	return found
}

func ifacesByID(ifaces []iface) map[uint64]iface {
	byID := make(map[uint64]iface, len(ifaces))
	for _, i := range ifaces {
		byID[i.ID] = i
	}
	return byID
}
