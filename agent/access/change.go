package access

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// changeTimeout is the deadline of a change. Taking something back begins a new one, see renew. Changes run one after the
// other, so a disk that hangs must not delay the others for long.
const changeTimeout = 10 * time.Second

// change is a running change of the live sessions. Its methods need changeLock.
type change struct {
	*Manager
	base     context.Context // without the caller's cancellation: a begun change is finished or undone
	ctx      context.Context // base with a deadline
	cancel   context.CancelFunc
	now      time.Time      // in UTC and whole microseconds, as the store keeps it
	settings agent.Settings // at the beginning of the change
	notify   []func()       // messages to connections, sent when do has returned
	writes   []func()       // into the store, after that
}

// change runs do with changeLock. Then it tells the connections, and after that it writes the ends: nobody waits for the store
// to hear that access is gone. Errors: ctx.Err, before do was called; the error of do.
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
		for _, tell := range c.notify {
			tell()
		}
		for _, write := range c.writes {
			c.renew()
			write()
		}
		c.cancel()
		<-m.changeLock
	}()
	return do(c)
}

// renew restarts the deadline, so that taking something back does not fail because an earlier step was slow.
func (c *change) renew() {
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.base, changeTimeout)
}

// always runs a change that cannot fail. It waits for changeLock without a deadline.
func (m *Manager) always(do func(*change)) {
	_ = m.change(context.Background(), func(c *change) error {
		do(c)
		return nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
