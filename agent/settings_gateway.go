package agent

import (
	"net/netip"
	"time"
)

// GatewaySettings are what the administrator decides on the page «Шлюз»: between which interfaces the firewall stands
// and what it lets through. A choice that cuts the administrator off goes back by itself; see GatewayTrial.
type GatewaySettings struct {
	LANInterfaces   []string      // as the kernel names them; together with WANInterfaces, or none of either
	WANInterfaces   []string      // never one of LANInterfaces
	Masquerade      bool          // addresses of the LAN and of the tunnel are hidden behind the WAN interface's
	OpenBeforeLogin []OpenServer  // reachable from the LAN without a session; as NormalizeOpen returns them
	VPNPeersMayTalk bool          // sessions in the VPN reach each other
	FirewallTimeout time.Duration // how long access outlives this process; whole seconds
}

// GatewayTrial is a choice on the page «Шлюз» that nobody has confirmed yet. While it runs the new choice is in force.
type GatewayTrial struct {
	Before   GatewaySettings // what comes back
	Until    time.Time       // when it comes back by itself; zero without a trial
	Returned time.Time       // when one last did; zero once somebody has chosen again
}

// TrialLength is how long a choice on the page «Шлюз» waits for its confirmation.
const TrialLength = time.Minute

// Limits of the gateway's settings.
const (
	MaxInterfaces    = 64 // LAN and WAN together
	MaxInterfaceName = 15 // bytes, as in the kernel
	MaxOpen          = 64
)

// InterfacesChosen tells whether interfaces are chosen between which the firewall stands.
func (g GatewaySettings) InterfacesChosen() bool {
	return len(g.LANInterfaces) > 0 && len(g.WANInterfaces) > 0
}

// Same tells whether two choices are one.
func (g GatewaySettings) Same(other GatewaySettings) bool {
	if len(g.OpenBeforeLogin) != len(other.OpenBeforeLogin) {
		return false
	}
	for i, o := range g.OpenBeforeLogin {
		if o != other.OpenBeforeLogin[i] {
			return false
		}
	}
	return sameNames(g.LANInterfaces, other.LANInterfaces) && sameNames(g.WANInterfaces, other.WANInterfaces) &&
		g.Masquerade == other.Masquerade && g.VPNPeersMayTalk == other.VPNPeersMayTalk && g.FirewallTimeout == other.FirewallTimeout
}

func sameNames(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, name := range a {
		if name != b[i] {
			return false
		}
	}
	return true
}

// OnTrial tells whether a choice waits for its confirmation.
func (s Settings) OnTrial() bool { return !s.Trial.Until.IsZero() }

// TryGateway puts a choice in force until it is confirmed. A choice during a trial prolongs it and what comes back stays
// the one that was confirmed last; choosing that ends the trial, and choosing what is there starts none.
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

// ConfirmGateway confirms the choice in force, and forgets that another one came back.
func (s *Settings) ConfirmGateway() { s.Trial = GatewayTrial{} }

// RevertGateway ends a trial with what was there before it.
func (s *Settings) RevertGateway() {
	if s.OnTrial() {
		s.GatewaySettings, s.Trial = s.Trial.Before, GatewayTrial{}
	}
}

// ExpireGateway is RevertGateway when nobody has confirmed in time.
func (s *Settings) ExpireGateway(now time.Time) {
	if s.OnTrial() {
		s.RevertGateway()
		s.Trial.Returned = now.UTC().Truncate(time.Millisecond)
	}
}

// IsInterface tells whether s can be the name of an interface that rules are made for: what the kernel takes, in
// printable ASCII and without what means something else in a rule.
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
		c.refuse(!isServer(o.Addr), "open_before_login", "field_open_address", o.Addr.String())
	}
}

// isServer tells whether a host beyond the gateway can have the address.
func isServer(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() &&
		!a.IsLinkLocalUnicast() && !(a.Is4() && NotRoutable(netip.PrefixFrom(a, 32)))
}
