package client

import (
	"sync"
	"testing"
	"time"
)

// handClock is a clock that a test moves by hand, from one timer to the next.
type handClock struct {
	t      *testing.T
	timers chan handTimer
	passed []handTimer // those that fire left out, oldest first
	mu     sync.Mutex  // guards now
	now    time.Time
}

type handTimer struct {
	d     time.Duration
	fires chan time.Time
}

func newHandClock(t *testing.T) *handClock {
	return &handClock{t: t, timers: make(chan handTimer, 4096), now: time.Unix(1e9, 0)}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	timer := handTimer{d, make(chan time.Time, 1)}
	c.timers <- timer
	return timer.fires, func() {}
}

// fire lets the next timer go off that is about something else than those in but. It returns what it was set to.
func (c *handClock) fire(but ...time.Duration) time.Duration {
	c.t.Helper()
	for {
		select {
		case timer := <-c.timers:
			if isOneOf(timer.d, but) {
				c.passed = append(c.passed, timer)
				continue
			}
			c.mu.Lock()
			c.now = c.now.Add(timer.d)
			c.mu.Unlock()
			timer.fires <- c.Now()
			return timer.d
		case <-time.After(patience):
			c.t.Fatal("nobody waits for the clock")
		}
	}
}

// fireLate lets the last timer go off that was set to d and that fire left out.
func (c *handClock) fireLate(d time.Duration) {
	c.t.Helper()
	for i := len(c.passed) - 1; i >= 0; i-- {
		if c.passed[i].d == d {
			c.passed[i].fires <- c.Now()
			return
		}
	}
	c.t.Fatalf("nobody waits %v", d)
}

// pass moves the clock without any timer.
func (c *handClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// timeouts are the timers of a session that are not pauses between attempts.
var timeouts = []time.Duration{loginTimeout, silenceTimeout}

func isOneOf(d time.Duration, list []time.Duration) bool {
	for _, other := range list {
		if d == other {
			return true
		}
	}
	return false
}
