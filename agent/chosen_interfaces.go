package agent

import "net/netip"

// chosen returns the names of all chosen interfaces.
func (g GatewaySettings) chosen() []string {
	return append(append([]string{}, g.LANInterfaces...), g.WANInterfaces...)
}

// Missing returns the chosen interfaces that this machine does not have now.
func (g GatewaySettings) Missing(interfaces []Interface) (names []string) {
	has := map[string]bool{}
	for _, i := range interfaces {
		has[i.Name] = true
	}
	for _, name := range g.chosen() {
		if !has[name] {
			names = append(names, name)
		}
	}
	return names
}

// Down returns the chosen interfaces that this machine has, but that are switched off or have no link. closed is true if all
// chosen LAN interfaces, or all chosen WAN interfaces, that this machine has are among them.
func (g GatewaySettings) Down(interfaces []Interface) (names []string, closed bool) {
	for _, chosen := range [][]string{g.LANInterfaces, g.WANInterfaces} {
		down, up := 0, 0
		for _, i := range interfaces {
			switch {
			case !Contains(chosen, i.Name):
			case i.Up:
				up++
			default:
				down++
				names = append(names, i.Name)
			}
		}
		closed = closed || down > 0 && up == 0
	}
	return names, closed
}

// UnchosenVLANs returns VLANs that should probably be chosen: they have an address and are not chosen, while the interface under them is
// chosen and has no address.
func (g GatewaySettings) UnchosenVLANs(interfaces []Interface) (names []string) {
	chosen := g.chosen()
	for _, parent := range interfaces {
		if len(parent.Addrs) > 0 || !Contains(chosen, parent.Name) {
			continue
		}
		for _, i := range interfaces {
			if i.VLANOf == parent.Name && len(i.Addrs) > 0 && !Contains(chosen, i.Name) {
				names = append(names, i.Name)
			}
		}
	}
	return names
}

// UnchosenUplinks returns the interfaces that lead to the Internet and are not chosen: through them the LAN reaches the Internet without
// a session. It returns none while no interfaces are chosen.
func (g GatewaySettings) UnchosenUplinks(interfaces []Interface) (names []string) {
	chosen := g.chosen()
	for _, i := range interfaces {
		if g.InterfacesChosen() && i.Internet && !Contains(chosen, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// NotLocal returns the networks of chosen LAN interfaces whose own address is in none of the local networks.
func (s Settings) NotLocal(interfaces []Interface) (nets []netip.Prefix) {
	for _, i := range interfaces {
		if !s.InterfacesChosen() || !Contains(s.LANInterfaces, i.Name) {
			continue
		}
		for _, a := range i.Addrs {
			if !s.InLocalNetworks(a.Addr()) {
				nets = append(nets, a.Masked())
			}
		}
	}
	return nets
}
