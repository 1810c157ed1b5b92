package agent

import (
	"net/netip"
	"sort"
	"strings"
	"time"
)

// DevicePolicy is what happens to a login from one device too many.
type DevicePolicy string

// Device policies.
const (
	DeviceEvict  DevicePolicy = "evict"  // the oldest session ends
	DeviceRefuse DevicePolicy = "refuse" // the newcomer is refused with CodeDeviceLimit
)

// Settings are what the administrator decides on the page «Ideco-agent».
type Settings struct {
	Enabled        bool           // the switch of the page
	Domain         string         // the gateway's DNS name in ASCII (punycode) or its IP address; empty until saved
	LocalNetworks  []netip.Prefix // who is in the LAN; in order, without host bits
	NetworksSeen   bool           // an administrator has saved the networks that were found at the first start
	LocalTunnel    bool           // a tunnel also in the LAN
	VPNNetwork     netip.Prefix   // /16 to /30; the first address is the gateway
	ForwardNets    []netip.Prefix // networks into the tunnel; empty = everything
	DNS            []netip.Addr   // pushed into the tunnel; empty = the gateway's tunnel address is not a resolver, nothing is pushed
	DNSSuffixes    []string       // pushed into the tunnel
	SessionLAN     time.Duration  // length of a session in the LAN
	SessionVPN     time.Duration  // length of a session from outside
	Grace          time.Duration  // how long a session outlives a lost connection; whole seconds
	DevicesPerUser int
	DevicePolicy   DevicePolicy
}

// DefaultSettings are the settings of a new gateway. LocalNetworks are added at the first start.
func DefaultSettings() Settings {
	return Settings{
		VPNNetwork:     netip.MustParsePrefix("10.128.0.0/16"),
		SessionLAN:     24 * time.Hour,
		SessionVPN:     12 * time.Hour,
		Grace:          30 * time.Second,
		DevicesPerUser: 5,
		DevicePolicy:   DeviceEvict,
	}
}

// Limits of the settings.
const (
	MinSession = 3600 * time.Millisecond // 0.001 h
	MaxSession = 365 * 24 * time.Hour
	MaxGrace   = time.Hour
	MaxDevices = 100
	MaxNets    = 256
)

// Length is how long a session of the kind may live.
func (s Settings) Length(k Kind) time.Duration {
	if k == KindLAN {
		return s.SessionLAN
	}
	return s.SessionVPN // the design gives web sessions the same length
}

// InLAN tells whether a peer is inside the local networks. An address of the VPN network never is.
func (s Settings) InLAN(a netip.Addr) bool {
	a = Unmap(a)
	return !s.InVPN(a) && contains(s.LocalNetworks, a)
}

// InVPN tells whether an address belongs to the VPN network.
func (s Settings) InVPN(a netip.Addr) bool {
	return s.VPNNetwork.IsValid() && s.VPNNetwork.Contains(Unmap(a))
}

// VPNGateway is the gateway's own address inside the tunnel: the first one of the VPN network.
func (s Settings) VPNGateway() netip.Addr { return s.VPNNetwork.Masked().Addr().Next() }

// Check tells everything that is wrong with the settings, field by field under the REST names.
func (s Settings) Check() []Problem {
	var problems []Problem
	add := func(field, code, value string) { problems = append(problems, Problem{field, code, value}) }
	if s.Domain != "" {
		if host, _, p := ParseDomain(s.Domain); p.Code != "" {
			problems = append(problems, p)
		} else if host != s.Domain {
			add("auth_domain", "field_domain_form", s.Domain)
		}
	}
	if len(s.LocalNetworks) > MaxNets {
		add("local_networks", "field_too_many", "")
	}
	if v := s.VPNNetwork; !v.IsValid() || !v.Addr().Is4() || v.Bits() < 16 || v.Bits() > 30 {
		add("vpn_network", "field_vpn_network", "")
	} else {
		for _, n := range s.LocalNetworks {
			if n.Overlaps(v) && n.Bits() >= v.Bits() {
				add("local_networks", "field_overlaps_vpn", n.String())
			}
		}
	}
	if len(s.ForwardNets) > MaxNets {
		add("forward_nets", "field_too_many", "")
	}
	for _, n := range s.ForwardNets {
		if !n.Addr().Is4() {
			add("forward_nets", "field_tunnel_address", n.String())
		}
	}
	for _, a := range s.DNS {
		if !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
			add("dns", "field_tunnel_address", a.String())
		}
	}
	for _, d := range s.DNSSuffixes {
		if host, _, p := ParseDomain(d); p.Code != "" || isAddr(host) {
			add("dns_suffix", "field_domain_name", d)
		}
	}
	if s.SessionLAN < MinSession || s.SessionLAN > MaxSession {
		add("session_hours_lan", "field_session_hours", "")
	}
	if s.SessionVPN < MinSession || s.SessionVPN > MaxSession {
		add("session_hours_vpn", "field_session_hours", "")
	}
	if s.Grace < 0 || s.Grace > MaxGrace {
		add("grace_seconds", "field_grace", "")
	}
	if s.DevicesPerUser < 1 || s.DevicesPerUser > MaxDevices {
		add("devices_per_user", "field_devices", "")
	}
	if s.DevicePolicy != DeviceEvict && s.DevicePolicy != DeviceRefuse {
		add("device_policy", "field_device_policy", "")
	}
	return problems
}

// ParseNetworks reads networks as people write them: separated by commas, spaces or new lines; an address alone is
// a network of one. Host bits are cleared, duplicates dropped, the order is that of the addresses.
func ParseNetworks(field, text string) ([]netip.Prefix, Problem) {
	return NormalizeNetworks(field, strings.FieldsFunc(text, func(r rune) bool {
		return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' || r == '\r'
	}))
}

// NormalizeNetworks is ParseNetworks for a list.
func NormalizeNetworks(field string, list []string) ([]netip.Prefix, Problem) {
	seen := map[netip.Prefix]bool{}
	nets := []netip.Prefix{}
	for _, text := range list {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, Problem{field, "field_network", Clean(text, 64)}
			}
			n = netip.PrefixFrom(a, a.BitLen())
		}
		if n.Addr().Is4In6() {
			return nil, Problem{field, "field_network", Clean(text, 64)}
		}
		if n = n.Masked(); !seen[n] {
			seen[n] = true
			nets = append(nets, n)
		}
	}
	sort.Slice(nets, func(i, j int) bool {
		if c := nets[i].Addr().Compare(nets[j].Addr()); c != 0 {
			return c < 0
		}
		return nets[i].Bits() < nets[j].Bits()
	})
	return nets, Problem{}
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
