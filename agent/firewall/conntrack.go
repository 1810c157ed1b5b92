package firewall

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// flows selects the connections that are deleted for some addresses: those that the addresses began, except LAN connections
// to destinations that need no session.
type flows struct {
	of   func(netip.Addr) bool // the addresses
	stay func(netip.Addr) bool // destinations that need no session from the LAN
	vpn  netip.Prefix          // all connections of addresses in here are deleted
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
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

// disconnect deletes the connections of addresses from conntrack, so that no reply to one user reaches the next.
func (r *reconciler) disconnect(addrs []netip.Addr) error {
	if len(addrs) == 0 {
		return nil
	}
	of := map[netip.Addr]bool{}
	families := map[netlink.InetFamily]bool{}
	for _, a := range addrs {
		r.unswept[a] = true // until it succeeds
		of[a], families[familyOf(a)] = true, true
	}
	if err := r.deleteFlows(families, func(a netip.Addr) bool { return of[a] }); err != nil {
		return err
	}
	for _, a := range addrs {
		delete(r.unswept, a)
	}
	return nil
}

// sweep deletes all connections without a session that began before the table was created. Afterwards Grant need not
// delete those of each new address, which takes the kernel many milliseconds. Hosts behind interfaces that are not
// filtered, such as containers, keep their connections.
func (r *reconciler) sweep() {
	unfiltered := map[netip.Addr]bool{} // the local addresses looked up: true = behind an interface that is not filtered
	err := r.deleteWithoutSession(unfiltered)
	if r.swept = err == nil; err != nil {
		r.f.log.Warn("connections without a session were not deleted; those of an address are deleted when it is granted", "error", err)
		return
	}
	clear(r.unswept)
	for a, other := range unfiltered {
		if other { // the interface may be chosen later
			r.unswept[a] = true
		}
	}
}

func (r *reconciler) deleteWithoutSession(unfiltered map[netip.Addr]bool) error {
	now, err := r.kernel.snapshot(0)
	if err != nil {
		return err
	}
	local := r.plan.local()
	return r.deleteFlows(map[netlink.InetFamily]bool{unix.AF_INET: true, unix.AF_INET6: true}, func(a netip.Addr) bool {
		if len(r.elements[a]) > 0 || !inAny(local, a) {
			return false
		}
		other, known := unfiltered[a]
		if !known {
			other = r.plan.isUnfiltered(now, a)
			unfiltered[a] = other
		}
		return !other
	})
}

func (p Plan) isUnfiltered(s *snapshot, a netip.Addr) bool {
	if len(p.attached(a)) > 0 || p.VPNNetwork.IsValid() && p.VPNNetwork.Contains(a) {
		return false
	}
	name, _, ok := s.route(a)
	return ok && !p.Filters(name)
}

// mayHaveConnections reports whether conntrack may have connections of an address without a session.
func (r *reconciler) mayHaveConnections(a netip.Addr) bool {
	return !r.swept || r.unswept[a] || !r.plan.isLocal(a)
}

func (r *reconciler) deleteFlows(families map[netlink.InetFamily]bool, of func(netip.Addr) bool) error {
	now, err := r.kernel.snapshot(0)
	if err != nil {
		return err
	}
	filter := flows{of: of, vpn: r.plan.VPNNetwork, stay: r.plan.needsNoSession(now)}
	var errs []error
	for family := range families {
		errs = append(errs, deleteFlows(family, filter))
	}
	return errors.Join(errs...)
}

// needsNoSession returns a function that reports whether LAN hosts need no session to reach an address: it is the
// gateway's, or in a local network behind neither a WAN interface nor the tunnel.
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

// staysInside reports whether packets to an address leave neither through a WAN interface nor into the tunnel.
func (p Plan) staysInside(s *snapshot, a netip.Addr) bool {
	name, _, ok := s.route(a)
	return ok && (p.isLAN(name) || !p.Filters(name))
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

// deleteFlows tries up to three times, because the kernel interrupts the dump when connections change meanwhile.
func deleteFlows(family netlink.InetFamily, filter flows) (err error) {
	for range 3 {
		if _, err = netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return err
}
