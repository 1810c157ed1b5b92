package agent

import (
	"net/netip"
	"time"
)

// GatewaySettings are the settings of the page «Шлюз»: the interfaces of the firewall and what it lets through. A choice
// that cuts the administrator off is reverted, see GatewayTrial.
type GatewaySettings struct {
	LANInterfaces   []string      // names in the kernel; empty if and only if WANInterfaces is
	WANInterfaces   []string      // none of LANInterfaces
	Masquerade      bool          // SNAT of the LAN and the tunnel to the WAN interface's address
	OpenBeforeLogin []OpenServer  // reachable from the LAN without a session; as NormalizeOpen returns them
	DNSInLAN        bool          // the computers of the LAN reach their DNS server without passing the gateway
	VPNPeersMayTalk bool          // agents in the VPN reach each other
	FirewallTimeout time.Duration // how long access outlives this process; whole seconds
}

// GatewayTrial is an unconfirmed choice on the page «Шлюз». The new choice is in force during the trial.
type GatewayTrial struct {
	Before   GatewaySettings // to go back to
	Until    time.Time       // when the choice is reverted; zero without a trial
	Returned time.Time       // when a choice was last reverted; zero after the next one
}

// TrialLength is the time to confirm a choice.
const TrialLength = time.Minute

// Limits of the gateway's settings.
const (
	MaxInterfaces    = 64 // LAN and WAN together
	MaxInterfaceName = 15 // bytes, as in the kernel
	MaxOpen          = 64
)

// InterfacesChosen reports whether LAN and WAN interfaces are chosen, so that the firewall has rules.
func (g GatewaySettings) InterfacesChosen() bool {
	return len(g.LANInterfaces) > 0 && len(g.WANInterfaces) > 0
}

// GatewayUntouched reports whether nothing is chosen on the page «Шлюз» yet.
func (s Settings) GatewayUntouched() bool {
	return !s.InterfacesChosen() && !s.OnTrial() && len(s.OpenBeforeLogin) == 0 && !s.DNSInLAN
}

// Same reports whether two choices are equal.
func (g GatewaySettings) Same(other GatewaySettings) bool {
	return same(g.OpenBeforeLogin, other.OpenBeforeLogin) && g.DNSInLAN == other.DNSInLAN &&
		same(g.LANInterfaces, other.LANInterfaces) && same(g.WANInterfaces, other.WANInterfaces) &&
		g.Masquerade == other.Masquerade && g.VPNPeersMayTalk == other.VPNPeersMayTalk && g.FirewallTimeout == other.FirewallTimeout
}

// OnTrial reports whether a trial runs.
func (s Settings) OnTrial() bool { return !s.Trial.Until.IsZero() }

// TryGateway puts a choice in force and starts a trial. During a trial it restarts the time and keeps Trial.Before;
// choosing Trial.Before ends the trial. The choice in force starts no trial.
func (s *Settings) TryGateway(choice GatewaySettings, now time.Time) {
	if choice.Same(s.GatewaySettings) {
		s.Trial.Returned = time.Time{}
		return
	}
	before := s.GatewaySettings
	if s.OnTrial() {
		before = s.Trial.Before
	}
	s.GatewaySettings, s.Trial = choice, GatewayTrial{}
	if !choice.Same(before) {
		s.Trial = GatewayTrial{Before: before, Until: now.Add(TrialLength).UTC().Truncate(time.Millisecond)}
	}
}

// OpenServers adds servers to OpenBeforeLogin without a trial, because that cuts nobody off. A running trial keeps them however it
// ends.
func (s *Settings) OpenServers(servers []OpenServer) {
	s.OpenBeforeLogin = withServers(s.OpenBeforeLogin, servers)
	if s.OnTrial() {
		s.Trial.Before.OpenBeforeLogin = withServers(s.Trial.Before.OpenBeforeLogin, servers)
	}
}

// withServers returns a new list with further servers at the end, each once.
func withServers(list, further []OpenServer) []OpenServer {
	list = append([]OpenServer{}, list...)
	for _, o := range further {
		if !Contains(list, o) {
			list = append(list, o)
		}
	}
	return list
}

// ConfirmGateway ends a trial and keeps the choice in force. It also clears Trial.Returned.
func (s *Settings) ConfirmGateway() { s.Trial = GatewayTrial{} }

// RevertGateway ends a trial and restores Trial.Before.
func (s *Settings) RevertGateway() {
	if s.OnTrial() {
		s.GatewaySettings, s.Trial = s.Trial.Before, GatewayTrial{}
	}
}

// ExpireGateway is RevertGateway after TrialLength without a confirmation.
func (s *Settings) ExpireGateway(now time.Time) {
	if s.OnTrial() {
		s.RevertGateway()
		s.Trial.Returned = now.UTC().Truncate(time.Millisecond)
	}
}

// IsInterface reports whether s is a name that the kernel allows, in printable ASCII without characters that nftables treats
// specially.
func IsInterface(s string) bool {
	if s == "" || len(s) > MaxInterfaceName || s == "." || s == ".." {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ', c > '~', c == '/', c == ':', c == '"', c == '\\', c == '*':
			return false
		}
	}
	return true
}

func (c *settingsCheck) gateway(g GatewaySettings) {
	seen := map[string]bool{}
	for _, part := range []struct {
		field string
		names []string
	}{{"lan_interfaces", g.LANInterfaces}, {"wan_interfaces", g.WANInterfaces}} {
		for _, name := range part.names {
			c.refuse(!IsInterface(name), part.field, "field_interface", Clean(name, 32))
			c.refuse(seen[name], part.field, "field_interface_twice", Clean(name, 32))
			seen[name] = true
		}
	}
	c.refuse(len(seen) > MaxInterfaces, "lan_interfaces", "field_too_many_interfaces", "")
	c.refuse(len(g.LANInterfaces) == 0 && len(g.WANInterfaces) > 0, "lan_interfaces", "field_lan_missing", "")
	c.refuse(len(g.WANInterfaces) == 0 && len(g.LANInterfaces) > 0, "wan_interfaces", "field_wan_missing", "")

	c.refuse(len(g.OpenBeforeLogin) > MaxOpen, "open_before_login", "field_too_many_open", "")
	for _, o := range g.OpenBeforeLogin {
		c.refuse(!IsServer(o.Addr), "open_before_login", "field_open_address", o.Addr.String())
	}
}

// IsServer reports whether another host than the gateway can have the address.
func IsServer(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() &&
		!a.IsLinkLocalUnicast() && !(a.Is4() && NotRoutable(netip.PrefixFrom(a, 32)))
}
