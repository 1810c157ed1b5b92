package web

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// connLimits say how many connections one kind of listener holds at most. They count from accept on, so that whoever only
// opens connections takes no more than these. A connection that carries a live session does not count.
type connLimits struct {
	address int // from one address outside, IPv6 by /64
	wider   int // from one IPv6 network of /56 outside, which is what a customer of a provider has
	outside int // from everywhere outside together
	lan     int // from the LAN and the tunnel together
}

// connBudget divides the descriptors of the process, so that strangers use up neither those of the LAN, nor those of live
// sessions, nor the reserve.
type connBudget struct {
	portal, http, agent connLimits
	sessions            int // connections of agents with a live session
	reserve             int // for the database, netlink, the tunnel and files
}

// budgetFor divides so many descriptors.
func budgetFor(descriptors int) connBudget {
	share := func(part, most int) int { return min(descriptors/part, most) }
	b := connBudget{
		portal:  connLimits{address: 200, wider: 400, outside: share(16, 2000), lan: share(16, 2000)},
		http:    connLimits{address: 200, wider: 400, outside: share(32, 1000), lan: share(32, 1000)},
		agent:   connLimits{address: 1000, wider: 2000, outside: share(8, 4000), lan: share(8, 8000)},
		reserve: share(16, 1024),
	}
	b.sessions = descriptors - b.reserve
	for _, l := range []connLimits{b.portal, b.http, b.agent} {
		b.sessions -= l.outside + l.lan
	}
	return b
}

// descriptorLimit is how many files and connections this process may have open.
func descriptorLimit() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil
}

// limiter keeps the connections of one kind of listener within its limits. When a limit is reached, the oldest connection
// of the host that has the most makes room: a flood pushes out itself, and the newcomer gets in. A host that has no more
// than the newcomer's loses none; then the newcomer is refused.
type limiter struct {
	limits   connLimits
	greeting int64                 // what limitedConn.greeting begins with
	isOurs   func(netip.Addr) bool // in the LAN or the tunnel

	mu      sync.Mutex // guards the crowds and limitedConn.place
	outside crowd
	lan     crowd
}

// crowd are the connections that count together.
type crowd struct {
	total int
	hosts map[netip.Prefix]*list.List // of *limitedConn, the oldest first
	wider map[netip.Prefix]int
}

func newLimiter(limits connLimits, overTLS bool, isOurs func(netip.Addr) bool) *limiter {
	empty := func() crowd { return crowd{hosts: map[netip.Prefix]*list.List{}, wider: map[netip.Prefix]int{}} }
	greeting := int64(maxRequest)
	if overTLS {
		greeting = maxHello
	}
	return &limiter{limits: limits, greeting: greeting, isOurs: isOurs, outside: empty(), lan: empty()}
}

// listen puts the limits before a listener.
func (l *limiter) listen(under net.Listener) net.Listener { return &limitedListener{under, l} }

type limitedListener struct {
	net.Listener
	limiter *limiter
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, ok := l.limiter.admit(conn); ok {
			return c, nil
		}
		_ = conn.Close()
	}
}

// limitedConn is a connection that counts until it is closed, but for the time in which it carries a session.
type limitedConn struct {
	net.Conn
	limiter *limiter
	crowd   *crowd
	host    netip.Prefix
	wider   netip.Prefix  // invalid for IPv4 and in the LAN
	place   *list.Element // in crowd.hosts[host]; nil while it does not count
	closed  bool

	greeting atomic.Int64 // bytes that may still be read before the first request; negative = any number
}

// How many bytes a connection may send before its first request is complete: crypto/tls would keep 64 KiB of an unfinished
// handshake.
const (
	maxHello   = 8 << 10                // up to the end of the ClientHello
	maxRequest = 8<<10 + maxHeaderBytes // after it
)

var errGreeting = errors.New("more bytes before the first request than a client sends")

