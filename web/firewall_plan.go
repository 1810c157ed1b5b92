package web

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// planInputs are the inputs of a plan besides the settings.
type planInputs struct {
	links       []firewall.Interface
	tunnel      string            // network interface of the tunnel; empty without one
	ports       firewall.Redirect // ports of the gateway, see portsOf
	domainAddrs []netip.Addr      // addresses of the saved and former domains
}

// planOf returns the plan of the settings. It includes chosen interfaces that do not exist, because they may appear later;
// missing lists them.
func planOf(s agent.Settings, in planInputs) (p firewall.Plan, missing []string) {
	if !s.InterfacesChosen() {
		return p, nil
	}
	p = firewall.Plan{
		LAN:             chosenInterfaces(s.LANInterfaces, in.links, &missing),
		WAN:             chosenInterfaces(s.WANInterfaces, in.links, &missing),
		Tunnel:          in.tunnel,
		Masquerade:      s.Masquerade,
		OpenBeforeLogin: s.OpenBeforeLogin,
		LocalNetworks:   s.LocalNetworks,
		VPNNetwork:      s.VPNNetwork,
		ForwardNets:     s.ForwardNets,
		DNS:             s.DNS,
		VPNPeersMayTalk: s.VPNPeersMayTalk,
		Redirect:        in.ports,
		Timeout:         s.FirewallTimeout,
	}
	p.Redirect.GatewayAddrs = in.domainAddrs
	return p, missing
}

func chosenInterfaces(names []string, links []firewall.Interface, missing *[]string) []firewall.Interface {
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

// portsOf returns the gateway's ports to which the firewall can redirect packets from the LAN.
func portsOf(open *listeners, wireguard uint16) firewall.Redirect {
	return firewall.Redirect{PortalPort: lanPort(open.portal), AgentPort: lanPort(open.agent), HTTPPort: lanPort(open.http), WireGuardPort: wireguard}
}

// lanPort returns the port of the first listener that is not on loopback, or 0.
func lanPort(list []net.Listener) uint16 {
	for _, at := range addrPorts(list) {
		if !at.Addr().IsLoopback() {
			return at.Port()
		}
	}
	return 0
}

// enforcement returns the Enforcement that the portal shows and, for EnforcementFlowtable, the table and the name of the flowtable.
// mode is the Config's, chosen is true if interfaces are chosen, unavailable says why there is no firewall, and failed why
// the plan of the settings is not in force.
func enforcement(mode string, chosen bool, unavailable, failed error) (_ agent.Enforcement, flowtable string) {
	var bypass *firewall.FlowtableError
	switch {
	case mode == firewall.ModeOff:
		return agent.EnforcementSwitchedOff, ""
	case errors.Is(unavailable, firewall.ErrNoProgram):
		return agent.EnforcementNoProgram, ""
	case errors.Is(unavailable, firewall.ErrNoRights):
		return agent.EnforcementNoRights, ""
	case errors.Is(unavailable, firewall.ErrNoKernel):
		return agent.EnforcementNoKernel, ""
	case unavailable != nil:
		return agent.EnforcementUnavailable, ""
	case errors.As(failed, &bypass):
		return agent.EnforcementFlowtable, bypass.Table + " " + bypass.Name
	case failed != nil:
		return agent.EnforcementBehind, ""
	case !chosen:
		return agent.EnforcementIdle, ""
	}
	return agent.EnforcementOn, ""
}
