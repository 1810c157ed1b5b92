package tunnel

import (
	"net/netip"
	"sort"
)

// card is one of this computer's network interfaces.
type card struct {
	ID     uint64 // which the system never gives to another interface
	Index  uint32
	Name   string
	Up     bool
	Metric uint32 // of IPv4 or IPv6, whichever this is about
}

// route is a row of the computer's routing table.
type route struct {
	Card   uint64 // ID
	To     netip.Prefix
	Via    netip.Addr // unspecified or invalid = the network is attached
	Metric uint32     // without the card's
}

// ownAddress is an address of this computer with the network that it is in.
type ownAddress struct {
	Card uint64
	Net  netip.Prefix // not masked
}

// best is the interface through which packets to the address leave the computer when the interface tunnel is not there:
// the most specific route counts, and among equal ones the least metric.
func best(to netip.Addr, routes []route, cards []card, tunnel uint64) (card, bool) {
	byID := cardsByID(cards)
	var found card
	bits, metric, ok := 0, uint64(0), false
	for _, r := range routes {
		c, known := byID[r.Card]
		if r.Card == tunnel || !known || !c.Up || !r.To.Contains(to.WithZone("")) {
			continue
		}
		m := uint64(r.Metric) + uint64(c.Metric)
		if !ok || r.To.Bits() > bits || r.To.Bits() == bits && m < metric {
			found, bits, metric, ok = c, r.To.Bits(), m, true
		}
	}
	return found, ok
}

// homeNetworks are the IPv4 networks that the computer is in without the tunnel. Addresses that every computer has for
// itself are in none, nor are those without neighbours.
func homeNetworks(addresses []ownAddress, routes []route, cards []card, tunnel uint64) []network {
	byID := cardsByID(cards)
	type place struct {
		card uint64
		net  netip.Prefix
	}
	own := map[place][]netip.Addr{}
	for _, a := range addresses {
		addr := a.Net.Addr()
		if a.Card == tunnel || !byID[a.Card].Up || !addr.Is4() || addr.IsLoopback() || addr.IsLinkLocalUnicast() ||
			addr.IsUnspecified() || a.Net.Bits() == 0 || a.Net.Bits() > 31 {
			continue
		}
		p := place{a.Card, a.Net.Masked()}
		own[p] = append(own[p], addr)
	}
	open := map[netip.Prefix]bool{}
	for p := range own {
		if leadsFurther(p.card, routes) {
			open[p.net] = true
		}
	}
	var home []network
	for p, addrs := range own {
		home = append(home, network{byID[p.card].Name, p.net, addrs, routers(p.card, p.net, routes), !open[p.net]})
	}
	sort.Slice(home, func(i, j int) bool {
		a, b := home[i], home[j]
		if a.Net != b.Net {
			return a.Net.Addr().Less(b.Net.Addr()) || a.Net.Addr() == b.Net.Addr() && a.Net.Bits() < b.Net.Bits()
		}
		return a.Interface < b.Interface
	})
	return home
}

// leadsFurther tells whether the computer reaches more through the interface than the networks that are attached to it:
// through a router, or everything without one, as mobile modems do.
func leadsFurther(id uint64, routes []route) bool {
	for _, r := range routes {
		if r.Card == id && (r.To.Bits() == 0 || r.Via.IsValid() && !r.Via.IsUnspecified()) {
			return true
		}
	}
	return false
}

// routers are the neighbours in the network through which the computer reaches others.
func routers(id uint64, in netip.Prefix, routes []route) []netip.Addr {
	var found []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, r := range routes {
		if r.Card == id && r.Via.IsValid() && in.Contains(r.Via) && !seen[r.Via] {
			seen[r.Via] = true
			found = append(found, r.Via)
		}
	}
	return found
}

func cardsByID(cards []card) map[uint64]card {
	byID := make(map[uint64]card, len(cards))
	for _, c := range cards {
		byID[c.ID] = c
	}
	return byID
}
