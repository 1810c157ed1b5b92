package client

import "sync/atomic"

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

// targets returns what to connect to, in this order. While the tunnel is held its DNS servers do not answer, so that is only the
// address used before.
func (c *client) targets() (list []target) {
	if c.hold != nil && !c.hold.over.Load() {
		return []target{{c.host, hostPort(c.endpoint.Addr().String(), c.cfg.Port)}}
	}
	for _, host := range c.hosts() {
		list = append(list, target{host, hostPort(host, c.cfg.Port)})
	}
	return list
}
