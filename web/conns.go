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

// connLimits are the limits of the connections to one kind of listener. A connection counts from accept on, and does not
// count while it carries a live session.
type connLimits struct {
	host    int // from one address outside; IPv6 by /64
	site    int // from one IPv6 /56 outside
	outside int // from outside together
	lan     int // from the LAN and the tunnel together
}

// connBudget divides the descriptors of the process, so that strangers cannot use up those of the LAN, of live sessions, or
// the reserve.
type connBudget struct {
	portal, http, agent connLimits
	sessions            int // connections of agents with a live session
	reserve             int // for the database, netlink, the tunnel and files
}

// budgetFor divides a number of descriptors.
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

// descriptorLimit is how many files and connections this process may have open.
func descriptorLimit() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil
}

// connLimiter keeps the connections to one kind of listener within their limits.
//
// When a limit is reached, a new connection takes the place of an old one: the oldest of the host that has the most, or the
// oldest of its own host where none has more. So a flood displaces itself. A new host is refused only when every other host
// has a single connection.
type connLimiter struct {
	limits  connLimits
	isLocal func(peer, local netip.Addr) bool // whether a peer is in the LAN or the tunnel
	unread  int64                             // the first value of limitedConn.unread

	mu      sync.Mutex // guards the groups, and elem and closed of every limitedConn
	outside connGroup
	lan     connGroup
}

// connGroup holds connections that count together.
type connGroup struct {
	total int
	hosts map[netip.Prefix]*list.List // of *limitedConn, the oldest first; by agent.HostNetwork
	sites map[netip.Prefix]int        // by agent.SiteNetwork
}

func newConnLimiter(limits connLimits, overTLS bool, isLocal func(peer, local netip.Addr) bool) *connLimiter {
	empty := func() connGroup {
		return connGroup{hosts: map[netip.Prefix]*list.List{}, sites: map[netip.Prefix]int{}}
	}
	l := &connLimiter{limits: limits, isLocal: isLocal, unread: maxRequest, outside: empty(), lan: empty()}
	if overTLS {
		l.unread = maxHello
	}
	return l
}

// listen returns a listener that keeps the limits.
func (l *connLimiter) listen(under net.Listener) net.Listener { return &limitedListener{under, l} }

type limitedListener struct {
	net.Listener
	limiter *connLimiter
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

// limitedConn is a connection that counts against the limits of its listener.
type limitedConn struct {
	net.Conn
	limiter *connLimiter
	group   *connGroup
	host    netip.Prefix
	site    netip.Prefix  // invalid for IPv4 and in the LAN
	elem    *list.Element // in group.hosts[host]; nil while the connection does not count
	closed  bool
	unread  atomic.Int64 // bytes that may still be read before the first request; negative means no limit
}

// admit counts a connection, and closes the one whose place it takes. It reports false when there is no place.
func (l *connLimiter) admit(conn net.Conn) (*limitedConn, bool) {
	addr := peerOf(conn)
	peer := agent.Peer{Addr: addr, Inside: l.isLocal(addr, addrOf(conn.LocalAddr()))}
	c := &limitedConn{Conn: conn, limiter: l, group: &l.outside, host: peer.Host(), site: peer.Site()}
	c.unread.Store(l.unread)
	if peer.Inside {
		c.group = &l.lan
	}
	l.mu.Lock()
	victim, ok := l.makeRoom(c)
	if ok {
		c.count()
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	return c, ok
}

// makeRoom returns the connection to close so that c fits, which no longer counts; nil when none has to be closed. It
// reports false when c is refused. The caller holds mu.
func (l *connLimiter) makeRoom(c *limitedConn) (victim *limitedConn, ok bool) {
	g, own, most := c.group, c.group.hosts[c.host], l.limits.lan
	if g == &l.outside {
		most = l.limits.outside
		if own != nil && own.Len() >= l.limits.host {
			return displace(own), true
		}
		if c.site.IsValid() && g.sites[c.site] >= l.limits.site {
			return g.displaceFor(own, c.site)
		}
	}
	if g.total < most {
		return nil, true
	}
	return g.displaceFor(own, netip.Prefix{})
}

// displaceFor chooses the connection that makes room for a new one of the host own (nil: a host without connections), among
// the hosts of a site, or among all where site is invalid.
func (g *connGroup) displaceFor(own *list.List, site netip.Prefix) (victim *limitedConn, ok bool) {
	busiest := own
	for host, conns := range g.hosts {
		if site.IsValid() && !site.Contains(host.Addr()) {
			continue
		}
		if busiest == nil || conns.Len() > busiest.Len() {
			busiest = conns
		}
	}
	if busiest == nil || own == nil && busiest.Len() == 1 {
		return nil, false
	}
	return displace(busiest), true
}

// displace stops counting the oldest connection of a host and returns it.
func displace(conns *list.List) *limitedConn {
	victim := conns.Front().Value.(*limitedConn)
	victim.uncount()
	return victim
}

// count counts c. The caller holds limiter.mu.
func (c *limitedConn) count() {
	conns := c.group.hosts[c.host]
	if conns == nil {
		conns = list.New()
		c.group.hosts[c.host] = conns
	}
	c.elem = conns.PushBack(c)
	c.group.total++
	if c.site.IsValid() {
		c.group.sites[c.site]++
	}
}

// uncount stops counting c. The caller holds limiter.mu.
func (c *limitedConn) uncount() {
	if c.elem == nil {
		return
	}
	conns := c.group.hosts[c.host]
	conns.Remove(c.elem)
	c.elem = nil
	if conns.Len() == 0 {
		delete(c.group.hosts, c.host)
	}
	c.group.total--
	if c.site.IsValid() {
		if c.group.sites[c.site]--; c.group.sites[c.site] == 0 {
			delete(c.group.sites, c.site)
		}
	}
}

// CarriesSession says whether the connection carries a live session now; see [handlers.SessionConn]. When a session ends,
// its connection counts again, even above the limit: it is open already.
func (c *limitedConn) CarriesSession(yes bool) {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	if yes {
		c.uncount()
	} else if c.elem == nil && !c.closed {
		c.count()
	}
}

// Close also stops counting the connection.
func (c *limitedConn) Close() error {
	c.limiter.mu.Lock()
	c.closed = true
	c.uncount()
	c.limiter.mu.Unlock()
	return c.Conn.Close()
}

// How many bytes a connection may send before the header of its first request is complete. crypto/tls alone would keep 64
// KiB of an unfinished handshake.
const (
	maxHello   = 8 << 10                // up to the end of the ClientHello
	maxRequest = 8<<10 + maxHeaderBytes // after it; net/http adds 4 KiB to maxHeaderBytes
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

// onClientHello is for tls.Config.GetConfigForClient, which is called when the ClientHello is complete.
func onClientHello(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, ok := hello.Conn.(*limitedConn); ok {
		c.unread.Add(maxRequest)
	}
	return nil, nil
}

// onConnState is for http.Server.ConnState: a connection becomes active when the header of its first request is complete.
func onConnState(conn net.Conn, state http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(*limitedConn); ok && state == http.StateActive {
		c.unread.Store(-1)
	}
}

func peerOf(conn net.Conn) netip.Addr { return addrOf(conn.RemoteAddr()) }

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return agent.Unmap(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}
