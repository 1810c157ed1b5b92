package wgbind

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

// maxSources limits what sources remembers: an entry has about 150 bytes, and a peer gets one with each address that it
// comes from.
const maxSources = 1 << 16

// sources finds out from which addresses and interfaces the routes no longer lead to a peer. A nil *sources finds none. From Linux
// 5.12 on wireguard-go records no source, and nothing is found.
type sources struct {
	stop    func()
	changes atomic.Uint32 // of the network

	mu     sync.Mutex // guards what follows
	routes *netlink.Handle
	seen   map[source]verdict
}

// source is an address and an interface that packets to a peer leave from.
type source struct {
	to, from netip.Addr
	index    int32 // of the interface
}

type verdict struct {
	ledThen bool // the route led through the interface when the source was first seen
	leads   bool // it does so now
	changes uint32
}

// watchSources returns nil where the process cannot ask for routes.
func watchSources() *sources {
	routes, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil
	}
	s := &sources{routes: routes, seen: map[source]verdict{}}
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

// moved reports whether the peer's source no longer fits the route: the route led through the source's interface when the source was
// first seen, and now leads through another. A source that never fitted stays: a gateway with several providers answers from
// the address that was asked.
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
		v.leads, v.changes = s.leads(from), changes
		if !known {
			v.ledThen = v.leads
		}
		if len(s.seen) >= maxSources {
			s.seen = map[source]verdict{}
		}
		s.seen[from] = v
	}
	return v.ledThen && !v.leads
}

func (s *sources) leads(from source) bool {
	ways, err := s.routes.RouteGetWithOptions(from.to.AsSlice(), &netlink.RouteGetOptions{SrcAddr: from.from.AsSlice()})
	return err == nil && len(ways) > 0 && ways[0].LinkIndex == int(from.index)
}
