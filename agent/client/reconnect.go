package client

import (
	"context"
	"time"
)

// comeBack tries to get access again after the connection was lost, until it has it, the gateway refuses for good or
// the person stops it. The gateway may be down or out of reach for as long as it likes.
func (c *client) comeBack(ctx context.Context, why *failure) (*link, *failure) {
	lost := c.clock.Now()
	if lost.Sub(c.entered) >= maxDelay { // a connection that keeps breaking does not start from the shortest delay
		c.backoff.reset()
	}
	for {
		if why.err != nil {
			c.cfg.Log(why.err.Error())
		}
		c.startHold()
		c.show(Reconnecting, why.code, why.message)
		if !c.pause(ctx, why, lost) {
			return nil, c.byUser()
		}
		l, f := c.enter(ctx)
		if f == nil || f.kind == ByUser {
			return l, f
		}
		if f.kind == Refused && f.wait == 0 || f.kind == ByGateway && !f.returns {
			f.kind = ByGateway
			return nil, f
		}
		why = f
	}
}

// delay is the gateway's word when it gave one, else the backoff.
func (c *client) delay(why *failure, lost time.Time) time.Duration {
	if why.wait > 0 {
		return why.wait
	}
	return c.backoff.next(c.clock.Now().Sub(lost) < c.grace, c.jitter())
}

// pause tells whether it is time to try again, or the person stopped it. A change of the network is a reason to try at
// once, unless the gateway has said when.
func (c *client) pause(ctx context.Context, why *failure, lost time.Time) bool {
	elapsed, stop := c.clock.Timer(c.delay(why, lost))
	defer stop()
	nudge := c.cfg.Nudge
	if why.wait > 0 {
		nudge = nil
	}
	select {
	case <-elapsed:
		return true
	case <-nudge:
		c.backoff.reset()
		return true
	case <-ctx.Done():
		return false
	}
}
