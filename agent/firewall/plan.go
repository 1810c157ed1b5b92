package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// DefaultTimeout is the default of Plan.Timeout.
const DefaultTimeout = time.Minute

// Limits of a Plan.
const (
	minTimeout    = 3 * time.Second
	maxInterfaces = 64
	maxNetworks   = 1024 // in one list
)

// Interface is an interface of this machine as a Plan uses it.
type Interface struct {
	Name string
	// Networks are those attached to the interface, link-local ones left out: hosts in them are matched by MAC too. Hosts of
	// other networks are behind a router, which hides their MACs. Interfaces other than Ethernet have no MACs and no Networks.
	Networks []netip.Prefix
}

// Redirect says which packets from the LAN are redirected to the gateway. Ports that are 0 are not redirected.
type Redirect struct {
	GatewayAddrs  []netip.Addr // addresses of the saved domain: of a router in front of the gateway, or the gateway's own
	PortalPort    uint16       // TCP
	AgentPort     uint16       // TCP
	WireGuardPort uint16       // UDP
	HTTPPort      uint16       // TCP: where the page for hosts without a session is served
}

// Plan is what the firewall enforces. Without interfaces there is no table.
type Plan struct {
	LAN, WAN        []Interface
	Tunnel          string             // interface of the tunnel; empty without one
	Masquerade      bool               // of the IPv4 addresses of the LAN and of the tunnel
	OpenBeforeLogin []agent.OpenServer // reachable from the LAN without a session
	LocalNetworks   []netip.Prefix     // besides the attached networks; TCP 80 to them is never redirected
	VPNNetwork      netip.Prefix       // its first address is the gateway
	ForwardNets     []netip.Prefix     // what VPN users reach beyond the gateway; empty = everything
	DNS             []netip.Addr       // VPN users reach port 53 of these also outside ForwardNets
	VPNPeersMayTalk bool               // VPN users reach each other
	Redirect        Redirect
	Timeout         time.Duration // elements expire after this unless refreshed; 0 = DefaultTimeout
}

// Empty reports whether the plan needs no table.
func (p Plan) Empty() bool { return len(p.LAN) == 0 && len(p.WAN) == 0 }

// ErrPlan is wrapped by the errors of Check.
var ErrPlan = errors.New("this cannot be enforced")

// Check validates a plan. Errors: ErrPlan.
func (p Plan) Check() error {
	if p.Empty() {
		return nil
	}
	if len(p.LAN) == 0 || len(p.WAN) == 0 {
		return fmt.Errorf("%w: choose at least one LAN and one WAN interface, or none of either", ErrPlan)
	}
	if len(p.OpenBeforeLogin) > maxNetworks {
		return fmt.Errorf("%w: more than %d addresses open before login", ErrPlan, maxNetworks)
	}
	if len(p.DNS) > maxNetworks {
		return fmt.Errorf("%w: more than %d DNS servers", ErrPlan, maxNetworks)
	}
	if len(p.LAN)+len(p.WAN) > maxInterfaces {
		return fmt.Errorf("%w: more than %d interfaces", ErrPlan, maxInterfaces)
	}
	if p.Timeout != 0 && p.Timeout < minTimeout {
		return fmt.Errorf("%w: a timeout of %s is too short to be refreshed in time; take %s at least", ErrPlan, p.Timeout, minTimeout)
	}
	for _, list := range [][]netip.Prefix{p.LocalNetworks, p.ForwardNets} {
		if len(list) > maxNetworks {
			return fmt.Errorf("%w: more than %d networks in a list", ErrPlan, maxNetworks)
		}
	}
	return p.checkNames()
}

func (p Plan) checkNames() error {
	seen := map[string]bool{}
	names := append(namesOf(p.LAN), namesOf(p.WAN)...)
	if p.Tunnel != "" {
		names = append(names, p.Tunnel)
	}
	for _, name := range names {
		if !agent.IsInterface(name) {
			return fmt.Errorf("%w: %q is not a valid interface name", ErrPlan, name)
		}
		if seen[name] {
			return fmt.Errorf("%w: the interface %s is used twice", ErrPlan, name)
		}
		seen[name] = true
	}
	return nil
}

// Filters reports whether the plan filters packets of an interface.
func (p Plan) Filters(name string) bool {
	return !p.Empty() && (has(p.LAN, name) || has(p.WAN, name) || name == p.Tunnel)
}

