package web

import (
	"slices"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
)

// carrier returns the name that the packets of an interface carry in the firewall's chains, if it is not the interface's own. With
// a master, such as a bridge, bond, team or VRF, they carry the master's name. A macvlan in mode passthru takes over all packets
// of the interface under it, so they carry the macvlan's name. VLANs and other macvlans take only their own packets.
func carrier(links []netlink.Link, name string) string {
	last := ""
	for range links { // a port of a bond in a bridge carries the bridge's name
		i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == name })
		if i < 0 {
			break
		}
		index, master := links[i].Attrs().Index, links[i].Attrs().MasterIndex
		i = slices.IndexFunc(links, func(l netlink.Link) bool {
			return l.Attrs().Index == master || passthruParent(l) == index
		})
		if i < 0 {
			break
		}
		name = links[i].Attrs().Name
		last = name
	}
	return last
}

// passthruParent returns the index of the interface whose packets a macvlan or macvtap in mode passthru takes; 0 for others.
func passthruParent(l netlink.Link) int {
	mode := netlink.MACVLAN_MODE_DEFAULT
	switch l := l.(type) {
	case *netlink.Macvlan:
		mode = l.Mode
	case *netlink.Macvtap:
		mode = l.Mode
	}
	if mode != netlink.MACVLAN_MODE_PASSTHRU || l.Attrs().NetNsID >= 0 { // the parent is in another namespace
		return 0
	}
	return l.Attrs().ParentIndex
}

// vlanParent returns the name of the interface under a VLAN; empty for others.
func vlanParent(links []netlink.Link, name string) string {
	for _, l := range links {
		if vlan, ok := l.(*netlink.Vlan); ok && vlan.Name == name && vlan.NetNsID < 0 {
			i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Index == vlan.ParentIndex })
			if i >= 0 {
				return links[i].Attrs().Name
			}
		}
	}
	return ""
}

// replacedNames returns the chosen interfaces whose packets carry another name, as "lan0 (br0)". The firewall does not filter
// these packets.
func replacedNames(s agent.Settings, links []netlink.Link) []string {
	var list []string
	for _, name := range slices.Concat(s.LANInterfaces, s.WANInterfaces) {
		if by := carrier(links, name); by != "" {
			list = append(list, withCarrier(name, by))
		}
	}
	return list
}

func withCarrier(name, carrier string) string { return name + " (" + carrier + ")" }
