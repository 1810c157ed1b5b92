package tunnel

import (
	"encoding/binary"
	"net/netip"
	"sort"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// network is an IPv4 network, of more than one address, that this computer is in without the tunnel.
type network struct {
	Interface string
	Net       netip.Prefix
	Own       []netip.Addr // this computer's addresses in it
	Routers   []netip.Addr // in it, through which other networks are reached
	// Closed means that no router leads to other networks, as in those that WSL, Docker and Hyper-V make for virtual
	// machines and containers of this computer.
	Closed bool
}

// plan says where packets go while the tunnel is up.
type plan struct {
	Into     []netip.Prefix // routes into the tunnel
	Shadowed []netip.Prefix // networks of this computer, or parts of them, that cannot be reached meanwhile
	Outside  []netip.Prefix // networks that the gateway names, and that stay outside
}

// planRoutesWindows plans the routes on Windows, where the organisation comes first. Where one of the gateway's networks
// overlaps with a network of this computer, more specific routes lead the common addresses into the tunnel: the computer's
// network is shadowed. Its own addresses, its routers and the gateway stay outside, because the tunnel's packets need them.
//
// A closed network stays outside, even when the gateway names the same addresses: virtual machines and containers usually
// have them by chance. A DNS server or a smaller network that the gateway names inside a closed network does go into the
// tunnel.
//
// When everything goes through the tunnel, the routes are 0.0.0.0/1 and 128.0.0.0/1, which are more specific than the
// computer's default route and leave it unchanged, and a default route: without one on the interface Windows reports that
// there is no Internet, and Office and the Store work offline (github.com/Amebis/eduVPN issue 136). The computer's own
// networks then stay reachable unless forbidHome; only the gateway's DNS servers are always reached through the tunnel.
//
// When the gateway is in no network of this computer, no route keeps it outside: the socket is bound to an interface
// instead.
func planRoutesWindows(s client.TunnelSetup, home []network, forbidHome bool) plan {
	d := newDraft(s, home)
	switch {
	case !takesAll(s):
		for _, n := range s.Nets {
			d.add(n, home)
		}
		d.addServers(s.DNS, closedOf(home), home)
	case forbidHome:
		d.lead(append(halves(client.Everything), client.Everything))
		for _, h := range home {
			d.shadow(h, home)
		}
		d.addServers(s.DNS, closedOf(home), home)
	default:
		d.lead(append(halves(client.Everything), client.Everything))
		d.addServers(s.DNS, home, home)
	}
	return plan{Into: sorted(d.into), Shadowed: sorted(d.shadowed), Outside: d.outside}
}

// planRoutesLinux plans the routes on Linux, where the computer's own networks come first: they stay outside, even when the
// gateway names the same addresses. Such a computer often has no screen, may be reachable only through one of them, and has
// networks of its own for containers. A smaller network that the gateway names inside one of them does go into the tunnel,
// except for the computer's own addresses, its routers and the gateway.
func planRoutesLinux(s client.TunnelSetup, home []network) plan {
	d := newDraft(s, home)
	nets := s.Nets
	if takesAll(s) {
		nets = halves(client.Everything)
	}
	for _, n := range nets {
		d.addBeside(n, home)
	}
	return plan{Into: sorted(d.into), Outside: d.outside}
}

// checkAddress refuses a tunnel whose address lies in a network that this computer is in: the neighbours there, its router
// perhaps, would be taken for this computer. Closed networks have no such neighbours.
func checkAddress(s client.TunnelSetup, home []network) error {
	for _, h := range home {
		if !h.Closed && h.Net.Contains(s.Address) {
			return &client.TunnelProblem{Key: locale.TunnelAddressInHome, Value: s.Address.String() + " (" + h.Net.String() + ")"}
		}
	}
	return nil
}

// takesAll tells whether everything goes through the tunnel.
func takesAll(s client.TunnelSetup) bool { return len(s.Nets) > 0 && s.Nets[0] == client.Everything }

// keptOutside lists the gateway's address and, in each network of this computer, its own addresses and routers. The routes
// into the tunnel leave them out wherever they are more specific than the computer's own route.
func keptOutside(s client.TunnelSetup, home []network) []netip.Addr {
	kept := []netip.Addr{s.Endpoint.Addr()}
	for _, h := range home {
		kept = append(append(kept, h.Own...), h.Routers...)
	}
	return kept
}

func inAny(home []network, a netip.Addr) bool {
	for _, h := range home {
		if h.Net.Contains(a) {
			return true
		}
	}
	return false
}

func closedOf(home []network) []network {
	var closed []network
	for _, h := range home {
		if h.Closed {
			closed = append(closed, h)
		}
	}
	return closed
}

// draft is a plan that is being made.
type draft struct {
	gateway  netip.Addr
	kept     []netip.Addr // see keptOutside
	into     map[netip.Prefix]bool
	shadowed map[netip.Prefix]bool
	outside  []netip.Prefix
}

func newDraft(s client.TunnelSetup, home []network) *draft {
	return &draft{gateway: s.Endpoint.Addr(), kept: keptOutside(s, home), into: map[netip.Prefix]bool{}, shadowed: map[netip.Prefix]bool{}}
}

func (d *draft) lead(nets []netip.Prefix) {
	for _, n := range nets {
		d.into[n] = true
	}
}

// isGateway reports whether n is the gateway's outer address. The gateway names it when it is a DNS server, too.
func (d *draft) isGateway(n netip.Prefix) bool { return n.IsSingleIP() && n.Addr() == d.gateway }

// add leads the gateway's network n into the tunnel, also where it overlaps with networks of this computer, unless they are
// closed.
func (d *draft) add(n netip.Prefix, home []network) {
	if d.isGateway(n) {
		return
	}
	around, same := false, false
	for _, h := range home {
		switch {
		case isWithin(h.Net, n) && h.Closed:
			d.leave(h.Net)
		case isWithin(h.Net, n):
			d.shadow(h, home)
		case h.Net.Contains(n.Addr()):
			around = true
		}
		same = same || h.Net == n
	}
	switch {
	case same: // the loop has called leave or shadow for it
	case around:
		part := without(n, d.kept)
		if len(part) == 0 {
			d.leave(n)
			return
		}
		d.lead(outsideClosed(part, n, home))
		d.shadowed[n] = true
	default:
		d.into[n] = true
	}
}

// addServers leads those DNS servers into the tunnel that are in one of the networks that stay outside.
func (d *draft) addServers(servers []netip.Addr, outside, home []network) {
	for _, a := range servers {
		if inAny(outside, a) {
			d.add(netip.PrefixFrom(a, a.BitLen()), home)
		}
	}
}

// leave adds n once to the networks that stay outside.
func (d *draft) leave(n netip.Prefix) {
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

// addBeside leads the gateway's network n into the tunnel, but no whole network of this computer. Those inside n need
// nothing done: their routes are more specific.
func (d *draft) addBeside(n netip.Prefix, home []network) {
	if d.isGateway(n) {
		return
	}
	part := []netip.Prefix{n}
	for _, h := range home {
		if h.Net == n {
			d.leave(n)
			return
		}
		if h.Net.Bits() < n.Bits() && h.Net.Contains(n.Addr()) {
			part = without(n, d.kept)
		}
	}
	if len(part) == 0 {
		d.leave(n)
	}
	d.lead(part)
}

// shadow leads the addresses of the computer's own network h into the tunnel, by routes to its two halves: they are more
// specific than the computer's own route. A closed network is only noted as shadowed: the filters cut it off.
func (d *draft) shadow(h network, home []network) {
	d.shadowed[h.Net] = true
	if h.Closed {
		return
	}
	for _, half := range halves(h.Net) {
		d.lead(outsideClosed(without(half, d.kept), h.Net, home))
	}
}

// outsideClosed returns those parts that are in no closed network inside whole.
func outsideClosed(parts []netip.Prefix, whole netip.Prefix, home []network) []netip.Prefix {
	var rest []netip.Prefix
	for _, part := range parts {
		inside := false
		for _, h := range closedOf(home) {
			inside = inside || h.Net != whole && isWithin(h.Net, whole) && isWithin(part, h.Net)
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

// difference returns what is in list but not in others.
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

// notesOn returns the notes for the person: which networks are shadowed, cut off or outside.
func notesOn(p plan, forbidden bool) []client.Note {
	var notes []client.Note
	code := locale.NoteNetShadowed
	if forbidden {
		code = locale.NoteHomeForbidden
	}
	for _, n := range p.Shadowed {
		notes = append(notes, client.Note{Code: code, Value: n.String()})
	}
	for _, n := range p.Outside {
		notes = append(notes, client.Note{Code: locale.NoteNetOutside, Value: n.String()})
	}
	return notes
}