func (p Plan) timeout() time.Duration {
	if p.Timeout == 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

func (p Plan) isLAN(name string) bool { return has(p.LAN, name) }

func has(list []Interface, name string) bool {
	return slices.ContainsFunc(list, func(i Interface) bool { return i.Name == name })
}

// attached returns the LAN interfaces with an attached network that contains an address.
func (p Plan) attached(a netip.Addr) (names []string) {
	for _, i := range p.LAN {
		if slices.ContainsFunc(i.Networks, func(n netip.Prefix) bool { return n.Contains(a) }) {
			names = append(names, i.Name)
		}
	}
	return names
}

func namesOf(list []Interface) []string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.Name
	}
	slices.Sort(names)
	return names
}

// local returns the networks of the LAN and of the VPN, loopback left out.
func (p Plan) local() []netip.Prefix {
	list := slices.Clone(p.LocalNetworks)
	for _, i := range p.LAN {
		list = append(list, i.Networks...)
	}
	if p.VPNNetwork.IsValid() {
		list = append(list, p.VPNNetwork)
	}
	return slices.DeleteFunc(list, func(n netip.Prefix) bool { return n.Addr().IsLoopback() })
}

// neverOutside returns the networks that cannot be the source of a connection through a WAN interface: those attached to
// LAN interfaces, and the VPN's. Networks that overlap one of a WAN interface are left out, and so are LocalNetworks, which
// may contain hosts outside.
func (p Plan) neverOutside() []netip.Prefix {
	var list []netip.Prefix
	for _, i := range p.LAN {
		list = append(list, i.Networks...)
	}
	if p.Tunnel != "" && p.VPNNetwork.IsValid() {
		list = append(list, p.VPNNetwork)
	}
	return slices.DeleteFunc(list, func(n netip.Prefix) bool {
		return slices.ContainsFunc(p.WAN, func(i Interface) bool { return slices.ContainsFunc(i.Networks, n.Overlaps) })
	})
}

// isLocal reports whether an address is in one of the networks of local.
func (p Plan) isLocal(a netip.Addr) bool {
	inLAN := func(i Interface) bool { return inAny(i.Networks, a) }
	return !a.IsLoopback() && (inAny(p.LocalNetworks, a) || slices.ContainsFunc(p.LAN, inLAN) || p.VPNNetwork.IsValid() && p.VPNNetwork.Contains(a))
}

// forwardsAll reports whether VPN users reach everything.
func (p Plan) forwardsAll() bool {
	return len(p.ForwardNets) == 0 || slices.ContainsFunc(p.ForwardNets, func(n netip.Prefix) bool { return n.Addr().Is4() && n.Bits() == 0 })
}

// ofFamily returns the networks of one family, sorted and merged as nft prints them. The kernel refuses overlaps.
func ofFamily(nets []netip.Prefix, v6 bool) []netip.Prefix {
	var list []netip.Prefix
	for _, n := range nets {
		if n.IsValid() && n.Addr().Is6() == v6 && !n.Addr().Is4In6() {
			list = append(list, n.Masked())
		}
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var out []netip.Prefix
	for _, n := range list {
		if len(out) == 0 || !out[len(out)-1].Contains(n.Addr()) {
			out = joinHalves(append(out, n))
		}
	}
	return out
}

// joinHalves merges the last two networks while they are the halves of one.
func joinHalves(list []netip.Prefix) []netip.Prefix {
	for len(list) > 1 {
		a, b := list[len(list)-2], list[len(list)-1]
		if a.Bits() != b.Bits() || a.Bits() == 0 {
			return list
		}
		whole := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
		if !whole.Contains(b.Addr()) || a == b {
			return list
		}
		list = append(list[:len(list)-2], whole)
	}
	return list
}

func prefixesOf(addrs []netip.Addr) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		a = agent.Unmap(a)
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}

// everything is a plan that uses every kind of rule.
var everything = Plan{
	LAN:        []Interface{{Name: "lan0"}, {Name: "lan1"}},
	WAN:        []Interface{{Name: "wan0"}},
	Tunnel:     "ideco0",
	Masquerade: true,
	OpenBeforeLogin: []agent.OpenServer{
		{Addr: netip.MustParseAddr("192.0.2.1")}, {Addr: netip.MustParseAddr("2001:db8::1")},
		{Addr: netip.MustParseAddr("192.0.2.53"), Port: 53}, {Addr: netip.MustParseAddr("2001:db8::53"), Port: 53},
	},
	LocalNetworks:   []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/8")},
	VPNNetwork:      netip.MustParsePrefix("10.128.0.0/16"),
	ForwardNets:     []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")},
	DNS:             []netip.Addr{netip.MustParseAddr("10.0.0.53")},
	VPNPeersMayTalk: true,
	Redirect: Redirect{
		GatewayAddrs: []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:1::7")},
		PortalPort:   8443, AgentPort: 14765, WireGuardPort: 3051, HTTPPort: 80,
	},
}
