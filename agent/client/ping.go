package client

import (
	"context"
	"time"
)

// pingTimeout is how long the gateway may take to answer after the network has changed.
const pingTimeout = 5 * time.Second

// ping is a WebSocket ping on a connection that may have died. With a clock alone none is under way.
type ping struct {
	clock    Clock
	late     <-chan time.Time // nil = no ping is under way
	answered <-chan struct{}  // closed by the gateway's answer
	stop     func()
}

// begin asks whether the gateway is still there, unless that is going on.
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

// end may be called at any time.
func (p *ping) end() {
	if p.late != nil {
		p.stop()
		p.late, p.answered = nil, nil
	}
}
