package web

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// surroundings are the inputs of a plan besides the settings.
type surroundings struct {
	links   []firewall.Interface
	tunnel  string            // network interface of the tunnel; empty without one
	ports   firewall.Redirect // where the gateway listens
	outward []netip.Addr      // addresses of the saved and former domains
}

// planOf returns the plan of the settings. A chosen interface that does not exist is in the plan all the same, for when it
// appears; missing names it. VPN users may ask the DNS servers that their agents are given.
func planOf(s agent.Settings, at surroundings) (p firewall.Plan, missing []string) {
	if !s.InterfacesChosen() {
		return p, nil
	}
	p = firewall.Plan{
		LAN:             chosen(s.LANInterfaces, at.links, &missing),
		WAN:             chosen(s.WANInterfaces, at.links, &missing),
		Tunnel:          at.tunnel,
		Masquerade:      s.Masquerade,
		OpenBeforeLogin: s.OpenBeforeLogin,
		LocalNetworks:   s.LocalNetworks,
		VPNNetwork:      s.VPNNetwork,
		ForwardNets:     s.ForwardNets,
		DNS:             s.DNS,
		VPNPeersMayTalk: s.VPNPeersMayTalk,
		Redirect:        at.ports,
		Timeout:         s.FirewallTimeout,
	}
	p.Redirect.GatewayAddrs = at.outward
	return p, missing
}

func chosen(names []string, links []firewall.Interface, missing *[]string) []firewall.Interface {
	list := make([]firewall.Interface, len(names))
	for i, name := range names {
		list[i].Name = name
		if n := slices.IndexFunc(links, func(l firewall.Interface) bool { return l.Name == name }); n >= 0 {
			list[i] = links[n]
		} else {
			*missing = append(*missing, name)
		}
	}
	return list
}

// portsOf returns the gateway's ports to which the firewall can redirect packets from the LAN. Listeners on loopback are left
// out.
func portsOf(open *listeners, wireguard uint16) firewall.Redirect {
	return firewall.Redirect{PortalPort: reachedAt(open.portal), AgentPort: reachedAt(open.agent), HTTPPort: reachedAt(open.http), WireGuardPort: wireguard}
}

func reachedAt(list []net.Listener) uint16 {
	for _, at := range addrPorts(list) {
		if !at.Addr().IsLoopback() {
			return at.Port()
		}
	}
	return 0
}

// enforcement returns what the page shows: mode is the Config's, missing says why there is no firewall, failed why the plan
// of the settings is not in force.
func enforcement(mode string, guards bool, missing, failed error) (does agent.Enforcement, flowtable string) {
	var past *firewall.FlowtableError
	switch {
	case mode == firewall.ModeOff:
		return agent.EnforcementSwitchedOff, ""
	case errors.Is(missing, firewall.ErrNoProgram):
		return agent.EnforcementNoProgram, ""
	case errors.Is(missing, firewall.ErrNoRights):
		return agent.EnforcementNoRights, ""
	case errors.Is(missing, firewall.ErrNoKernel):
		return agent.EnforcementNoKernel, ""
	case missing != nil:
		return agent.EnforcementUnavailable, ""
	case errors.As(failed, &past):
		return agent.EnforcementFlowtable, past.Table + " " + past.Name
	case failed != nil:
		return agent.EnforcementBehind, ""
	case !guards:
		return agent.EnforcementIdle, ""
	}
	return agent.EnforcementOn, ""
}
