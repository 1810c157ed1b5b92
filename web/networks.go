package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// attachedNetworks returns the local networks of a new gateway: loopback, and the private networks attached to
// interfaces that do not lead to the Internet. If no interface is known to lead there, only loopback is local.
func attachedNetworks() []netip.Prefix {
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	outward, err := uplinks()
	if err != nil {
		return local
	}
	links, err := netlink.LinkList()
	if err != nil {
		return local
	}
	pppoe, _ := os.ReadFile("/proc/net/pppoe") // missing without PPPoE
	addSegments(outward, links, string(pppoe))
	var attached, outside []netip.Prefix
	found := false
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		switch {
		case outward[i.Index]:
			found = true
			outside = append(outside, prefixes(addrs)...)
		case i.Flags&net.FlagPointToPoint == 0 && i.Flags&net.FlagUp != 0:
			attached = append(attached, prefixes(addrs)...)
		}
	}
	if !found {
		return local
	}
	for _, n := range attached {
		n = n.Masked()
		if within(n, privateNetworks) && !slices.ContainsFunc(outside, n.Overlaps) && !slices.Contains(local, n) {
			local = append(local, n)
		}
	}
	return local
}

// addSegments adds to outward the interfaces on the same Ethernet segment: a macvlan or ipvlan and its parent, the ports of a
// bridge or bond, and the interface under PPPoE, which pppoe lists as /proc/net/pppoe does. VLANs are other segments.
func addSegments(outward map[int]bool, links []netlink.Link, pppoe string) {
	for range 4 { // interfaces on top of each other
		for _, l := range links {
			a := l.Attrs()
			switch l.(type) {
			case *netlink.Macvlan, *netlink.Macvtap, *netlink.IPVlan, *netlink.IPVtap:
				if a.NetNsID < 0 && (outward[a.Index] || outward[a.ParentIndex]) {
					outward[a.Index], outward[a.ParentIndex] = true, true
				}
			}
			for _, up := range links {
				if up.Attrs().Index == a.MasterIndex && outward[a.MasterIndex] && up.Type() != "vrf" {
					outward[a.Index] = true
				}
				if up.Type() == "ppp" && outward[up.Attrs().Index] && slices.Contains(strings.Fields(pppoe), a.Name) {
					outward[a.Index] = true
				}
			}
		}
	}
}

// privateNetworks are those of RFC 1918 and RFC 4193. Providers use that of RFC 6598 (100.64.0.0/10), so it is not among them.
var privateNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7")}

// noInternet are the networks to which a route does not lead to the Internet: private, loopback, link-local, multicast.
var noInternet = append([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8")}, privateNetworks...)

// within reports whether one of the networks contains n.
func within(n netip.Prefix, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(wide netip.Prefix) bool { return wide.Bits() <= n.Bits() && wide.Contains(n.Addr()) })
}

// uplinks returns the indexes of the interfaces that lead to the Internet. It reads all routing tables, because a second
// provider or a VRF has one of its own. It fails if the kernel does not tell the interface of a route to the Internet, as with
// nexthop objects and net.ipv4.nexthop_compat_mode=0.
func uplinks() (map[int]bool, error) {
	var routes []netlink.Route
	var err error
	for range 5 { // a dump is interrupted when the routes change
		routes, err = netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list the routes: %w", err)
	}
	outward := map[int]bool{}
	for _, r := range routes {
		if !leadsOut(r) {
			continue
		}
		if r.LinkIndex == 0 && len(r.MultiPath) == 0 {
			return nil, fmt.Errorf("the route %s has no interface", r)
		}
		outward[r.LinkIndex] = true
		for _, hop := range r.MultiPath {
			outward[hop.LinkIndex] = true
		}
	}
	return outward, nil
}

// leadsOut reports whether a route leads to the Internet: its destination is a large part of the Internet, or public and
// behind a router. The latter is the route to a VPN server when the VPN has the default route. In IPv6 it counts for single
// addresses only, because an organization's own networks are public there.
func leadsOut(r netlink.Route) bool {
	if r.Type != unix.RTN_UNICAST {
		return false // blackhole, unreachable, local and others
	}
	to, ipv6 := netip.Prefix{}, r.Family == netlink.FAMILY_V6
	if r.Dst != nil {
		a, _ := netip.AddrFromSlice(r.Dst.IP)
		ones, _ := r.Dst.Mask.Size()
		to = netip.PrefixFrom(a, ones)
	} else if ipv6 {
		to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	} else {
		to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	routed := r.Gw != nil || r.Via != nil || slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool { return hop.Gw != nil || hop.Via != nil })
	switch {
	case within(to, noInternet), r.Protocol == unix.RTPROT_KERNEL && !routed: // the latter is an attached network
		return false
	case ipv6:
		return to.Bits() <= 20 || routed && to.IsSingleIP()
	}
	return to.Bits() <= 8 || routed
}

// attachedTo returns an attached network, tunnels left out, that overlaps n. As a VPN network n would cut it off.
func attachedTo(n netip.Prefix) (on netip.Prefix, taken bool) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagPointToPoint != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Masked().Overlaps(n) {
				return p.Masked(), true
			}
		}
	}
	return netip.Prefix{}, false
}

// freeVPNNetwork returns the default VPN network, or the next /16 that is not taken.
func freeVPNNetwork(taken func(netip.Prefix) (on netip.Prefix, taken bool)) netip.Prefix {
	preferred := agent.DefaultSettings().VPNNetwork
	for n := preferred; n.Addr().As4()[1] >= preferred.Addr().As4()[1]; n = nextNetwork(n) { // up to 10.255.0.0/16
		if _, taken := taken(n); !taken {
			return n
		}
	}
	return preferred
}

func nextNetwork(n netip.Prefix) netip.Prefix {
	a := n.Addr().As4()
	a[1]++
	return netip.PrefixFrom(netip.AddrFrom4(a), n.Bits())
}

// ownAddresses caches this machine's addresses for ownAddressesAge. They change with DHCP and with interfaces.
type ownAddresses struct {
	mu    sync.Mutex // guards the fields below
	read  time.Time
	addrs []netip.Addr
}

const ownAddressesAge = 5 * time.Second

// List returns the addresses of all interfaces, loopback included, link-local ones left out.
func (o *ownAddresses) List() []netip.Addr {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.read) > ownAddressesAge {
		o.read, o.addrs = now, interfaceAddresses()
	}
	return o.addrs
}

func (o *ownAddresses) Contains(a netip.Addr) bool {
	a = agent.Unmap(a)
	return a.IsLoopback() || slices.Contains(o.List(), a)
}

func interfaceAddresses() []netip.Addr {
	list, _ := net.InterfaceAddrs()
	addrs := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !p.Addr().IsLinkLocalUnicast() {
			addrs = append(addrs, agent.Unmap(p.Addr()))
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}