// helloRead is for tls.Config.GetConfigForClient, which is called when the ClientHello is complete.
func helloRead(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, ok := hello.Conn.(*limitedConn); ok {
		c.greeting.Add(maxRequest)
	}
	return nil, nil
}

// Read keeps the limit.
func (c *limitedConn) Read(b []byte) (int, error) {
	left := c.greeting.Load()
	if left < 0 {
		return c.Conn.Read(b)
	}
	if left == 0 {
		return 0, errGreeting
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), left)])
	if c.greeting.Load() >= 0 {
		c.greeting.Add(-int64(n))
	}
	return n, err
}

// greeted is for http.Server.ConnState: a connection is active when its first request is complete.
func greeted(conn net.Conn, state http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(*limitedConn); ok && state == http.StateActive {
		c.greeting.Store(-1)
	}
}

// admit takes a place for a connection, if need be that of another one, which is closed.
func (l *limiter) admit(conn net.Conn) (*limitedConn, bool) {
	addr := peerOf(conn)
	c := &limitedConn{Conn: conn, limiter: l, crowd: &l.outside, host: agent.HostNetwork(addr)}
	c.greeting.Store(l.greeting)
	ours := l.isOurs(addr)
	if ours {
		c.crowd = &l.lan
	} else if addr.Is6() {
		c.wider, _ = addr.Prefix(56)
	}
	l.mu.Lock()
	victim, ok := l.makeRoom(c, ours)
	if ok {
		c.enter()
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	return c, ok
}

// makeRoom takes the place from the connection that has to go for a new one, nil where none has to.
func (l *limiter) makeRoom(c *limitedConn, ours bool) (victim *limitedConn, ok bool) {
	own := c.crowd.hosts[c.host]
	most := l.limits.lan
	if !ours {
		most = l.limits.outside
		if own != nil && own.Len() >= l.limits.address || c.wider.IsValid() && c.crowd.wider[c.wider] >= l.limits.wider {
			return takePlace(own)
		}
	}
	if c.crowd.total < most {
		return nil, true
	}
	busiest := own
	for _, conns := range c.crowd.hosts {
		if busiest == nil || conns.Len() > busiest.Len() {
			busiest = conns
		}
	}
	if own == nil && busiest != nil && busiest.Len() == 1 {
		return nil, false
	}
	return takePlace(busiest)
}

// takePlace takes the place of a host's oldest connection.
func takePlace(conns *list.List) (*limitedConn, bool) {
	if conns == nil {
		return nil, false
	}
	victim := conns.Front().Value.(*limitedConn)
	victim.leave()
	return victim, true
}

// enter counts a connection; for callers that have limiter.mu.
func (c *limitedConn) enter() {
	conns := c.crowd.hosts[c.host]
	if conns == nil {
		conns = list.New()
		c.crowd.hosts[c.host] = conns
	}
	c.place = conns.PushBack(c)
	c.crowd.total++
	if c.wider.IsValid() {
		c.crowd.wider[c.wider]++
	}
}

// leave does not count it any more; for callers that have limiter.mu.
func (c *limitedConn) leave() {
	if c.place == nil {
		return
	}
	conns := c.crowd.hosts[c.host]
	conns.Remove(c.place)
	c.place = nil
	if conns.Len() == 0 {
		delete(c.crowd.hosts, c.host)
	}
	c.crowd.total--
	if c.wider.IsValid() {
		if c.crowd.wider[c.wider]--; c.crowd.wider[c.wider] == 0 {
			delete(c.crowd.wider, c.wider)
		}
	}
}

// CarriesSession says whether the connection carries a live session now; see [handlers.SessionConn].
func (c *limitedConn) CarriesSession(yes bool) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if yes {
		c.leave()
	} else if c.place == nil && !c.closed {
		c.enter()
	}
}

// Close gives the place back, too.
func (c *limitedConn) Close() error {
	c.limiter.mu.Lock()
	c.closed = true
	c.leave()
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

func peerOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return agent.Unmap(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}
