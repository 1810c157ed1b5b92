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
	FormerDomains  []string       // domains before it that the gateway still serves, in the same form; the newest first
	LocalNetworks  []netip.Prefix // who is in the LAN; in order, without host bits
	NetworksSeen   bool           // an administrator has saved the networks that were found at the first start
	LocalTunnel    bool           // a tunnel also in the LAN
	VPNNetwork     netip.Prefix   // /16 to /30; the first address is the gateway
	ForwardNets    []netip.Prefix // networks into the tunnel; empty = everything
	DNS            []netip.Addr   // pushed into the tunnel; empty = the gateway's tunnel address is not a resolver, nothing is pushed
	DNSSuffixes    []string       // pushed into the tunnel; as ParseSuffixes returns them
	SessionLAN     time.Duration  // length of a session in the LAN
	SessionVPN     time.Duration  // length of a session from outside
	Grace          time.Duration  // how long a session outlives a lost connection; whole seconds
	DevicesPerUser int
	DevicePolicy   DevicePolicy
	JournalDays    int // how long the journal keeps sessions that have ended
	JournalMB      int // how large they may become in the database, in 10^6 bytes

	GatewaySettings              // of the page «Шлюз»
	Trial           GatewayTrial // of the same page; no setting by itself, but it must come and go with them
}

// Limits of the settings; those of numbers stand in Numbers.
const (
	MaxNets = 256

	// What one tunnel is told. Both ends hold to it: a gateway that said more would be refused by its own agents.
	MaxDNS      = 8
	MaxSuffixes = 32
)

// Length is how long a session of the kind may live.
func (s Settings) Length(k Kind) time.Duration {
	if k == KindLAN {
		return s.SessionLAN
	}
	return s.SessionVPN // the design gives web sessions the same length
}

// InLocalNetworks tells whether an address is in the local networks. An address of the VPN network never is. Whether a
// peer is in the LAN takes more than its address: see Peer.
func (s Settings) InLocalNetworks(a netip.Addr) bool {
	a = Unmap(a)
	return !s.InVPN(a) && contains(s.LocalNetworks, a)
}

// InVPN tells whether an address belongs to the VPN network.
func (s Settings) InVPN(a netip.Addr) bool {
	return s.VPNNetwork.IsValid() && s.VPNNetwork.Contains(Unmap(a))
}

// VPNGateway is the gateway's own address inside the tunnel: the first one of the VPN network.
func (s Settings) VPNGateway() netip.Addr { return s.VPNNetwork.Masked().Addr().Next() }

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
