package handlers

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent/protocol"
)

// SessionConn is a connection that counts against the limits of its listener unless it carries a live session.
type SessionConn interface {
	CarriesSession(bool)
	Interface() int // see agent.Peer
}

type sessionConnKey struct{}

// ConnContext is for http.Server: handlers find the SessionConn of a request's connection, perhaps under TLS, in its context.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(SessionConn); ok {
		return context.WithValue(ctx, sessionConnKey{}, c)
	}
	return ctx
}

// interfaceOf is agent.Peer.Interface of a request's connection.
func interfaceOf(ctx context.Context) int {
	if c, ok := ctx.Value(sessionConnKey{}).(SessionConn); ok {
		return c.Interface()
	}
	return 0
}

// guestTimeout is how long a message of an agent without a session may take.
func (s *Site) guestTimeout() time.Duration {
	return cmp.Or(s.guestTimeoutInTests, protocol.GuestTimeout)
}

// agentConns are the connections of agents. The zero value is ready.
type agentConns struct {
	conns    sync.WaitGroup // reading goroutines
	messages sync.WaitGroup // messages under way beside them

	mu     sync.Mutex // guards the fields below
	open   map[*agentConn]struct{}
	closed bool
}

// enter registers a connection, unless max are open. The caller must call leave.
func (a *agentConns) enter(c *agentConn, max int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.open) >= max {
		return false
	}
	if a.open == nil {
		a.open = map[*agentConn]struct{}{}
	}
	a.open[c] = struct{}{}
	a.conns.Add(1)
	return true
}

// begin sets the WebSocket of a registered connection. If stop has begun meanwhile, the WebSocket is closed at once.
func (a *agentConns) begin(c *agentConn, conn *websocket.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.conn = conn
	if a.closed {
		_ = conn.CloseNow()
	}
}

func (a *agentConns) leave(c *agentConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, c)
	a.conns.Done()
}

// run sends a message in a goroutine that stop waits for. After stop has begun to close connections nobody is left to
// be told anything.
func (a *agentConns) run(send func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.messages.Add(1)
	go func() {
		defer a.messages.Done()
		send()
	}()
}

// stop waits until the messages under way are out, closes the connections that are left, and waits until all is done.
// It gives up waiting when ctx is over; then everything is cut.
func (a *agentConns) stop(ctx context.Context) {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	waitFor(ctx, &a.messages)
	a.mu.Lock()
	for c := range a.open {
		if c.conn != nil {
			_ = c.conn.CloseNow()
		}
	}
	a.mu.Unlock()
	waitFor(ctx, &a.conns)
}

func waitFor(ctx context.Context, wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// StopAgents waits for pending messages to agents, then closes their connections. The Manager's Shutdown comes before it.
func (s *Site) StopAgents(ctx context.Context) { s.agents.stop(ctx) }
