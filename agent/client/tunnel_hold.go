package client

import (
	"net"
	"strconv"
	"sync/atomic"
)

// tunnelHold keeps the tunnel of a lost connection up for the gateway's grace period and then takes it down: without a
// session the tunnel drops all packets, even those to the DNS servers needed to find the gateway.
type tunnelHold struct {
	quit chan struct{} // closed by endHold
	done chan struct{} // closed when the goroutine no longer uses the tunnel
	over atomic.Bool   // the tunnel was taken down
}

// startHold starts a hold, unless one runs or there is no tunnel.
func (c *client) startHold() {
	if c.tunnelWorks == nil || c.hold != nil {
		return
	}
	h := &tunnelHold{quit: make(chan struct{}), done: make(chan struct{})}
	c.hold = h
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

// endHold stops the hold. After that only the caller uses the tunnel.
func (c *client) endHold() {
	if c.hold == nil {
		return
	}
	close(c.hold.quit)
	<-c.hold.done
	c.hold = nil
}

// dialTarget returns host and port to connect to. While the tunnel is held its DNS servers do not answer, so it returns
// the address used before.
func (c *client) dialTarget() string {
	if c.hold != nil && !c.hold.over.Load() {
		return net.JoinHostPort(c.endpoint.Addr().String(), strconv.Itoa(int(c.cfg.Port)))
	}
	return c.hostPort()
}
