package handlers

import (
	"context"
	"net/netip"
	"sync"

	"github.com/coder/websocket"
)

// How many connections of agents there may be: in all, which is a little under the usual limit of open files, and
// without a session, where strangers wait, in all and from one address (IPv6 by /64, which one host has for itself). NAT
// puts a whole office behind one address, and after a restart all of it comes back at once. Guests from the local
// networks have places of their own, so that strangers cannot keep them out.
const (
	maxAgents        = 19_000
	maxGuests        = 8_000
	maxGuestsAddress = 1_000
)

// agentConns are the connections of agents. The zero value is ready.
type agentConns struct {
	conns    sync.WaitGroup // reading goroutines
	messages sync.WaitGroup // messages under way beside them

	mu     sync.Mutex // guards the fields below and agentConn.guest
	guests map[netip.Prefix]int
	waits  map[bool]int // sum of guests, by whether they are in the LAN
	open   map[*agentConn]struct{}
	closed bool
}

// enter takes a place for a connection without a session. The caller owes leave.
func (a *agentConns) enter(c *agentConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.open) >= maxAgents || a.waits[c.peer.Inside] >= maxGuests || a.guests[host(c.peer.Addr)] >= maxGuestsAddress {
		return false
	}
	if a.open == nil {
		a.guests, a.waits, a.open = map[netip.Prefix]int{}, map[bool]int{}, map[*agentConn]struct{}{}
	}
	c.guest = true
	a.waits[c.peer.Inside]++
	a.guests[host(c.peer.Addr)]++
	a.open[c] = struct{}{}
	a.conns.Add(1)
	return true
}

// begin gives a connection that has entered its socket. When stop has begun meanwhile it is closed at once.
func (a *agentConns) begin(c *agentConn, conn *websocket.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.conn = conn
	if a.closed {
		_ = conn.CloseNow()
	}
}

// admit says that a connection has got a session.
func (a *agentConns) admit(c *agentConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noGuest(c)
}

func (a *agentConns) leave(c *agentConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noGuest(c)
	delete(a.open, c)
	a.conns.Done()
}

func (a *agentConns) noGuest(c *agentConn) {
	if !c.guest {
		return
	}
	c.guest = false
	a.waits[c.peer.Inside]--
	at := host(c.peer.Addr)
	if a.guests[at]--; a.guests[at] == 0 {
		delete(a.guests, at)
	}
}

// host is the network that one host has for itself.
func host(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(a, 32)
	}
	p, _ := a.Prefix(64)
	return p
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

// StopAgents ends what agents are told and closes their connections. The Manager's Shutdown comes before it.
func (s *Site) StopAgents(ctx context.Context) { s.agents.stop(ctx) }
