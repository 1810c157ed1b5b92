package web

import (
	"context"
	"errors"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// ErrRestart is the error of Serve when the gateway has stopped in order and must be started again, with the data of a backup.
var ErrRestart = errors.New("the gateway restarts with restored data")

// restart stops the gateway for a restore.
type restart struct {
	sessions *access.Manager
	begun    chan bool
}

func newRestart(sessions *access.Manager) *restart { return &restart{sessions, make(chan bool, 1)} }

// begin ends all sessions and makes wait return.
func (r *restart) begin() {
	for _, live := range r.sessions.Sessions() {
		_ = r.sessions.End(context.Background(), live.ID, agent.ReasonAdmin) // ErrNotFound if it has just ended
	}
	select {
	case r.begun <- true:
	default: // begun already
	}
}

// wait returns ErrRestart after begin, and nil when ctx is done.
func (r *restart) wait(ctx context.Context) error {
	select {
	case <-r.begun:
		return ErrRestart
	case <-ctx.Done():
		return nil
	}
}
