package agent

import (
	"net/netip"
	"sort"
	"strings"
	"time"
)

// DevicePolicy is what a login above the device limit does.
type DevicePolicy string

// Device policies.
const (
	DeviceEvict  DevicePolicy = "evict"  // the oldest session ends
	DeviceRefuse DevicePolicy = "refuse" // the login is refused with CodeDeviceLimit
)

// Settings are the settings of the page «Ideco-agent» and, embedded, of the page «Шлюз».
type Settings struct {
	Enabled        bool           // the switch of the page
	Domain         string         // the gateway's DNS name in ASCII (punycode) or its IP address; empty until saved
	FormerDomains  []string       // domains before it that the gateway still serves, in the same form; the newest first
	LocalNetworks  []netip.Prefix // networks of the LAN; sorted, without host bits
	NetworksSeen   bool           // an administrator has saved the networks that were found at the first start
	LocalTunnel    bool           // agents in the LAN use a tunnel, too
	VPNNetwork     netip.Prefix   // /16 to /30; the first address is the gateway
	ForwardNets    []netip.Prefix // networks into the tunnel; empty = everything
	DNS            []netip.Addr   // pushed into the tunnel; empty = none, as the gateway is no resolver
	DNSSuffixes    []string       // pushed into the tunnel; as ParseSuffixes returns them
	SessionLAN     time.Duration  // length of a session in the LAN
	SessionVPN     time.Duration  // length of a session from outside
	Grace          time.Duration  // how long a session outlives a lost connection; whole seconds
	DevicesPerUser int
	DevicePolicy   DevicePolicy
	JournalDays    int // how long the journal keeps ended sessions
	JournalMB      int // limit of the journal in the database, in 10^6 bytes

	GatewaySettings
	Trial GatewayTrial // not a setting, but stored together with them
}

// Limits of the settings; NumberSetting has those of numbers.
const (
	MaxNets = 256

	// For one tunnel. Agents refuse more.
	MaxDNS      = 8
	MaxSuffixes = 32
)

// Length is how long a session of the kind may live.
func (s Settings) Length(k Kind) time.Duration {
	if k == KindLAN {
		return s.SessionLAN
	}
	return s.SessionVPN // also for KindWeb
}

// InLocalNetworks reports whether an address is in the local networks. An address of the VPN network never is. Being in
// the LAN also depends on the interface, see Peer.Inside.
func (s Settings) InLocalNetworks(a netip.Addr) bool {
	a = Unmap(a)
	return !s.InVPN(a) && contains(s.LocalNetworks, a)
}

// InVPN reports whether an address belongs to the VPN network.
func (s Settings) InVPN(a netip.Addr) bool {
	return s.VPNNetwork.IsValid() && s.VPNNetwork.Contains(Unmap(a))
}

// VPNGateway is the gateway's own address inside the tunnel: the first one of the VPN network.
func (s Settings) VPNGateway() netip.Addr { return s.VPNNetwork.Masked().Addr().Next() }

// ParseNetworks reads networks separated by commas, semicolons or white space. An address alone is a network of one
// host. The result is sorted, without host bits and duplicates.
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
