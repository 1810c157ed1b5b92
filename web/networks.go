package web

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// attachedNetworks are the networks that a new gateway takes for its LAN: loopback, and what is attached to this
// machine's interfaces apart from those that a default route leaves through and from tunnels.
func attachedNetworks() []netip.Prefix {
	nets := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	outside, err := defaultInterfaces()
	if err != nil {
		return nets // without the routes nothing else is known to be inside
	}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if outside[i.Index] || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && !p.Addr().IsLinkLocalUnicast() && !slices.Contains(nets, p.Masked()) {
				nets = append(nets, p.Masked())
			}
		}
	}
	return nets
}

// defaultInterfaces are those that a default route leaves through, by index. A second provider often has a routing table of
// its own, so all tables count.
func defaultInterfaces() (map[int]bool, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	outside := map[int]bool{}
	for _, r := range routes {
		if r.Dst == nil || r.Dst.IP.IsUnspecified() && isZeroMask(r.Dst.Mask) {
			outside[r.LinkIndex] = true
			for _, hop := range r.MultiPath {
				outside[hop.LinkIndex] = true
			}
		}
	}
	return outside, nil
}

// attachedTo finds a network of this machine's interfaces, tunnels left out, that overlaps another one. The gateway would
// cut itself off from there.
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

// freeVPNNetwork is the default VPN network, or the nearest one beside it when the machine is attached to a part of that.
func freeVPNNetwork(attached []netip.Prefix) netip.Prefix {
	preferred := agent.DefaultSettings().VPNNetwork
	for n := preferred; n.Addr().As4()[1] >= preferred.Addr().As4()[1]; n = nextNetwork(n) { // up to 10.255.0.0/16
		if !slices.ContainsFunc(attached, n.Overlaps) {
			return n
		}
	}
	return preferred
}

// nextNetwork is the /16 above.
func nextNetwork(n netip.Prefix) netip.Prefix {
	a := n.Addr().As4()
	a[1]++
	return netip.PrefixFrom(netip.AddrFrom4(a), n.Bits())
}

func isZeroMask(m net.IPMask) bool {
	ones, _ := m.Size()
	return ones == 0
}

// ownAddresses knows this machine's addresses. They change with DHCP and with interfaces that come and go, so they are
// read again when what is known is older than ownAddressesAge.
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
