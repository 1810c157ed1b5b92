package directory

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"ideco-agent/agent"
)

// errFull is the error of a caller that a full queue turns away.
var errFull = errors.New("the queue is full")

// queue lets a fixed number of callers work at the same time and a limited number wait. A host with many addresses cannot
// keep others out:
//
//   - Known devices and the gateway itself have priority: they go first and are never turned away for others.
//   - The LAN and strangers take turns. Within each, the network with the lowest load is next; among equals, the
//     caller that came first.
//   - When too many wait, a caller from the network with the highest load is turned away; among equals, the one that came
//     last. It may be the caller that has just come.
//   - Strangers never hold the last working place and never more than half of the waiting places.
//   - A caller that is marked as last begins after all others, and never in the last working place. It is not turned away.
//
// The states of a caller:
//
//	           turned away: errFull
//	          ↗
//	→ waiting → working → gone
//	          ↘ context done: gone
type queue struct {
	places int    // callers that may work at the same time
	room   int    // callers that may wait
	worked func() // is called after each work, unless it is nil

	mu         sync.Mutex // guards the fields below and load of every caller
	working    []*caller
	waiting    []*caller    // in the order in which they came; none of them may begin now
	lastOrigin agent.Origin // of the last caller without priority that began
}

// caller is a request for work in the queue.
type caller struct {
	origin   agent.Origin
	last     bool           // begins after all others
	networks []netip.Prefix // see agent.Peer.Networks
	load     [4]int         // of its networks, the widest first, the last one repeated; 0 with priority. Set by setLoads
	turn     chan error     // gets one value: nil when the caller may work, errFull when it is turned away
}

func newQueue(places, room int) *queue { return &queue{places: places, room: room} }

func newCaller(origin agent.Origin, peer agent.Peer) *caller {
	return &caller{origin: origin, networks: peer.Networks(), turn: make(chan error, 1)}
}

// do runs work when it is the caller's turn. Errors, after which work has not run: errFull, ctx.Err.
func (q *queue) do(ctx context.Context, c *caller, work func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.join(c)
	defer q.leave(c)
	select {
	case err := <-c.turn:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	work()
	if q.worked != nil {
		q.worked()
	}
	return nil
}

// join adds a caller. If too many wait then, it turns one of them away.
func (q *queue) join(c *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	q.admit()
	crowd := strangers(q.waiting)
	if len(crowd) <= q.room/2 {
		crowd = q.waiting
		if len(crowd) <= q.room {
			return
		}
	}
	q.setLoads()
	victim := crowd[0]
	for _, c := range crowd {
		if compareLoad(c, victim) >= 0 {
			victim = c
		}
	}
	q.waiting = without(q.waiting, victim)
	victim.turn <- errFull
}

// leave removes a caller, whether it waits, works or is not in the queue any more.
func (q *queue) leave(c *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.working = without(q.waiting, c), without(q.working, c)
	q.admit()
}

// admit gives the free places to waiting callers. It needs mu.
func (q *queue) admit() {
	for c := q.next(); c != nil; c = q.next() {
		q.waiting, q.working = without(q.waiting, c), append(q.working, c)
		if !c.hasPriority() {
			q.lastOrigin = c.origin
		}
		c.turn <- nil
	}
}

// next returns the caller that begins next; nil when none may begin. It needs mu.
func (q *queue) next() (next *caller) {
	q.setLoads()
	for _, c := range q.waiting {
		if q.mayBegin(c) && (next == nil || cmp.Or(q.rank(c)-q.rank(next), compareLoad(c, next)) < 0) {
			next = c
		}
	}
	return next
}

// mayBegin reports whether there is a place for a caller. It needs mu.
func (q *queue) mayBegin(c *caller) bool {
	if c.last && len(q.working) >= q.places-1 {
		return false
	}
	return len(q.working) < q.places && (c.origin != agent.OriginStranger || len(strangers(q.working)) < q.places-1)
}

// rank orders callers by origin; the lowest begins first. It needs mu.
func (q *queue) rank(c *caller) int {
	switch {
	case c.last:
		return 3
	case c.hasPriority():
		return 0
	case c.origin != q.lastOrigin:
		return 1
	}
	return 2
}

// setLoads sets the load of the waiting callers without priority. The load of a network is the number of callers from it,
// divided by its sharers and rounded up. It needs mu.
func (q *queue) setLoads() {
	type place struct {
		origin  agent.Origin
		network netip.Prefix
	}
	count := map[place]int{}
	for _, c := range slices.Concat(q.working, q.waiting) {
		for _, network := range c.networks {
			count[place{c.origin, network}]++
		}
	}
	for _, c := range q.waiting {
		for i := range c.load {
			if !c.hasPriority() {
				at := place{c.origin, c.networks[min(i, len(c.networks)-1)]}
				unit := sharers(at.network, at.origin)
				c.load[i] = (count[at] + unit - 1) / unit
			}
		}
	}
}

// sharers returns how many callers a network may have before its load exceeds that of a host with one caller. Many people
// share the /64 of a LAN, and the wide networks outside.
func sharers(network netip.Prefix, origin agent.Origin) int {
	switch bits := network.Bits(); {
	case network.Addr().Is4():
		return 1
	case bits == 64 && origin == agent.OriginLAN:
		return 8
	case bits == 32:
		return 4
	case bits == 48:
		return 2
	}
	return 1
}

func compareLoad(a, b *caller) int { return slices.Compare(a.load[:], b.load[:]) }

// hasPriority reports whether a caller goes first and is never turned away for others.
func (c *caller) hasPriority() bool {
	return c.origin == agent.OriginDevice || c.origin == agent.OriginLoopback
}

func strangers(list []*caller) []*caller {
	return slices.DeleteFunc(slices.Clone(list), func(c *caller) bool { return c.origin != agent.OriginStranger })
}

func without(list []*caller, gone *caller) []*caller {
	return slices.DeleteFunc(list, func(c *caller) bool { return c == gone })
}
