package firewall

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Link is an interface of this machine as the administrator chooses from.
type Link struct {
	Name      string
	Addresses []netip.Prefix // link-local ones left out
	Ethernet  bool           // hosts there have MACs
}

// Links are this machine's interfaces, loopback left out.
func Links() ([]Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
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
		links = append(links, Link{Name: a.Name, Addresses: prefixesOn(addrs), Ethernet: a.EncapType == "ether"})
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
