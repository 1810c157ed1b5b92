package handlers

import (
	"time"

	"ideco-agent/agent"
)

// gatewayJSON are the settings of the page «Шлюз» as REST answers them.
type gatewayJSON struct {
	LANInterfaces   []string `json:"lan_interfaces"`
	WANInterfaces   []string `json:"wan_interfaces"`
	Masquerade      bool     `json:"masquerade"`
	OpenBeforeLogin []string `json:"open_before_login"`
	VPNPeersMayTalk bool     `json:"vpn_peers_may_talk"`
	FirewallTimeout int      `json:"firewall_timeout_seconds"`
}

func jsonOfGateway(g agent.GatewaySettings) gatewayJSON {
	return gatewayJSON{
		LANInterfaces:   append([]string{}, g.LANInterfaces...),
		WANInterfaces:   append([]string{}, g.WANInterfaces...),
		Masquerade:      g.Masquerade,
		OpenBeforeLogin: texts(g.OpenBeforeLogin),
		VPNPeersMayTalk: g.VPNPeersMayTalk,
		FirewallTimeout: int(g.FirewallTimeout / time.Second),
	}
}

// gatewayChange is the part of a PUT that the page «Шлюз» shows; what it leaves out stays.
type gatewayChange struct {
	LANInterfaces   optional[[]string] `json:"lan_interfaces"`
	WANInterfaces   optional[[]string] `json:"wan_interfaces"`
	Masquerade      optional[bool]     `json:"masquerade"`
	OpenBeforeLogin optional[[]string] `json:"open_before_login"`
	VPNPeersMayTalk optional[bool]     `json:"vpn_peers_may_talk"`
	FirewallTimeout optional[int]      `json:"firewall_timeout_seconds"`
}

// named tells whether the change names any of these settings.
func (b gatewayChange) named() bool {
	return b.LANInterfaces.Set || b.WANInterfaces.Set || b.Masquerade.Set || b.OpenBeforeLogin.Set || b.VPNPeersMayTalk.Set ||
		b.FirewallTimeout.Set
}

// apply lays the change over the settings. The confirmation is for people at a page: what a script sets here stays, and
// a choice that waits for its confirmation has it.
func (b gatewayChange) apply(n *agent.Settings) agent.Problem {
	b.LANInterfaces.into(&n.LANInterfaces)
	b.WANInterfaces.into(&n.WANInterfaces)
	b.Masquerade.into(&n.Masquerade)
	b.VPNPeersMayTalk.into(&n.VPNPeersMayTalk)
	if b.FirewallTimeout.Value != nil {
		n.FirewallTimeout = time.Duration(min(max(*b.FirewallTimeout.Value, -1), 1<<30)) * time.Second
	}
	if b.named() {
		n.KeepGateway()
	}
	if b.OpenBeforeLogin.Value == nil {
		return agent.Problem{}
	}
	open, problem := agent.NormalizeOpen("open_before_login", *b.OpenBeforeLogin.Value)
	n.OpenBeforeLogin = open
	return problem
}
