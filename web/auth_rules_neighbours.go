package web

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// kernelNeighbours implements hostNetwork.
type kernelNeighbours struct{}

// clockTick is the unit of times in the neighbour table. USER_HZ is 100 on all architectures that Go knows.
const clockTick = 10 * time.Millisecond

func (kernelNeighbours) neighbours() ([]neighbour, error) {
	interfaces, err := withMACs()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for _, i := range interfaces {
		names[i.Index] = i.Name
	}
	list, err := netlink.NeighList(0, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) { // missing entries come with the next reading
		return nil, err
	}
	table := make([]neighbour, 0, len(list))
	for _, n := range list {
		a, ok := netip.AddrFromSlice(n.IP)
		name := names[n.LinkIndex]
		if !ok || name == "" || n.State&(netlink.NUD_NOARP|netlink.NUD_INCOMPLETE) != 0 || n.State == netlink.NUD_NONE {
			continue
		}
		entry := neighbour{addr: agent.Unmap(a), name: name}
		switch {
		case n.State&netlink.NUD_FAILED != 0:
		case n.State&netlink.NUD_PERMANENT != 0: // set by hand: the kernel never asks the host
			entry.mac = n.HardwareAddr.String()
		default:
			entry.mac, entry.answered = n.HardwareAddr.String(), time.Duration(n.Confirmed)*clockTick
		}
		table = append(table, entry)
	}
	return table, nil
}

func (kernelNeighbours) attached() (networks []netip.Prefix, err error) {
	interfaces, err := withMACs()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, n := range prefixes(addrs) {
			networks = append(networks, n.Masked())
		}
	}
	return networks, nil
}

func (kernelNeighbours) ask(a netip.Addr) { firewall.Resolve(a) }

// withMACs returns the interfaces with MACs.
func withMACs() ([]net.Interface, error) {
	interfaces, err := net.Interfaces()
	return slices.DeleteFunc(interfaces, func(i net.Interface) bool {
		return len(i.HardwareAddr) != 6 || i.Flags&net.FlagLoopback != 0
	}), err
}
