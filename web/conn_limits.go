package web

import (
	"cmp"
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// connLimits limit the connections to one kind of listener. A connection counts from accept on, except while it carries a
// live session.
type connLimits struct {
	host    int // from one address outside; IPv6 by /64
	site    int // from one IPv6 /56 outside
	outside int // from outside together
	lan     int // from the LAN and the tunnel together
}

// connBudget divides the process's file descriptors, so that strangers cannot use up those for the LAN, for live
// sessions or in the reserve.
type connBudget struct {
	portal, http, agent connLimits
	sessions            int // connections of agents with a live session
	reserve             int // for the database, netlink, the tunnel and files
}

func budgetFor(descriptors int) connBudget {
	share := func(part, most int) int { return min(descriptors/part, most) }
	b := connBudget{
		portal:  connLimits{host: 200, site: 400, outside: share(16, 2000), lan: share(16, 2000)},
		http:    connLimits{host: 200, site: 400, outside: share(32, 1000), lan: share(32, 1000)},
		agent:   connLimits{host: 1000, site: 2000, outside: share(8, 4000), lan: share(8, 8000)},
		reserve: share(16, 1024),
	}
	b.sessions = descriptors - b.reserve
	for _, l := range []connLimits{b.portal, b.http, b.agent} {
		b.sessions -= l.outside + l.lan
	}
	return b
}

// descriptorLimit returns RLIMIT_NOFILE, the limit of open files and connections.
func descriptorLimit() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil
}

// connLimiter keeps the connections to one kind of listener within their limits.
//
// No new connection is refused. When a limit is reached, an old connection is closed: one of the network that exceeds its share
// by the most; in that network, one of the narrower network that does so, and so on down to a host. So a flood closes its own
// connections, even if it comes from many hosts of one network. Where no network exceeds its share, the connection whose last
// request is the longest ago is closed.
type connLimiter struct {
	limits  connLimits
	isLocal func(peer netip.Addr, through string) bool // reports whether a peer is in the LAN or the tunnel
	unread  int64                                      // the first value of limitedConn.unread

	mu      sync.Mutex // guards the groups, and elem and closed of every limitedConn
	outside connGroup
	lan     connGroup
}

// connGroup holds connections that count together.
type connGroup struct {
	most  int         // connections
	wide  map[int]int // shares of large IPv6 networks, by prefix length
	order list.List   // of *limitedConn, the one with the oldest last request first
	all   connCount
}

// connCount counts the connections from a network.
type connCount struct {
	network netip.Prefix // zero: all
	conns   int
	parts   map[netip.Prefix]*connCount // of the networks in it that are counted; none in a host
}

// fewConns is a little more than the six connections that a browser opens to one host.
const fewConns = 8

// share returns how many connections a network may keep once a limit is reached.
func (g *connGroup) share(network netip.Prefix) int {
	if network.Addr().Is6() {
		return max(fewConns, g.wide[network.Bits()])
	}
	return fewConns
}

func newConnLimiter(limits connLimits, overTLS bool, isLocal func(peer netip.Addr, through string) bool) *connLimiter {
	l := &connLimiter{limits: limits, isLocal: isLocal, unread: maxRequest,
		outside: connGroup{most: limits.outside, wide: map[int]int{32: limits.outside / 8, 48: limits.outside / 16}},
		lan:     connGroup{most: limits.lan, wide: map[int]int{64: limits.lan / 2}}}
	if overTLS {
		l.unread = maxHello
	}
	return l
}

// listen returns a listener that keeps the limits.
func (l *connLimiter) listen(under net.Listener) net.Listener {
	return &limitedListener{under, l, make(chan struct{}, 1)}
}

type limitedListener struct {
	net.Listener
	limiter  *connLimiter
	accepted chan struct{} // has an element once a connection was accepted, see proveAccepting
}

func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.accepted <- struct{}{}:
	default:
	}
	return l.limiter.admit(conn), nil
}

// limitedConn is a connection that counts against the limits of its listener.
type limitedConn struct {
	net.Conn
	limiter  *connLimiter
	group    *connGroup
	through  string         // see Interface
	networks []netip.Prefix // where it is counted; see agent.Peer.Networks
	pin      string         // see Pin; set during the handshake
	elem     *list.Element  // in group.order; nil while the connection does not count
	closed   bool

	maxRequest int64        // limit of the bytes between ClientHello and the end of the first header
	unread     atomic.Int64 // bytes that may still be read before the first request; negative means no limit
}

