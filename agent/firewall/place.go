package firewall

import (
	"net/netip"

	"ideco-agent/agent"
)

// place is where an address is let through; the zero value is nowhere.
type place struct {
	name   string // of the LAN interface; empty for an address in the tunnel
	routed bool   // no MAC is matched: the host is behind a router or on an interface without MACs, or its rule authorises any MAC
	mac    mac    // zero if routed, in the tunnel, or not known yet
	addr   netip.Addr
}

func (p place) isValid() bool { return p.addr.IsValid() }

// matchesMAC reports whether the firewall matches the host's MAC too.
func (p place) matchesMAC() bool { return p.name != "" && !p.routed }

// lacksMAC reports whether the firewall matches the host's MAC and does not know it yet.
func (p place) lacksMAC() bool { return p.matchesMAC() && p.mac == mac{} }

// keys returns the elements that let an address through; none while its MAC is not known. In the LAN one element is for packets
// from the address, and one, in back4 or back6, for replies to it.
func (p place) keys() []entry {
	switch {
	case !p.isValid():
		return nil
	case p.name == "":
		return []entry{{set: vpn4, addr: p.addr}}
	case p.lacksMAC():
		return nil
	case p.addr.Is6() && p.routed:
		return []entry{{set: routed6, name: p.name, addr: p.addr}, {set: back6, name: p.name, addr: p.addr}}
	case p.addr.Is6():
		return []entry{{set: lan6, name: p.name, mac: p.mac, addr: p.addr}, {set: back6, name: p.name, addr: p.addr}}
	case p.routed:
		return []entry{{set: routed4, name: p.name, addr: p.addr}, {set: back4, name: p.name, addr: p.addr}}
	}
	return []entry{{set: lan4, name: p.name, mac: p.mac, addr: p.addr}, {set: back4, name: p.name, addr: p.addr}}
}

// locate returns the place of an address of a session, or the zero value if no chosen LAN interface leads to it.
func (p Plan) locate(s *snapshot, of sessionInfo, a netip.Addr) place {
	at := p.locateHost(s, of.kind == agent.KindVPN, a)
	switch {
	case !at.isValid():
	case of.onlyMAC != mac{} && at.routed:
		return place{} // the firewall cannot see the MAC
	case of.onlyMAC != mac{}:
		at.mac = of.onlyMAC
	case of.kind == agent.KindStatic:
		at.routed, at.mac = true, mac{} // any computer at the address
	}
	return at
}

func (p Plan) locateHost(s *snapshot, isVPN bool, a netip.Addr) place {
	switch {
	case p.Empty(), isVPN && (p.Tunnel == "" || a.Is6()), !isVPN && s.own[a]:
		return place{}
	case isVPN:
		return place{addr: a}
	}
	if names := p.attached(a); len(names) == 1 && !s.noMAC[names[0]] {
		m, _ := s.mac(names[0], a)
		return place{name: names[0], mac: m, addr: a}
	}
	name, routed, ok := s.route(a)
	if !ok || !p.isLAN(name) {
		return place{}
	}
	at := place{name: name, routed: routed, addr: a}
	if !routed {
		at.mac, _ = s.mac(name, a)
	}
	return at
}
