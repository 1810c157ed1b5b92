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

// UnchosenVLANs returns the VLANs with an address that are not chosen, on chosen interfaces without an address: probably the VLANs were
// meant.
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

// UnchosenUplinks returns the interfaces that lead to the Internet and are not chosen, once others are: through them the LAN reaches the
// Internet without a session.
func (g GatewaySettings) UnchosenUplinks(interfaces []Interface) (names []string) {
	chosen := g.chosen()
	for _, i := range interfaces {
		if g.InterfacesChosen() && i.Internet && !Contains(chosen, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// NotLocal returns the networks of the chosen LAN interfaces that are not among the local networks.
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
