package client

import (
	"context"
	"time"
)

// pingTimeout is the limit for the answer to a ping after the network has changed.
const pingTimeout = 5 * time.Second

// ping is a WebSocket ping that tests a connection. It needs only a clock to start.
type ping struct {
	clock    Clock
	late     <-chan time.Time // nil = no ping runs
	answered <-chan struct{}  // closed by the gateway's answer
	stop     func()
}

// begin sends a ping, unless one runs.
func (p *ping) begin(l *link) {
	if p.late != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	late, stopTimer := p.clock.Timer(pingTimeout)
	answered := make(chan struct{})
	go func() {
		if l.ws.Ping(ctx) == nil {
			close(answered)
		}
	}()
	p.late, p.answered = late, answered
	p.stop = func() { cancel(); stopTimer() }
}

// end cancels the ping. It may be called at any time.
func (p *ping) end() {
	if p.late != nil {
		p.stop()
		p.late, p.answered = nil, nil
	}
}
