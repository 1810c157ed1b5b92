package web

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// surroundings are what the firewall's plan takes besides the settings.
type surroundings struct {
	links   []firewall.Interface
	tunnel  string            // network interface of the tunnel; empty without one
	ports   firewall.Redirect // where the gateway listens
	outward []netip.Addr      // where the saved domain leads
}

// planOf is what the firewall enforces under the settings. A chosen interface that is not there now is guarded all the
// same, for when it comes. VPN users may ask the DNS servers that their agents are told.
func planOf(s agent.Settings, at surroundings) firewall.Plan {
	if !s.InterfacesChosen() {
		return firewall.Plan{}
	}
	p := firewall.Plan{
		LAN:             chosen(s.LANInterfaces, at.links),
		WAN:             chosen(s.WANInterfaces, at.links),
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
	return p
}

func chosen(names []string, links []firewall.Interface) []firewall.Interface {
	list := make([]firewall.Interface, len(names))
	for i, name := range names {
		list[i].Name = name
		for _, l := range links {
			if l.Name == name {
				list[i] = l
			}
		}
	}
	return list
}

// portsOf says where packets from the LAN can be taken to. A part that listens on loopback alone is not reached from
// there.
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

// enforcement is what the page says: mode is what was asked for, missing why there is no firewall, failed why the plan of
// the settings is not in force.
func enforcement(mode string, guards bool, missing, failed error) (does agent.Enforcement, flowtable string) {
	var past *firewall.FlowtableError
	switch {
	case mode == firewall.ModeOff:
		return agent.EnforcementSwitchedOff, ""
	case missing != nil:
		return whyMissing(missing), ""
	case errors.As(failed, &past):
		return agent.EnforcementFlowtable, past.Table + " " + past.Name
	case failed != nil:
		return agent.EnforcementBehind, ""
	case !guards:
		return agent.EnforcementIdle, ""
	}
	return agent.EnforcementOn, ""
}

// whyMissing tells a machine without nft from a process without rights and from a kernel without nftables.
func whyMissing(err error) agent.Enforcement {
	if errors.Is(err, firewall.ErrNoProgram) {
		return agent.EnforcementNoProgram
	}
	for _, denied := range []error{unix.EPERM, unix.EACCES} {
		if errors.Is(err, denied) {
			return agent.EnforcementNoRights
		}
	}
	for _, absent := range []error{unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.ENOENT, unix.EINVAL} {
		if errors.Is(err, absent) {
			return agent.EnforcementNoKernel
		}
	}
	return agent.EnforcementUnavailable
}
