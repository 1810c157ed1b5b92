package wgbind

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

// maxSources limits the checks that sources keeps: each has about 150 bytes, and a peer gets one for each address that
// it comes from.
const maxSources = 1 << 16

// sources finds out whether the source of packets to a peer no longer fits the route. A nil *sources finds nothing, and
// so does one from Linux 5.12 on, where wireguard-go records no source.
type sources struct {
	stop    func()
	changes atomic.Uint32 // of the network so far

	mu     sync.Mutex // guards the fields below
	routes *netlink.Handle
	seen   map[source]routeCheck
}

// source is an address and an interface that packets to a peer leave from.
type source struct {
	to, from netip.Addr
	index    int32 // of the interface
}

type routeCheck struct {
	fittedFirst bool   // the route led through the source's interface at the first check
	fits        bool   // it did so at the last check
	changes     uint32 // sources.changes at the last check
}

// watchSources returns nil if this process cannot ask for routes.
func watchSources() *sources {
	routes, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil
	}
	s := &sources{routes: routes, seen: map[source]routeCheck{}}
	if s.stop, err = WatchNetwork(func() { s.changes.Add(1) }); err != nil {
		routes.Close()
		return nil
	}
	return s
}

func (s *sources) close() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes.Close()
}

// moved reports whether the peer's source no longer fits the route: the route led through the source's interface at the
// first check, and now leads through another. A source that did not fit then is kept: a gateway with several providers
// answers from the address that was asked.
func (s *sources) moved(peer *conn.StdNetEndpoint) bool {
	if s == nil || peer.SrcIfidx() == 0 || peer.DstIP().IsLinkLocalUnicast() {
		return false
	}
	from := source{peer.DstIP(), peer.SrcIP(), peer.SrcIfidx()}
	changes := s.changes.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.seen[from]
	if !known || v.changes != changes {
		v.fits, v.changes = s.fits(from), changes
		if !known {
			v.fittedFirst = v.fits
		}
		if len(s.seen) >= maxSources {
			s.seen = map[source]routeCheck{}
		}
		s.seen[from] = v
	}
	return v.fittedFirst && !v.fits
}

func (s *sources) fits(from source) bool {
	ways, err := s.routes.RouteGetWithOptions(from.to.AsSlice(), &netlink.RouteGetOptions{SrcAddr: from.from.AsSlice()})
	return err == nil && len(ways) > 0 && ways[0].LinkIndex == int(from.index)
}
