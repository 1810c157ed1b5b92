package tunnel

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// readLocalNetworks reads the computer's tables and returns localNetworks.
func readLocalNetworks(tunnel int) ([]network, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	list, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	table, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("routing table: %w", err)
	}
	var ifaces []iface
	for _, l := range links {
		a := l.Attrs()
		ifaces = append(ifaces, iface{ID: uint64(a.Index), Index: uint32(a.Index), Name: a.Name, Up: a.Flags&net.FlagUp != 0})
	}
	var addresses []ownAddress
	for _, a := range list {
		bits, _ := a.Mask.Size()
		if own, ok := netip.AddrFromSlice(a.IP.To4()); ok {
			addresses = append(addresses, ownAddress{uint64(a.LinkIndex), netip.PrefixFrom(own, bits)})
		}
	}
	var routes []route
	for _, r := range table {
		hops := append([]*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}, r.MultiPath...)
		for _, hop := range hops {
			if via, ok := netip.AddrFromSlice(hop.Gw.To4()); ok {
				routes = append(routes, route{Iface: uint64(hop.LinkIndex), NextHop: via})
			}
		}
	}
	return localNetworks(addresses, routes, ifaces, uint64(tunnel)), nil
}
