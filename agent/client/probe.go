package client

import (
	"context"
	"time"
)

// probeTimeout is how long the gateway may take to answer after the network has changed.
const probeTimeout = 5 * time.Second

// probe is a ping of the agent's own on a connection that may have died. The zero value but for the clock is one that
// is not under way.
type probe struct {
	clock    Clock
	late     <-chan time.Time // nil = no probe is under way
	answered <-chan struct{}  // closed by the gateway's answer
	stop     func()
}

// begin asks whether the gateway is still there, unless that is going on.
func (p *probe) begin(l *link) {
	if p.late != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	late, stopTimer := p.clock.Timer(probeTimeout)
	answered := make(chan struct{})
	go func() {
		if l.ws.Ping(ctx) == nil {
			close(answered)
		}
	}()
	p.late, p.answered = late, answered
	p.stop = func() { cancel(); stopTimer() }
}

// end may be called at any time.
func (p *probe) end() {
	if p.late != nil {
		p.stop()
		p.late, p.answered = nil, nil
	}
}
