package tunnel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// tables are the computer's interfaces, routes and addresses of one IP version.
type tables struct {
	ifaces    []iface
	routes    []route
	addresses []ownAddress
}

func familyFor(a netip.Addr) winipcfg.AddressFamily {
	if a.Is4() {
		return windows.AF_INET
	}
	return windows.AF_INET6
}

func readTables(family winipcfg.AddressFamily) (tables, error) {
	var t tables
	const flags = winipcfg.GAAFlagSkipAnycast | winipcfg.GAAFlagSkipMulticast | winipcfg.GAAFlagSkipDNSServer
	adapters, err := winipcfg.GetAdaptersAddresses(family, flags)
	if err != nil {
		return t, fmt.Errorf("interfaces and addresses: %w", err)
	}
	for _, a := range adapters {
		t.add(a, family)
	}
	routes, err := winipcfg.GetIPForwardTable2(family)
	if err != nil {
		return t, fmt.Errorf("routing table: %w", err)
	}
	for i := range routes {
		r := &routes[i]
		t.routes = append(t.routes, route{uint64(r.InterfaceLUID), r.DestinationPrefix.Prefix(), r.NextHop.Addr(), r.Metric})
	}
	return t, nil
}

// add adds an interface with its addresses. IPv4 and IPv6 have separate indexes and metrics.
func (t *tables) add(a *winipcfg.IPAdapterAddresses, family winipcfg.AddressFamily) {
	i := iface{ID: uint64(a.LUID), Index: a.IfIndex, Name: a.FriendlyName(), Metric: a.Ipv4Metric, MTU: a.MTU,
		Up: a.OperStatus == winipcfg.IfOperStatusUp}
	if family == windows.AF_INET6 {
		i.Index, i.Metric = a.IPv6IfIndex, a.Ipv6Metric
	}
	t.ifaces = append(t.ifaces, i)
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		if addr, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			n := netip.PrefixFrom(addr.Unmap(), int(u.OnLinkPrefixLength))
			t.addresses = append(t.addresses, ownAddress{i.ID, n})
		}
	}
}
