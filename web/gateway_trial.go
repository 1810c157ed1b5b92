package web

import (
	"context"
	"log/slog"
	"time"

	"ideco-agent/agent"
)

// trial is the timer of a choice on the page «Шлюз». If the choice is not confirmed in time, the former one, which the
// settings contain, is restored.
type trial struct {
	changes chan time.Time // end of the current trial; zero without one. Buffers only the latest.
}

func newTrial() trial { return trial{changes: make(chan time.Time, 1)} }

// trialRetry is the delay after a failed attempt to restore the settings.
const trialRetry = 2 * time.Second

// watch sets the timer to the end of the trial in the settings. It must not be called concurrently.
func (t trial) watch(s agent.Settings) {
	select {
	case <-t.changes:
	default:
	}
	t.changes <- s.Trial.Until
}

// run calls end when a trial's time is over. It returns when ctx is done.
func (t trial) run(ctx context.Context, end func(ctx context.Context, until time.Time) error, log *slog.Logger) error {
	var (
		until time.Time
		due   <-chan time.Time
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-t.changes:
			if next.Equal(until) {
				continue
			}
			if until, due = next, nil; !until.IsZero() {
				due = time.After(min(time.Until(until), agent.TrialLength)) // the clock may have been set back
			}
		case <-due:
			if err := end(ctx, until); err != nil && ctx.Err() == nil {
				log.Error("cannot restore the gateway's former settings yet", "error", err)
				due = time.After(trialRetry)
				continue
			}
			until, due = time.Time{}, nil
		}
	}
}
