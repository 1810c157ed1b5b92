package client

import "time"

// Clock is time as the client sees it.
type Clock interface {
	Now() time.Time
	// Timer delivers once after d. The function gives the timer back; it may be called at any time.
	Timer(d time.Duration) (<-chan time.Time, func())
}

// SystemClock is the time of this computer.
var SystemClock Clock = systemClock{}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

// Timer never resets a timer: a stale tick would be delivered by Go 1.20 and not by newer ones.
func (systemClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
