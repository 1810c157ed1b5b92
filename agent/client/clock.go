package client

import "time"

// Clock is replaced by tests.
type Clock interface {
	Now() time.Time
	// Timer sends once after d. The function stops the timer; it may be called at any time.
	Timer(d time.Duration) (<-chan time.Time, func())
}

// SystemClock is the computer's clock.
var SystemClock Clock = systemClock{}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// Timer makes a new timer each time: after a Reset, Go 1.20 can deliver a stale tick.
func (systemClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
