package client

import "time"

// Delays before the agent reconnects.
const (
	firstDelay     = 500 * time.Millisecond
	maxDelay       = 30 * time.Second
	graceDelay     = 3 * time.Second  // while the gateway still keeps the session
	tunnelDelay    = 20 * time.Second // after the tunnel failed to come up
	maxGatewayTime = 24 * time.Hour   // limit of a duration that the gateway sends
)

// backoff doubles the delay from one attempt to the next.
type backoff struct{ attempts uint }

// next returns the delay before the next attempt. jitter in [0, 1) spreads it by ±20 %, so that the agents of a
// restarted gateway do not all reconnect at once.
func (b *backoff) next(inGrace bool, jitter float64) time.Duration {
	d := maxDelay
	if b.attempts < 6 { // 0.5 s · 2⁶ is over the limit
		d = firstDelay << b.attempts
	}
	b.attempts++
	d = time.Duration(float64(d) * (0.8 + 0.4*jitter))
	if inGrace && d > graceDelay {
		return graceDelay
	}
	return d
}

func (b *backoff) reset() { b.attempts = 0 }
