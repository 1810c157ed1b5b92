package access

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// patience is how long a change may wait for store, firewall and tunnel to give something, and again for each of them
// to take something back. Changes come one after the other, so a disk that hangs must not hold up the others for long.
const changeTimeout = 10 * time.Second

// change is a change of the live sessions that is being made. Its methods are those that need the turn.
type change struct {
	*Manager
	base     context.Context // outlives the caller's: what has begun is finished or undone
	ctx      context.Context // base with a deadline
	cancel   context.CancelFunc
	now      time.Time      // in UTC and whole microseconds, as the store keeps it
	settings agent.Settings // as they are now
	notify   []func()       // for the connections, after the turn
}

// change waits for the turn and makes a change. Errors: ctx.Err before anything was done; what do returns.
func (m *Manager) change(ctx context.Context, do func(*change) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case m.changeLock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	c := &change{Manager: m, base: context.WithoutCancel(ctx), cancel: func() {}, now: now(), settings: m.settings()}
	c.renew()
	defer func() {
		c.cancel()
		<-m.changeLock
		for _, tell := range c.notify {
			tell()
		}
	}()
	return do(c)
}

// renew starts the deadline anew: what is taken back must not fail because of what was slow before.
func (c *change) renew() {
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.base, changeTimeout)
}

// always is change for what must happen and has no caller who could be told of a failure.
func (m *Manager) always(do func(*change)) {
	_ = m.change(context.Background(), func(c *change) error { // without a deadline only do could fail
		do(c)
		return nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
