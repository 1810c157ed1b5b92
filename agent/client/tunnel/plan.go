package tunnel

import (
	"encoding/binary"
	"net/netip"
	"sort"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// network is one that this computer is in without the tunnel: IPv4, of more than one address.
type network struct {
	Interface string
	Net       netip.Prefix
	Own       []netip.Addr // this computer's addresses in it
	Routers   []netip.Addr // in it, through which other networks are reached
	// Closed is a network from which no router leads further, such as those that WSL, Docker and Hyper-V make for virtual
	// machines and containers of this computer.
	Closed bool
}

// plan says where packets go while the tunnel is up.
type plan struct {
	Into     []netip.Prefix // routes into the tunnel
	Shadowed []netip.Prefix // networks of this computer, or parts of them, that cannot be reached meanwhile
	Outside  []netip.Prefix // what the gateway wants in the tunnel and cannot have there
}

// planRoutes leads the gateway's networks into the tunnel. Where one of them has the addresses of a network that this
// computer is in, the organisation's wins, by routes that are more specific than the computer's own. The routers stay
// where they are, because the tunnel itself goes through them, and so do the computer's addresses and the gateway's.
//
// A closed network stays outside: virtual machines and containers have addresses that the organisation has, too, by
// chance and not because the person is there. What the organisation has inside of such a network, a DNS server for
// example, does go into the tunnel.
//
// Everything is two halves, which count for more than the computer's default route and leave it alone, and a default
// route beside them: Windows looks for one on the interface before it says that there is Internet
// (github.com/Amebis/eduVPN issue 136), and without it Office and the Store are offline. The computer's own
// networks then stay what they are, unless they are forbidden; only the tunnel's DNS servers are the organisation's in
// any case.
//
// No route keeps the gateway's address outside when it is in no network of this computer: that is left to how each
// system does it.
func planRoutes(s client.TunnelSetup, home []network, forbidHome bool) plan {
	d := draft{kept: keptOutside(s, home), into: map[netip.Prefix]bool{}, shadowed: map[netip.Prefix]bool{}}
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

// planBesideHome leads the gateway's networks into the tunnel as planRoutes does, but for the networks that this computer is
// in: these stay outside, whatever the organisation has there. It is for computers that nobody sits at, which may be reached
// only through such a network and have networks of their own for containers. A part of one that the gateway names does go
// into the tunnel, around the computer's addresses and the routers.
func planBesideHome(s client.TunnelSetup, home []network) plan {
	d := draft{kept: keptOutside(s, home), into: map[netip.Prefix]bool{}}
	nets := s.Nets
	if takesAll(s) {
		nets = halves(client.Everything)
	}
	for _, n := range nets {
		d.addBeside(n, home)
	}
	return plan{Into: sorted(d.into), Outside: d.outside}
}

// takesAll tells whether everything goes through the tunnel.
func takesAll(s client.TunnelSetup) bool { return len(s.Nets) > 0 && s.Nets[0] == client.Everything }

// keptOutside lists the addresses that no route of the tunnel may be more specific for than the computer's own.
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
	kept     []netip.Addr
	into     map[netip.Prefix]bool
	shadowed map[netip.Prefix]bool
	outside  []netip.Prefix
}

func (d *draft) lead(nets []netip.Prefix) {
	for _, n := range nets {
		d.into[n] = true
	}
}

// add leads the organisation's network n into the tunnel, past the computer's own networks.
func (d *draft) add(n netip.Prefix, home []network) {
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
	case n.IsSingleIP() && n.Addr() == d.kept[0]: // a DNS server that is the gateway's outer address
	case same: // done above
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

// addServers leads the DNS servers into the tunnel that are in one of the networks there, which stay outside.
func (d *draft) addServers(servers []netip.Addr, there, home []network) {
	for _, a := range servers {
		if inAny(there, a) {
			d.add(netip.PrefixFrom(a, a.BitLen()), home)
		}
	}
}

// leave notes what stays outside.
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

// addBeside leads the organisation's network n into the tunnel, past the computer's own networks: a wider n does not touch
// them, because their routes are more specific.
func (d *draft) addBeside(n netip.Prefix, home []network) {
	if n.IsSingleIP() && n.Addr() == d.kept[0] { // a DNS server that is the gateway's outer address
		return
	}
	part := []netip.Prefix{n}
	for _, h := range home {
		if h.Net == n {
			d.outside = append(d.outside, n)
			return
		}
		if h.Net.Bits() < n.Bits() && h.Net.Contains(n.Addr()) {
			part = without(n, d.kept)
		}
	}
	if len(part) == 0 {
		d.outside = append(d.outside, n)
	}
	d.lead(part)
}

// shadow takes a network of the computer itself away. The two halves are more specific than the computer's own route to
// it. A closed network gets no routes: only the filters of a tunnel for everything cut it off.
func (d *draft) shadow(h network, home []network) {
	d.shadowed[h.Net] = true
	if h.Closed {
		return
	}
	for _, half := range halves(h.Net) {
		d.lead(outsideClosed(without(half, d.kept), h.Net, home))
	}
}

// outsideClosed are those of the parts that are in no closed network inside of whole.
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

// without covers all of p but the addresses.
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

// halves splits an IPv4 network of more than one address.
func halves(p netip.Prefix) []netip.Prefix {
	bits := p.Bits() + 1
	low := p.Addr().As4()
	var high [4]byte
	binary.BigEndian.PutUint32(high[:], binary.BigEndian.Uint32(low[:])|1<<(32-bits))
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(netip.AddrFrom4(high), bits)}
}

// sorted lists the wide networks first.
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

// difference tells what of list is not in without.
func difference(list, without []netip.Prefix) []netip.Prefix {
	known := map[netip.Prefix]bool{}
	for _, p := range without {
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

// notesOn tells the person what is not where it was.
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
