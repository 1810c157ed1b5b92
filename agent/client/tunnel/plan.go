package tunnel

import (
	"encoding/binary"
	"net/netip"
	"sort"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// network is a local network: an IPv4 network of this computer outside the tunnel, with more than one address.
type network struct {
	Interface string
	Net       netip.Prefix
	Own       []netip.Addr // this computer's addresses in it
	Routers   []netip.Addr // in it
	// HostOnly means that no router connects it to other networks. WSL, Docker and Hyper-V make such networks for
	// virtual machines and containers.
	HostOnly bool
}

// plan holds the routes while the tunnel is up.
type plan struct {
	Into    []netip.Prefix // routes into the tunnel
	Hidden  []netip.Prefix // local networks, or parts of them, that cannot be reached
	Outside []netip.Prefix // networks of the gateway that are not routed into the tunnel
}

// planRoutesWindows plans the routes on Windows, where the gateway's networks take precedence. Where one of them
// overlaps with a local network, more specific routes lead the common addresses into the tunnel: the local network is hidden.
// The computer's own addresses in it, its routers and the gateway stay outside, because the tunnel's packets need them.
//
// A host-only network stays outside, even when the gateway names the same addresses: virtual machines and containers usually
// have them by chance. A DNS server or a smaller network that the gateway names inside a host-only network does go into the
// tunnel.
//
// When everything goes through the tunnel, the routes are 0.0.0.0/1 and 128.0.0.0/1, which are more specific than the
// computer's default route and leave it unchanged, and a default route: without one on the interface Windows reports that
// there is no Internet, and Office and the Store work offline (github.com/Amebis/eduVPN issue 136). The local networks
// then stay reachable unless blockLocal; only the gateway's DNS servers are always reached through the tunnel.
//
// When the gateway is in no local network, no route keeps it outside: the socket is bound to an interface
// instead.
func planRoutesWindows(s client.TunnelSetup, local []network, blockLocal bool) plan {
	d := newDraft(s, local)
	switch {
	case !takesAll(s):
		for _, n := range s.Nets {
			d.add(n)
		}
		d.addServers(s.DNS, hostOnlyOf(local))
	case blockLocal:
		d.addRoutes(append(halves(client.AllIPv4), client.AllIPv4))
		for _, l := range local {
			d.hide(l)
		}
		d.addServers(s.DNS, hostOnlyOf(local))
	default:
		d.addRoutes(append(halves(client.AllIPv4), client.AllIPv4))
		d.addServers(s.DNS, local)
	}
	return plan{Into: sorted(d.into), Hidden: sorted(d.hidden), Outside: d.outside}
}

// planRoutesLinux plans the routes on Linux, where the local networks take precedence: they stay outside, even when the
// gateway names the same addresses. Such a computer often has no screen, may be reachable only through one of them, and has
// networks of its own for containers. A smaller network that the gateway names inside one of them does go into the tunnel,
// except for the computer's own addresses, its routers and the gateway.
func planRoutesLinux(s client.TunnelSetup, local []network) plan {
	d := newDraft(s, local)
	nets := s.Nets
	if takesAll(s) {
		nets = halves(client.AllIPv4)
	}
	for _, n := range nets {
		d.addBeside(n)
	}
	return plan{Into: sorted(d.into), Outside: d.outside}
}

// checkAddress refuses a tunnel whose address is in a local network: a host there may have the same address and would become
// unreachable. Host-only networks are not checked. The check is made only when the tunnel comes up: a tunnel stays up when the
// computer moves into such a network.
func checkAddress(s client.TunnelSetup, local []network) error {
	for _, l := range local {
		if !l.HostOnly && l.Net.Contains(s.Address) {
			return &client.TunnelProblem{Key: locale.TunnelAddressInHome, Value: s.Address.String() + " (" + l.Net.String() + ")"}
		}
	}
	return nil
}

// takesAll reports whether everything goes through the tunnel.
func takesAll(s client.TunnelSetup) bool { return len(s.Nets) > 0 && s.Nets[0] == client.AllIPv4 }

// keptOutside lists the gateway's address and, in each local network, the computer's own addresses and routers. The routes
// into the tunnel leave them out wherever they are more specific than the computer's own route.
func keptOutside(s client.TunnelSetup, local []network) []netip.Addr {
	kept := []netip.Addr{s.Endpoint.Addr()}
	for _, l := range local {
		kept = append(append(kept, l.Own...), l.Routers...)
	}
	return kept
}

func inAny(local []network, a netip.Addr) bool {
	for _, l := range local {
		if l.Net.Contains(a) {
			return true
		}
	}
	return false
}

func hostOnlyOf(local []network) []network {
	var list []network
	for _, l := range local {
		if l.HostOnly {
			list = append(list, l)
		}
	}
	return list
}

// draft collects a plan.
type draft struct {
	local   []network
	gateway netip.Addr   // its outer address
	kept    []netip.Addr // see keptOutside
	into    map[netip.Prefix]bool
	hidden  map[netip.Prefix]bool
	outside []netip.Prefix
}

func newDraft(s client.TunnelSetup, local []network) *draft {
	return &draft{local: local, gateway: s.Endpoint.Addr(), kept: keptOutside(s, local), into: map[netip.Prefix]bool{}, hidden: map[netip.Prefix]bool{}}
}

// addRoutes adds routes into the tunnel.
func (d *draft) addRoutes(nets []netip.Prefix) {
	for _, n := range nets {
		d.into[n] = true
	}
}

// isGateway reports whether n is the gateway's outer address. The gateway names it when it is a DNS server, too.
func (d *draft) isGateway(n netip.Prefix) bool { return n.IsSingleIP() && n.Addr() == d.gateway }

// add routes the gateway's network n into the tunnel, also where it overlaps with local networks, except whole host-only ones.
func (d *draft) add(n netip.Prefix) {
	if d.isGateway(n) {
		return
	}
	around, same := false, false
	for _, l := range d.local {
		switch {
		case isWithin(l.Net, n) && l.HostOnly:
			d.excludeNet(l.Net)
		case isWithin(l.Net, n):
			d.hide(l)
		case l.Net.Contains(n.Addr()):
			around = true
		}
		same = same || l.Net == n
	}
	switch {
	case same: // the loop has called excludeNet or hide for it
	case around:
		part := without(n, d.kept)
		if len(part) == 0 {
			d.excludeNet(n)
			return
		}
		d.addRoutes(d.dropHostOnly(part, n))
		d.hidden[n] = true
	default:
		d.into[n] = true
	}
}

// addServers routes those DNS servers into the tunnel that are in one of the networks that stay outside.
func (d *draft) addServers(servers []netip.Addr, outside []network) {
	for _, a := range servers {
		if inAny(outside, a) {
			d.add(netip.PrefixFrom(a, a.BitLen()))
		}
	}
}

// excludeNet adds n once to the networks that stay outside.
func (d *draft) excludeNet(n netip.Prefix) {
	for _, known := range d.outside {
		if known == n {
			return
		}
	}
	d.outside = append(d.outside, n)
}

func isWithin(inner, outer netip.Prefix) bool {
	return inner.Bits() >= outer.Bits() && outer.Contains(inner.Addr())
}

// addBeside routes the gateway's network n into the tunnel, but no whole local network. A local network inside n stays outside
// by itself: its own route is more specific.
func (d *draft) addBeside(n netip.Prefix) {
	if d.isGateway(n) {
		return
	}
	part := []netip.Prefix{n}
	for _, l := range d.local {
		if l.Net == n {
			d.excludeNet(n)
			return
		}
		if l.Net.Bits() < n.Bits() && l.Net.Contains(n.Addr()) {
			part = without(n, d.kept)
		}
	}
	if len(part) == 0 {
		d.excludeNet(n)
	}
	d.addRoutes(part)
}

// hide routes the addresses of the local network l into the tunnel, by routes to its two halves, which are more specific than
// the network's own route. A host-only network is only noted as hidden: the filters block it.
func (d *draft) hide(l network) {
	d.hidden[l.Net] = true
	if l.HostOnly {
		return
	}
	for _, half := range halves(l.Net) {
		d.addRoutes(d.dropHostOnly(without(half, d.kept), l.Net))
	}
}

// dropHostOnly returns the parts of whole without those in a smaller host-only network: a route to such a part would lead
// addresses of the host-only network into the tunnel.
func (d *draft) dropHostOnly(parts []netip.Prefix, whole netip.Prefix) []netip.Prefix {
	var rest []netip.Prefix
	for _, part := range parts {
		inside := false
		for _, l := range hostOnlyOf(d.local) {
			inside = inside || l.Net != whole && isWithin(l.Net, whole) && isWithin(part, l.Net)
		}
		if !inside {
			rest = append(rest, part)
		}
	}
	return rest
}

// without returns the fewest networks that cover p except the addresses.
func without(p netip.Prefix, addrs []netip.Addr) []netip.Prefix {
	for _, a := range addrs {
		if !p.Contains(a) {
			continue
		}
		if p.IsSingleIP() {
			return nil
		}
		both := halves(p)
		return append(without(both[0], addrs), without(both[1], addrs)...)
	}
	return []netip.Prefix{p}
}

// halves splits an IPv4 network of more than one address in two.
func halves(p netip.Prefix) []netip.Prefix {
	bits := p.Bits() + 1
	low := p.Addr().As4()
	var high [4]byte
	binary.BigEndian.PutUint32(high[:], binary.BigEndian.Uint32(low[:])|1<<(32-bits))
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(netip.AddrFrom4(high), bits)}
}

// sorted returns the networks, the widest first.
func sorted(set map[netip.Prefix]bool) []netip.Prefix {
	var list []netip.Prefix
	for p := range set {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Bits() != list[j].Bits() {
			return list[i].Bits() < list[j].Bits()
		}
		return list[i].Addr().Less(list[j].Addr())
	})
	return list
}

// difference returns the networks of list that are not in others.
func difference(list, others []netip.Prefix) []netip.Prefix {
	known := map[netip.Prefix]bool{}
	for _, p := range others {
		known[p] = true
	}
	var rest []netip.Prefix
	for _, p := range list {
		if !known[p] {
			rest = append(rest, p)
		}
	}
	return rest
}

// planNotes returns the notes for the person about networks that are hidden, blocked or outside.
func planNotes(p plan, blocked bool) []client.TunnelNote {
	var notes []client.TunnelNote
	code := locale.NoteNetShadowed
	if blocked {
		code = locale.NoteHomeForbidden
	}
	for _, n := range p.Hidden {
		notes = append(notes, client.TunnelNote{Code: code, Value: n.String()})
	}
	for _, n := range p.Outside {
		notes = append(notes, client.TunnelNote{Code: locale.NoteNetOutside, Value: n.String()})
	}
	return notes
}
