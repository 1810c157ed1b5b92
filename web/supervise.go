package web

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ideco-agent/agent/access"
	"ideco-agent/web/systemd"
)

// statusEvery is how often the status is sent when systemd has no watchdog.
const statusEvery = 30 * time.Second

// supervisor tells systemd how the gateway is.
type supervisor struct {
	systemd *systemd.Manager
	alive   liveness
	manager *access.Manager
	health  func(context.Context) error
	log     *slog.Logger

	mu        sync.Mutex // guards the fields below
	stuck     []string   // parts that did not answer the last time
	ready     bool       // systemd knows that the gateway runs
	reloading string     // why the last reload failed; empty = it did not
	unsent    error      // why the last message did not reach systemd
}

// run says that the gateway is ready when all parts answer, and from then on how it is. It keeps the watchdog quiet only while they do.
func (s *supervisor) run(ctx context.Context) error {
	if s.systemd == nil {
		return nil
	}
	every := statusEvery
	if watchdog := s.systemd.Watchdog(); watchdog > 0 {
		every = watchdog / 3
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.check(ctx, every)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// check asks all parts, tells the watchdog if all have answered in time, and sends the status.
func (s *supervisor) check(ctx context.Context, timeout time.Duration) {
	asking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stuck := s.alive.stuck(asking)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	before, first := s.stuck, !s.ready
	s.stuck, s.ready = stuck, s.ready || len(stuck) == 0
	s.mu.Unlock()
	switch {
	case len(stuck) == 0:
		if first {
			s.tell("READY=1")
		}
		s.tell("WATCHDOG=1")
		if len(before) > 0 {
			s.log.Info("all parts of the gateway answer again")
		}
	case !slices.Equal(stuck, before):
		s.log.Error("parts of the gateway do not answer; systemd starts it again if that lasts", "parts", stuck)
	}
	s.status(ctx)
}

// status sends the line that "systemctl status" shows.
func (s *supervisor) status(ctx context.Context) {
	s.mu.Lock()
	stuck, reloading := s.stuck, s.reloading
	s.mu.Unlock()
	var text string
	if len(stuck) > 0 {
		text = "Does not answer: " + strings.Join(stuck, ", ")
	} else {
		text = s.running(ctx)
	}
	if reloading != "" {
		text += "; the last reload failed: " + reloading
	}
	if ctx.Err() == nil {
		s.tell("STATUS=" + strings.ReplaceAll(text, "\n", "; "))
	}
}

func (s *supervisor) running(ctx context.Context) string {
	sessions := 0
	for _, n := range s.manager.Counts() {
		sessions += n
	}
	text := fmt.Sprintf("Running, sessions: %d", sessions)
	if err := s.health(ctx); err != nil {
		text += "; not healthy: " + err.Error()
	}
	return text
}

// reloadOn runs a reload for each signal until ctx is done.
func (s *supervisor) reloadOn(ctx context.Context, signals <-chan os.Signal, do func(context.Context) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			s.reload(ctx, do)
		}
	}
}

// reload runs a reload between the messages that systemd expects.
func (s *supervisor) reload(ctx context.Context, do func(context.Context) error) {
	s.logNew(s.systemd.Reloading())
	err := do(ctx)
	s.mu.Lock()
	s.reloading = ""
	if err != nil {
		s.reloading = err.Error()
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Error("the reload failed; what could not be read stays as it was", "event", "reload_failed", "error", err)
	} else {
		s.log.Info("certificates and log level were read again", "event", "reloaded")
	}
	s.status(ctx)
	s.tell("READY=1")
}

func (s *supervisor) tell(assignment string) {
	s.logNew(s.systemd.Notify(assignment))
}

// logNew logs an error of systemd, unless the last message had the same.
func (s *supervisor) logNew(err error) {
	s.mu.Lock()
	before := s.unsent
	s.unsent = err
	s.mu.Unlock()
	if isNewError(err, before) {
		s.log.Warn("systemd was not told how the gateway is", "error", err)
	}
}
