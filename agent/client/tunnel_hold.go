package client

import (
	"net"
	"strconv"
	"sync/atomic"
)

// hold keeps the tunnel of a lost connection as long as the gateway keeps the session, and takes it away then: what the
// tunnel swallows nobody answers, not even the DNS servers that know the way back to the gateway.
type hold struct {
	quit chan struct{} // closed by endHold
	done chan struct{} // closed when the goroutine has nothing more to do with the tunnel
	over atomic.Bool   // the tunnel was taken away
}

// startHold begins to wait for the end of the grace, unless that is going on or there is no tunnel.
func (c *client) startHold() {
	if c.working == nil || c.held != nil {
		return
	}
	h := &hold{quit: make(chan struct{}), done: make(chan struct{})}
	c.held = h
	graceOver, stop := c.clock.Timer(c.grace)
	go func() {
		defer close(h.done)
		defer stop()
		select {
		case <-graceOver:
			c.cfg.Tunnel.Down()
			h.over.Store(true)
		case <-h.quit:
		}
	}()
}

// endHold leaves the tunnel to its caller.
func (c *client) endHold() {
	if c.held == nil {
		return
	}
	close(c.held.quit)
	<-c.held.done
	c.held = nil
}

// reach is where to connect to. Names cannot be looked up while the DNS servers are behind a tunnel that waits for its
// session, so the agent goes where it was before.
func (c *client) reach() string {
	if c.held != nil && !c.held.over.Load() {
		return net.JoinHostPort(c.endpoint.Addr().String(), strconv.Itoa(int(c.cfg.Port)))
	}
	return c.hostPort()
}
