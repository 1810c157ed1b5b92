package session

import (
	"context"

	"ideco-agent/agent/client"
)

// job is one call of client.Run or client.Probe.
type job struct {
	login          bool
	stop           context.CancelFunc
	statuses       chan client.Status
	result         chan client.Result         // holds one
	extend         chan string                // holds one
	change         chan client.PasswordChange // holds one
	networkChanged chan struct{}              // holds one
}

func start(login bool, cfg client.Config, do func(context.Context, client.Config) client.Result) *job {
	ctx, stop := context.WithCancel(context.Background())
	j := &job{login: login, stop: stop, statuses: make(chan client.Status), result: make(chan client.Result, 1),
		extend: make(chan string, 1), change: make(chan client.PasswordChange, 1), networkChanged: make(chan struct{}, 1)}
	cfg.Events = func(s client.Status, _ *client.Notice) { j.statuses <- s } // the manager reads statuses until the job has ended
	cfg.Extend, cfg.ChangePassword, cfg.NetworkChanged = j.extend, j.change, j.networkChanged
	go func() {
		defer stop()
		j.result <- do(ctx, cfg)
	}()
	return j
}

// requestExtension passes a request on; it is dropped when the last one was not read yet.
func (j *job) requestExtension(password string) {
	select {
	case j.extend <- password:
	default:
	}
}

// requestChange passes a request on, see requestExtension.
func (j *job) requestChange(c client.PasswordChange) {
	select {
	case j.change <- c:
	default:
	}
}

func (j *job) signalNetworkChanged() {
	select {
	case j.networkChanged <- struct{}{}:
	default:
	}
}
