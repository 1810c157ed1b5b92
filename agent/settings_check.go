package agent

import "net/netip"

// Check returns all problems of the settings, field by field under the REST names.
func (s Settings) Check() []Problem {
	var c settingsCheck
	c.domain(s)
	c.localNetworks(s)
	c.tunnel(s)
	for _, n := range AgentNumbers() {
		c.number(&s, n)
	}
	c.refuse(s.DevicePolicy != DeviceEvict && s.DevicePolicy != DeviceRefuse, "device_policy", "field_device_policy", "")
	c.gateway(s.GatewaySettings)
	c.number(&s, FirewallTimeout)
	return c.problems
}

// settingsCheck collects problems.
type settingsCheck struct{ problems []Problem }

// refuse adds a problem when wrong is true.
func (c *settingsCheck) refuse(wrong bool, field, code, value string) {
	if wrong {
		c.problems = append(c.problems, Problem{field, code, value})
	}
}

func (c *settingsCheck) domain(s Settings) {
	c.refuse(len(s.FormerDomains) > MaxFormerDomains, "auth_domain", "field_too_many_domains", "")
	for i, name := range s.FormerDomains {
		wrong := !IsHost(name) || name == s.Domain || containsText(s.FormerDomains[:i], name)
		c.refuse(wrong, "former_domains", "field_former_domain", Clean(name, 80))
	}
	if s.Domain == "" || IsHost(s.Domain) { // one that an earlier version allowed must not stop other changes
		return
	}
	host, _, p := ParseDomain(s.Domain)
	if p.Code != "" {
		c.problems = append(c.problems, p)
		return
	}
	c.refuse(host != s.Domain, "auth_domain", "field_domain_form", s.Domain)
}

// CheckChange returns what is wrong with the settings only beside the ones before: a domain that is an address at which agents
// cannot reach the gateway, because it belongs to the VPN network, or is the first or last of a local network. It returns
// nothing where neither changed, so that a domain from an earlier version does not stop other changes.
func (s Settings) CheckChange(before Settings) []Problem {
	var c settingsCheck
	a, err := netip.ParseAddr(s.Domain)
	if err != nil {
		return nil
	}
	if s.Domain == before.Domain {
		c.refuse(s.InVPN(a) && !before.InVPN(a), "vpn_network", "field_vpn_domain", s.Domain)
		return c.problems
	}
	c.refuse(s.InVPN(a), "auth_domain", "field_domain_vpn", s.Domain)
	for _, n := range s.LocalNetworks {
		if n.Addr().Is4() && n.Bits() <= 30 && n.Contains(a) && !s.InVPN(a) && (a == n.Addr() || !n.Contains(a.Next())) {
			c.refuse(true, "auth_domain", "field_domain_unusable", s.Domain)
			break
		}
	}
	return c.problems
}

func (c *settingsCheck) localNetworks(s Settings) {
	c.refuse(len(s.LocalNetworks) > MaxNets, "local_networks", "field_too_many", "")
	for _, n := range s.LocalNetworks {
		c.refuse(isInternet(n), "local_networks", "field_whole_internet", n.String())
		c.refuse(isVPNNetwork(s.VPNNetwork) && n.Overlaps(s.VPNNetwork) && n.Bits() >= s.VPNNetwork.Bits(),
			"local_networks", "field_overlaps_vpn", n.String())
	}
}

// tunnel refuses settings that agents refuse or ignore.
func (c *settingsCheck) tunnel(s Settings) {
	c.refuse(!isVPNNetwork(s.VPNNetwork), "vpn_network", "field_vpn_network", "")
	c.refuse(NotRoutable(s.VPNNetwork), "vpn_network", "field_own_place", s.VPNNetwork.String())

	c.refuse(len(s.ForwardNets) > MaxNets, "forward_nets", "field_too_many", "")
	for _, n := range s.ForwardNets {
		c.refuse(!n.Addr().Is4(), "forward_nets", "field_tunnel_address", n.String())
		c.refuse(NotRoutable(n), "forward_nets", "field_own_place", n.String())
	}

	c.refuse(len(s.DNS) > MaxDNS, "dns", "field_too_many_dns", "")
	for _, a := range s.DNS {
		c.refuse(!a.Is4(), "dns", "field_tunnel_address", a.String())
		c.refuse(NotRoutable(netip.PrefixFrom(a, a.BitLen())), "dns", "field_own_place", a.String())
	}

	c.refuse(len(s.DNSSuffixes) > MaxSuffixes, "dns_suffix", "field_too_many_suffixes", "")
	for _, name := range s.DNSSuffixes {
		c.refuse(!isSuffix(name), "dns_suffix", "field_domain_name", Clean(name, 80))
	}
}

func isVPNNetwork(n netip.Prefix) bool {
	return n.IsValid() && n.Addr().Is4() && n.Bits() >= 16 && n.Bits() <= 30
}

// isInternet reports whether a network is so wide that the whole Internet would count as the LAN. The Internet's IPv6
// addresses are 2000::/3.
func isInternet(n netip.Prefix) bool {
	if n.Addr().Is4() {
		return n.Bits() < 3
	}
	return n.Bits() <= 3
}
