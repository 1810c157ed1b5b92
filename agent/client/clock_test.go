package client

import (
	"sync"
	"testing"
	"time"
)

// manualClock is a clock that a test moves, from one timer to the next.
type manualClock struct {
	t       *testing.T
	timers  chan manualTimer
	skipped []manualTimer // by fire, the oldest first
	mu      sync.Mutex    // guards now
	now     time.Time
}

type manualTimer struct {
	d     time.Duration
	fires chan time.Time
}

func newManualClock(t *testing.T) *manualClock {
	return &manualClock{t: t, timers: make(chan manualTimer, 4096), now: time.Unix(1e9, 0)}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	timer := manualTimer{d, make(chan time.Time, 1)}
	c.timers <- timer
	return timer.fires, func() {}
}

// fire fires the next timer whose duration is not in except, and returns its duration.
func (c *manualClock) fire(except ...time.Duration) time.Duration {
	c.t.Helper()
	for {
		select {
		case timer := <-c.timers:
			if isOneOf(timer.d, except) {
				c.skipped = append(c.skipped, timer)
				continue
			}
			c.mu.Lock()
			c.now = c.now.Add(timer.d)
			c.mu.Unlock()
			timer.fires <- c.Now()
			return timer.d
		case <-time.After(testTimeout):
			c.t.Fatal("no timer was started")
		}
	}
}

// fireSkipped fires the last timer of duration d that fire has skipped.
func (c *manualClock) fireSkipped(d time.Duration) {
	c.t.Helper()
	for i := len(c.skipped) - 1; i >= 0; i-- {
		if c.skipped[i].d == d {
			c.skipped[i].fires <- c.Now()
			return
		}
	}
	c.t.Fatalf("no timer of %v was skipped", d)
}

// advance moves the clock and fires no timer.
func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// sessionTimers are the durations of the timers that run in every session. Tests of other timers pass them to fire as except.
var sessionTimers = []time.Duration{loginTimeout, silenceTimeout}

func isOneOf(d time.Duration, list []time.Duration) bool {
	for _, other := range list {
		if d == other {
			return true
		}
	}
	return false
}
