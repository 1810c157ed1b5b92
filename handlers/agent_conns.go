package handlers

import (
	"cmp"
	"context"
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent/protocol"
)

// CountedConn is a connection that counts against its listener's limits while it carries no live session.
type CountedConn interface {
	CarriesSession(bool)
	Interface() string // see agent.Peer
	// Pin is the pin of the own root that the client got because it offered protocol.ALPNPinned; empty for other clients.
	Pin() string
}

// Keys of values in the context of a request.
type (
	countedConnKey struct{} // the CountedConn
	openedKey      struct{} // when its connection was accepted, a time.Time
)

// ConnContext is the ConnContext of an http.Server. It puts the CountedConn, also one under TLS, and the time into the context of
// each request.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	ctx = context.WithValue(ctx, openedKey{}, time.Now())
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(CountedConn); ok {
		return context.WithValue(ctx, countedConnKey{}, c)
	}
	return ctx
}

// interfaceOf returns agent.Peer.Interface of the request's connection; empty if unknown.
func interfaceOf(ctx context.Context) string {
	if c, ok := ctx.Value(countedConnKey{}).(CountedConn); ok {
		return c.Interface()
	}
	return ""
}

// guestTimeout limits the time of one message from an agent without a session.
func (s *Site) guestTimeout() time.Duration {
	return cmp.Or(s.guestTimeoutInTests, protocol.GuestTimeout)
}

// agentConns are the connections of agents. The zero value is ready.
type agentConns struct {
	conns    sync.WaitGroup // reading goroutines
	messages sync.WaitGroup // messages being sent by run

	mu     sync.Mutex // guards the fields below
	open   map[*agentConn]struct{}
	closed bool
}

// enter registers a connection, unless max are open or stop was called. The caller must call leave.
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

// begin sets the WebSocket of a registered connection. It closes it if stop was called meanwhile.
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

// all returns the open connections.
func (a *agentConns) all() []*agentConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.open))
}

// run calls send in a goroutine that stop waits for. After stop it does nothing.
func (a *agentConns) run(send func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.messages.Go(func() {
		send()
	})
}

// stop waits for pending messages, closes all connections and waits for their goroutines. It stops waiting when ctx is done.
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

// StopAgents waits for pending messages to agents and closes their connections. Call the Manager's Shutdown first.
func (s *Site) StopAgents(ctx context.Context) { s.agents.stop(ctx) }
