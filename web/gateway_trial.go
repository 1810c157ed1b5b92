package web

import (
	"context"
	"log/slog"
	"time"

	"ideco-agent/agent"
)

// trial is the clock of a choice on the page «Шлюз»: when nobody has confirmed it in time, it brings the former settings
// back, whatever became of the browser. What they are is kept in the settings.
type trial struct {
	changes chan time.Time // when the trial that runs ends; zero without one. Holds the latest alone.
}

func newTrial() trial { return trial{changes: make(chan time.Time, 1)} }

// trialRetry is when to try again what could not be stored.
const trialRetry = 2 * time.Second

// watch follows the settings that are in force now. Its caller sees to it that it is not called twice at once.
func (t trial) watch(s agent.Settings) {
	select {
	case <-t.changes:
	default:
	}
	t.changes <- s.Trial.Until
}

// run waits for trials to end and ends them, until ctx is over.
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
				due = time.After(min(time.Until(until), agent.TrialLength)) // also after the clock was put back
			}
		case <-due:
			if err := end(ctx, until); err != nil && ctx.Err() == nil {
				log.Error("the gateway's former settings do not come back yet", "error", err)
				due = time.After(trialRetry)
				continue
			}
			until, due = time.Time{}, nil
		}
	}
}
