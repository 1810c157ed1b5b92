package firewall

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Interfaces returns this machine's interfaces as a Plan uses them, loopback left out.
func Interfaces() ([]Interface, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	var list []Interface
	for _, l := range all {
		a := l.Attrs()
		if a.Flags&net.FlagLoopback != 0 {
			continue
		}
		i := Interface{Name: a.Name}
		if a.EncapType == "ether" {
			addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
			if err != nil {
				return nil, fmt.Errorf("listing the addresses of %s: %w", a.Name, err)
			}
			i.Networks = networksOf(addrs)
		}
		list = append(list, i)
	}
	return list, nil
}

func networksOf(addrs []netlink.Addr) (list []netip.Prefix) {
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if ip = ip.Unmap(); ok && !ip.IsLinkLocalUnicast() {
			ones, _ := a.Mask.Size()
			list = append(list, netip.PrefixFrom(ip, ones).Masked())
		}
	}
	return list
}
