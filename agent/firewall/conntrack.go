package firewall

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// flows picks the tracked connections that go with addresses that change hands. What a host said to the gateway itself, or
// to its own LAN, or what others began with it, is not ours to cut.
type flows struct {
	of   map[netip.Addr]bool
	stay func(netip.Addr) bool // whom a LAN host may go on talking to
	vpn  netip.Prefix          // where addresses have no other flows than ours
}

// MatchConntrackFlow implements the filter of netlink.
func (f flows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	from, _ := netip.AddrFromSlice(flow.Forward.SrcIP)
	to, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	from, to = from.Unmap(), to.Unmap()
	if f.of[from] {
		return f.isVPN(from) || !f.stay(to)
	}
	return f.of[to] && f.isVPN(to)
}

func (f flows) isVPN(a netip.Addr) bool { return f.vpn.IsValid() && f.vpn.Contains(a) }

// forget has the kernel forget the connections of addresses, so that no answer to one person reaches the next.
func (p Plan) forget(addrs []netip.Addr) error {
	if len(addrs) == 0 {
		return nil
	}
	s, err := lookAround(0)
	if err != nil {
		return err
	}
	local := p.local()
	filter := flows{of: map[netip.Addr]bool{}, vpn: p.VPNNetwork, stay: func(a netip.Addr) bool {
		return s.own[a] || slices.ContainsFunc(local, func(n netip.Prefix) bool { return n.Contains(a) })
	}}
	families := map[netlink.InetFamily]bool{}
	for _, a := range addrs {
		filter.of[a] = true
		if a.Is6() {
			families[unix.AF_INET6] = true
		} else {
			families[unix.AF_INET] = true
		}
	}
	var errs []error
	for family := range families {
		errs = append(errs, deleteFlows(family, filter))
	}
	return errors.Join(errs...)
}

// deleteFlows goes through the connections again when they changed too much while they were read.
func deleteFlows(family netlink.InetFamily, filter flows) (err error) {
	for range 3 {
		if _, err = netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return err
}