// admit counts a connection. If a limit is exceeded, it closes another one.
func (l *connLimiter) admit(conn net.Conn) *limitedConn {
	addr, through := peerOf(conn), arrivedThrough(conn)
	peer := agent.Peer{Addr: addr, Interface: through, Inside: l.isLocal(addr, through)}
	c := &limitedConn{Conn: conn, limiter: l, group: &l.outside, through: through, networks: peer.Networks(), maxRequest: maxRequest}
	c.unread.Store(l.unread)
	if peer.Inside {
		c.group, c.maxRequest = &l.lan, maxTicketRequest
	}
	l.mu.Lock()
	c.count()
	crowded := l.crowded(c, peer.CustomerNetwork())
	var victim *limitedConn
	if crowded != nil {
		victim = c.group.oldest(c.group.busiest(crowded))
		victim.uncount()
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	return c
}

// crowded returns the network of c that exceeds its limit, or nil. The caller holds mu.
func (l *connLimiter) crowded(c *limitedConn, site netip.Prefix) *connCount {
	all := &c.group.all
	if c.group == &l.lan {
		return all.over(l.lan.most)
	}
	var ofSite *connCount
	at := all // in the end the host
	for _, network := range c.networks {
		if at = at.parts[network]; network == site {
			ofSite = at.over(l.limits.site)
		}
	}
	return cmp.Or(at.over(l.limits.host), ofSite, all.over(l.outside.most))
}

// over returns n if it has more than most connections, else nil.
func (n *connCount) over(most int) *connCount {
	if n.conns > most {
		return n
	}
	return nil
}

// busiest returns the part of a network in which a connection must be closed; see connLimiter.
func (g *connGroup) busiest(n *connCount) *connCount {
	for {
		busiest, excess := n, 0
		for network, part := range n.parts {
			if over := part.conns - g.share(network); over > excess {
				busiest, excess = part, over
			}
		}
		if busiest == n {
			return n
		}
		n = busiest
	}
}

// oldest returns the connection from a network whose last request is the longest ago.
func (g *connGroup) oldest(n *connCount) *limitedConn {
	for e := g.order.Front(); ; e = e.Next() {
		if c := e.Value.(*limitedConn); n == &g.all || slices.Contains(c.networks, n.network) {
			return c
		}
	}
}

// add adds change to the count of n and of the given networks below it, the widest first.
func (n *connCount) add(change int, networks []netip.Prefix) {
	n.conns += change
	if len(networks) == 0 {
		return
	}
	part := n.parts[networks[0]]
	if part == nil {
		part = &connCount{network: networks[0]}
		if n.parts == nil {
			n.parts = map[netip.Prefix]*connCount{}
		}
		n.parts[networks[0]] = part
	}
	if part.add(change, networks[1:]); part.conns == 0 {
		delete(n.parts, networks[0])
	}
}

// count counts c. The caller holds limiter.mu.
func (c *limitedConn) count() {
	c.elem = c.group.order.PushBack(c)
	c.group.all.add(1, c.networks)
}

// uncount stops counting c. The caller holds limiter.mu.
func (c *limitedConn) uncount() {
	if c.elem == nil {
		return
	}
	c.group.order.Remove(c.elem)
	c.elem = nil
	c.group.all.add(-1, c.networks)
}

// used records that a request has come or was answered.
func (c *limitedConn) used() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if c.elem != nil {
		c.group.order.MoveToBack(c.elem)
	}
}

// CarriesSession implements [handlers.CountedConn]. When a session ends, its connection counts again, even above the limit.
func (c *limitedConn) CarriesSession(yes bool) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if yes {
		c.uncount()
	} else if c.elem == nil && !c.closed {
		c.count()
	}
}

// Interface returns the name of the network interface through which the connection came; empty if unknown.
func (c *limitedConn) Interface() string { return c.through }

// Pin implements [handlers.CountedConn].
func (c *limitedConn) Pin() string { return c.pin }

// Close also stops counting the connection.
func (c *limitedConn) Close() error {
	c.limiter.mu.Lock()
	c.closed = true
	c.uncount()
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// Limits of the bytes before the header of the first request is complete. crypto/tls alone would keep 64 KiB of an
// unfinished handshake.
const (
	maxHello   = 8 << 10                // up to the end of the ClientHello
	maxRequest = 8<<10 + maxHeaderBytes // after it; net/http adds 4 KiB to maxHeaderBytes

	// maxTicketRequest is maxRequest of a peer in the LAN, whose header may have a Kerberos ticket.
	maxTicketRequest = 8<<10 + maxPortalHeaderBytes
)

var errTooMuch = errors.New("too many bytes before the first request")

// Read keeps the limit of bytes before the first request.
func (c *limitedConn) Read(b []byte) (int, error) {
	left := c.unread.Load()
	if left < 0 {
		return c.Conn.Read(b)
	}
	if left == 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), left)])
	if c.unread.Load() >= 0 {
		c.unread.Add(-int64(n))
	}
	return n, err
}

// onClientHello is to be called when the ClientHello is complete.
func onClientHello(hello *tls.ClientHelloInfo) {
	if c, ok := hello.Conn.(*limitedConn); ok {
		c.unread.Add(c.maxRequest)
	}
}

// onConnState is a http.Server.ConnState: a connection becomes active when the header of a request is complete, and idle
// when the request was answered.
func onConnState(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, ok := conn.(*limitedConn)
	if !ok || state != http.StateActive && state != http.StateIdle {
		return
	}
	c.unread.Store(-1)
	c.used()
}

func peerOf(conn net.Conn) netip.Addr { return addrOf(conn.RemoteAddr()) }
