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
	of   func(netip.Addr) bool
	stay func(netip.Addr) bool // whom a LAN host may go on talking to
	vpn  netip.Prefix          // where addresses have no other flows than ours
}

// MatchConntrackFlow implements the filter of netlink.
func (f flows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	from, _ := netip.AddrFromSlice(flow.Forward.SrcIP)
	to, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	from, to = from.Unmap(), to.Unmap()
	if f.of(from) {
		return f.isVPN(from) || !f.stay(to)
	}
	return f.isVPN(to) && f.of(to)
}

func (f flows) isVPN(a netip.Addr) bool { return f.vpn.IsValid() && f.vpn.Contains(a) }

// forget has the kernel forget the connections of addresses, so that no answer to one person reaches the next.
func (k *keeper) forget(addrs []netip.Addr) error {
	if len(addrs) == 0 {
		return nil
	}
	of := map[netip.Addr]bool{}
	families := map[netlink.InetFamily]bool{}
	for _, a := range addrs {
		k.unswept[a] = true // until it has worked
		of[a], families[familyOf(a)] = true, true
	}
	if err := k.deleteFlows(families, func(a netip.Addr) bool { return of[a] }); err != nil {
		return err
	}
	for _, a := range addrs {
		delete(k.unswept, a)
	}
	return nil
}

// sweep has the kernel forget what was going on without a session, which it let through before the table stood. After
// that a newcomer's address needs no such care. Going through all connections takes the kernel many milliseconds. Hosts
// behind interfaces that are not judged, such as containers, keep their connections, though their networks may be local.
func (k *keeper) sweep() {
	others := map[netip.Addr]bool{} // whether they are such hosts
	err := k.sweepBut(others)
	if k.swept = err == nil; err != nil {
		k.f.log.Warn("connections without a session were not forgotten; each newcomer's will be", "error", err)
		return
	}
	clear(k.unswept)
	for a, other := range others {
		if other { // until the interface is chosen
			k.unswept[a] = true
		}
	}
}

func (k *keeper) sweepBut(others map[netip.Addr]bool) error {
	look, err := k.kernel.snapshot(0)
	if err != nil {
		return err
	}
	local := k.plan.local()
	return k.deleteFlows(map[netlink.InetFamily]bool{unix.AF_INET: true, unix.AF_INET6: true}, func(a netip.Addr) bool {
		if len(k.elements[a]) > 0 || !inAny(local, a) {
			return false
		}
		other, known := others[a]
		if !known {
			other = k.plan.leavesAlone(look, a)
			others[a] = other
		}
		return !other
	})
}

// leavesAlone tells whether an address is behind an interface that is not judged.
func (p Plan) leavesAlone(s *snapshot, a netip.Addr) bool {
	if len(p.attached(a)) > 0 || p.VPNNetwork.IsValid() && p.VPNNetwork.Contains(a) {
		return false
	}
	name, _, ok := s.route(a)
	return ok && !p.Judges(name)
}

// suspect tells whether the kernel may know connections of an address that nobody has.
func (k *keeper) suspect(a netip.Addr) bool {
	return !k.swept || k.unswept[a] || !k.plan.isLocal(a)
}

func (k *keeper) deleteFlows(families map[netlink.InetFamily]bool, of func(netip.Addr) bool) error {
	look, err := k.kernel.snapshot(0)
	if err != nil {
		return err
	}
	filter := flows{of: of, vpn: k.plan.VPNNetwork, stay: k.plan.needsNoSession(look)}
	var errs []error
	for family := range families {
		errs = append(errs, deleteFlows(family, filter))
	}
	return errors.Join(errs...)
}

// needsNoSession tells of an address whether LAN hosts talk to it without being judged: it is the gateway's, or in a local
// network that no WAN interface and no tunnel leads to.
func (p Plan) needsNoSession(s *snapshot) func(netip.Addr) bool {
	local, known := p.local(), map[netip.Addr]bool{}
	return func(a netip.Addr) bool {
		free, ok := known[a]
		if !ok {
			free = s.own[a] || inAny(local, a) && (len(p.attached(a)) > 0 || p.staysInside(s, a))
			known[a] = free
		}
		return free
	}
}

// staysInside tells whether packets to an address leave neither through a WAN interface nor into the tunnel.
func (p Plan) staysInside(s *snapshot, a netip.Addr) bool {
	name, _, ok := s.route(a)
	return ok && (p.isLAN(name) || !p.Judges(name))
}

func inAny(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

func familyOf(a netip.Addr) netlink.InetFamily {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
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
