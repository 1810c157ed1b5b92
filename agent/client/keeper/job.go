package keeper

import (
	"context"

	"ideco-agent/agent/client"
)

// job is one call of client.Run or client.Probe.
type job struct {
	login  bool
	stop   context.CancelFunc
	events chan client.Event
	over   chan client.Result
	extend chan string   // holds one
	nudge  chan struct{} // holds one
}

func start(login bool, cfg client.Config, do func(context.Context, client.Config) client.Result) *job {
	ctx, stop := context.WithCancel(context.Background())
	j := &job{login: login, stop: stop, events: make(chan client.Event), over: make(chan client.Result, 1),
		extend: make(chan string, 1), nudge: make(chan struct{}, 1)}
	cfg.Events = func(e client.Event) { j.events <- e } // which the keeper reads until the job is over
	cfg.Extend, cfg.Nudge = j.extend, j.nudge
	go func() {
		defer stop()
		j.over <- do(ctx, cfg)
	}()
	return j
}

// tellExtend leaves out a wish that comes before the last one was read.
func (j *job) tellExtend(password string) {
	select {
	case j.extend <- password:
	default:
	}
}

func (j *job) tellNudge() {
	select {
	case j.nudge <- struct{}{}:
	default:
	}
}
