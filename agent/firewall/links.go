package firewall

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Link is an interface of this machine as the administrator chooses from.
type Link struct {
	Name      string
	Up        bool
	Addresses []netip.Prefix // link-local ones left out
	Default   bool           // a default route leaves through it: most likely the WAN
	Ethernet  bool           // hosts there have MACs
}

// Links are this machine's interfaces, loopback left out.
func Links() ([]Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	outside, err := defaultRoutes()
	if err != nil {
		return nil, err
	}
	var links []Link
	for _, l := range all {
		a := l.Attrs()
		if a.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return nil, fmt.Errorf("listing the addresses of %s: %w", a.Name, err)
		}
		links = append(links, Link{Name: a.Name, Up: a.Flags&net.FlagUp != 0, Addresses: prefixesOn(addrs), Default: outside[a.Index],
			Ethernet: a.EncapType == "ether"})
	}
	return links, nil
}

// Interface is the link for a Plan.
func (l Link) Interface() Interface {
	i := Interface{Name: l.Name}
	for _, a := range l.Addresses {
		if l.Ethernet {
			i.Networks = append(i.Networks, a.Masked())
		}
	}
	return i
}

func prefixesOn(addrs []netlink.Addr) (list []netip.Prefix) {
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if ip = ip.Unmap(); ok && !ip.IsLinkLocalUnicast() {
			ones, _ := a.Mask.Size()
			list = append(list, netip.PrefixFrom(ip, ones))
		}
	}
	return list
}

// defaultRoutes are the interfaces that a default route leaves through.
func defaultRoutes() (map[int]bool, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("listing the routes: %w", err)
	}
	outside := map[int]bool{}
	for _, r := range routes {
		if ones := 0; r.Dst != nil {
			if ones, _ = r.Dst.Mask.Size(); ones > 0 || r.Type != unix.RTN_UNICAST {
				continue
			}
		}
		outside[r.LinkIndex] = true
		for _, hop := range r.MultiPath {
			outside[hop.LinkIndex] = true
		}
	}
	return outside, nil
}
