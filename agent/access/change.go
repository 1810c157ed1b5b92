package access

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// patience is how long one change may wait for store, firewall and tunnel together. Changes come one after the other,
// so a disk that hangs must not hold up the ends of other sessions for long.
const patience = 10 * time.Second

// change is a change of the live sessions that is being made. Its methods are those that need the turn.
type change struct {
	*Manager
	ctx      context.Context // outlives the caller's: what has begun is finished or undone
	now      time.Time       // in UTC and whole microseconds, as the store keeps it
	settings agent.Settings  // as they are now
	tell     []func()        // for the links, after the turn
}

// change waits for the turn and makes a change. Errors: ctx.Err before anything was done; what do returns.
func (m *Manager) change(ctx context.Context, do func(*change) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	c := &change{Manager: m, ctx: inner, now: now(), settings: m.settings()}
	defer func() {
		cancel()
		<-m.turn
		for _, tell := range c.tell {
			tell()
		}
	}()
	return do(c)
}

// always is change for what must happen and has no caller who could be told of a failure.
func (m *Manager) always(do func(*change)) {
	_ = m.change(context.Background(), func(c *change) error { // without a deadline only do could fail
		do(c)
		return nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
