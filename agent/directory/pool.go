package directory

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	poolSize    = 8               // searches at a time, each with a connection
	bindSize    = 16              // binds of people at a time, each with a connection
	idleLimit   = 3 * time.Minute // an idle connection is closed after it; domain controllers do so after 15 minutes
	freshLimit  = 5 * time.Second // a connection that was idle longer is checked before its use
	checkLimit  = 400 * time.Millisecond
	searchLimit = 30 * time.Second
	bindLimit   = 10 * time.Second
)

// conn is a connection to a controller.
type conn struct {
	*ldap.Conn
	to     *controller
	raw    net.Conn     // below TLS. Closing it ends every request at once, while ldap.Conn.Close waits for a Write that hangs
	writes atomic.Int64 // calls of Write
	dead   atomic.Bool
	kill   context.CancelFunc // closes the connection and ends its requests
	killed context.Context
	pooled bool        // it has been in a pool
	since  time.Time   // of being idle
	expiry *time.Timer // closes it when idle
}

// newConn makes a conn of a TLS connection. It ends with up, when its controller is marked down.
func newConn(to *controller, raw, secure net.Conn, up context.Context) *conn {
	c := &conn{to: to, raw: raw}
	c.killed, c.kill = context.WithCancel(up)
	c.Conn = ldap.NewConn(&observedConn{secure, c}, true)
	c.SetTimeout(searchLimit)
	c.Start()
	context.AfterFunc(c.killed, func() {
		c.dead.Store(true)
		c.raw.Close()
	})
	return c
}

// usable reports whether a connection is not known to be closed.
func (c *conn) usable() bool { return !c.dead.Load() && c.killed.Err() == nil && !c.IsClosing() }

// observedConn counts the writes of a conn and records when its controller last sent bytes.
type observedConn struct {
	net.Conn
	of *conn
}

func (c *observedConn) Write(b []byte) (int, error) {
	c.of.writes.Add(1)
	n, err := c.Conn.Write(b)
	if err != nil {
		c.of.dead.Store(true)
	}
	return n, err
}

func (c *observedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.of.to.heard.Store(int64(time.Since(c.of.to.created)))
	}
	if err != nil {
		c.of.dead.Store(true)
	}
	return n, err
}

func (c *observedConn) Close() error {
	defer c.of.kill()
	return c.Conn.Close()
}

// answered reports whether an error is a result code from the server.
func answered(err error) bool {
	var e *ldap.Error
	return errors.As(err, &e) && (e.ResultCode < ldap.ErrorNetwork || e.ResultCode > ldap.ErrorEmptyPassword)
}

// pool holds idle connections. The servers' mu guards it. Its size needs no limit: poolSize and bindSize limit the use.
type pool []*conn

// keep puts a connection into a pool, or closes it.
func (s *servers) keep(p *pool, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.usable() || s.ctx.Err() != nil {
		c.kill()
		return
	}
	c.pooled, c.since = true, time.Now()
	*p = append(*p, c)
	c.expiry = time.AfterFunc(idleLimit, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(*p, c); i >= 0 && time.Since(c.since) >= idleLimit {
			*p = slices.Delete(*p, i, i+1)
			c.kill()
		}
	})
}

// takeIdle takes the connection to a controller that was used last out of a pool. It returns nil if there is none.
func (s *servers) takeIdle(p *pool, to *controller) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(*p) - 1; i >= 0; i-- {
		c := (*p)[i]
		if c.to != to && c.usable() {
			continue
		}
		c.expiry.Stop()
		*p = slices.Delete(*p, i, i+1)
		if c.usable() {
			return c
		}
		c.kill()
	}
	return nil
}

// drop closes the idle connections of a pool to a controller.
func (s *servers) drop(p *pool, to *controller) {
	for c := s.takeIdle(p, to); c != nil; c = s.takeIdle(p, to) {
		c.kill()
	}
}
