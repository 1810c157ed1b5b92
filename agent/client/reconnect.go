package client

import (
	"context"
	"time"
)

// reconnect reconnects after the connection was lost. It returns when there is access again, the gateway refuses for
// good or the person stops it. It tries as long as the gateway is unreachable.
func (c *client) reconnect(ctx context.Context, why *failure) (*link, *failure) {
	lost := c.clock.Now()
	if lost.Sub(c.authorizedAt) >= maxDelay { // only a connection that lasted resets the delay
		c.backoff.reset()
	}
	for {
		if why.err != nil {
			c.cfg.Log(why.err.Error())
		}
		c.startHold()
		c.show(Reconnecting, why.code, why.message)
		if !c.pause(ctx, why, lost) {
			return nil, c.stoppedByUser()
		}
		l, f := c.connect(ctx)
		if f == nil || f.outcome == StoppedByUser {
			return l, f
		}
		if f.outcome == Refused && f.retryAfter == 0 || f.outcome == EndedByGateway && !f.reconnects {
			f.outcome = EndedByGateway
			return nil, f
		}
		why = f
	}
}

// delay returns the delay that the gateway asks for, otherwise the backoff.
func (c *client) delay(why *failure, lost time.Time) time.Duration {
	if why.retryAfter > 0 {
		return why.retryAfter
	}
	return c.backoff.next(c.clock.Now().Sub(lost) < c.grace, c.jitter())
}

// pause waits for the next attempt and reports whether to make it; false = the person has stopped it. A change of the
// network ends the pause, unless the gateway has set the delay.
func (c *client) pause(ctx context.Context, why *failure, lost time.Time) bool {
	elapsed, stop := c.clock.Timer(c.delay(why, lost))
	defer stop()
	networkChanged := c.cfg.NetworkChanged
	if why.retryAfter > 0 {
		networkChanged = nil
	}
	select {
	case <-elapsed:
		return true
	case <-networkChanged:
		c.backoff.reset()
		return true
	case <-ctx.Done():
		return false
	}
}
