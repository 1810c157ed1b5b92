package web

import (
	"context"
	"net"
	"slices"
	"sync"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
)

// livePart is a part of the gateway that answers unless it is stuck.
type livePart struct {
	name string
	ask  func(context.Context) // returns when the part has answered; may also return when ctx is done
	busy chan struct{}         // has one element while ask runs
}

func newLivePart(name string, ask func(context.Context)) *livePart {
	return &livePart{name, ask, make(chan struct{}, 1)}
}

// answers reports whether the part answers before ctx is done. It asks once at a time, so that a part that is stuck holds one
// goroutine.
func (p *livePart) answers(ctx context.Context) bool {
	select {
	case p.busy <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	done := make(chan struct{})
	go func() {
		p.ask(ctx)
		<-p.busy
		close(done)
	}()
	select {
	case <-done:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// liveness finds parts that are stuck. A part that answers with an error is not: a restart would not help it.
type liveness []*livePart

func newLiveness(db *store.Store, manager *access.Manager, fw *firewallController, servers []*server) liveness {
	all := liveness{
		newLivePart(agent.LiveDatabase, func(ctx context.Context) { _ = db.TryWriting(ctx) }),
		newLivePart(agent.LiveSessions, func(context.Context) { manager.Counts() }),
		newLivePart(agent.LiveFirewall, func(ctx context.Context) { _ = fw.Answers(ctx) }),
	}
	for _, s := range servers {
		if l, ok := s.listener.(*limitedListener); ok && s.part != "" {
			all = append(all, newLivePart(l.Addr().String(), l.proveAccepting))
		}
	}
	return all
}

// stuck returns the names of the parts that do not answer before ctx is done.
func (l liveness) stuck(ctx context.Context) (names []string) {
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, part := range l {
		asked.Go(func() {
			if !part.answers(ctx) {
				mu.Lock()
				defer mu.Unlock()
				names = append(names, part.name)
			}
		})
	}
	asked.Wait()
	slices.Sort(names)
	return names
}

// dialable returns the address at which this process reaches the listener.
func (l *limitedListener) dialable() string {
	at := *l.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() { // IPv6 takes IPv4 too
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	return at.String()
}

// proveAccepting connects to the listener and waits until a connection is accepted.
func (l *limitedListener) proveAccepting(ctx context.Context) {
	select {
	case <-l.accepted: // before
	default:
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.dialable())
	if err != nil {
		<-ctx.Done() // no answer
		return
	}
	defer conn.Close()
	select {
	case <-l.accepted:
	case <-ctx.Done():
	}
}
