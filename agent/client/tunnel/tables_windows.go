package tunnel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// tables are what this computer's network consists of now, for one version of IP.
type tables struct {
	cards     []card
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
	var err error
	if t.cards, err = readCards(family); err != nil {
		return t, err
	}
	routes, err := winipcfg.GetIPForwardTable2(family)
	if err != nil {
		return t, fmt.Errorf("routing table: %w", err)
	}
	for i := range routes {
		r := &routes[i]
		t.routes = append(t.routes, route{uint64(r.InterfaceLUID), r.DestinationPrefix.Prefix(), r.NextHop.Addr(), r.Metric})
	}
	addresses, err := winipcfg.GetUnicastIPAddressTable(family)
	if err != nil {
		return t, fmt.Errorf("address table: %w", err)
	}
	for i := range addresses {
		a := &addresses[i]
		n := netip.PrefixFrom(a.Address.Addr().WithZone(""), int(a.OnLinkPrefixLength))
		t.addresses = append(t.addresses, ownAddress{uint64(a.InterfaceLUID), n})
	}
	return t, nil
}

// readCards lists the interfaces that speak this version of IP. Whether one is up belongs to the interface as a whole,
// the metric to the version.
func readCards(family winipcfg.AddressFamily) ([]card, error) {
	all, err := winipcfg.GetIfTable2Ex(winipcfg.MibIfEntryNormal)
	if err != nil {
		return nil, fmt.Errorf("interface table: %w", err)
	}
	byLUID := map[winipcfg.LUID]*winipcfg.MibIfRow2{}
	for i := range all {
		byLUID[all[i].InterfaceLUID] = &all[i]
	}
	rows, err := winipcfg.GetIPInterfaceTable(family)
	if err != nil {
		return nil, fmt.Errorf("IP interface table: %w", err)
	}
	var cards []card
	for i := range rows {
		r := &rows[i]
		c := card{ID: uint64(r.InterfaceLUID), Index: r.InterfaceIndex, Metric: r.Metric}
		if whole := byLUID[r.InterfaceLUID]; whole != nil {
			c.Name, c.Up = whole.Alias(), whole.OperStatus == winipcfg.IfOperStatusUp
		}
		cards = append(cards, c)
	}
	return cards, nil
}
