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

// errFull says that the waiting room has no place for a caller.
var errFull = errors.New("the queue is full")

// queue lets a fixed number of callers work at the same time and a limited number wait, so that a host with many
// addresses cannot keep others out:
//
//   - Known devices and the gateway itself go first and never give way.
//   - The LAN and strangers take turns. Within each, the network with the lowest load is next; among equals, the
//     caller that came first.
//   - When the waiting room is full, a caller from the network with the highest load gives way; among equals, the one that
//     came last. This may be the newcomer.
//   - Strangers never hold the last place and never more than half of the waiting room.
//
// A caller's way:
//
//	           gives way: errFull
//	          ↗
//	→ waiting → working → gone
//	          ↘ context done: gone
type queue struct {
	places int // for work at the same time
	room   int // for waiting

	mu         sync.Mutex // guards what follows, and load of every caller
	working    []*caller
	waiting    []*caller    // those who came first stand first; nobody here could begin now
	lastOrigin agent.Origin // which of the LAN and strangers began last
}

// caller is somebody in the queue.
type caller struct {
	origin   agent.Origin
	networks []netip.Prefix // see agent.Peer.Networks
	load     [4]int         // of each of networks, the widest first; the last one fills the rest. Set by weigh
	turn     chan error     // takes one value: nil when the caller may work, errFull when it gives way
}

func newQueue(places, room int) *queue { return &queue{places: places, room: room} }

func newCaller(origin agent.Origin, peer agent.Peer) *caller {
	return &caller{origin: origin, networks: peer.Networks(), turn: make(chan error, 1)}
}

// do runs work when it is the caller's turn. It returns errFull when there is no room to wait, and the context's error
// when the caller gave up; work has not run then.
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
	return nil
}

// join lets a newcomer work or wait. For each one too many, one of those waiting gives way.
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
	q.weigh()
	victim := crowd[0]
	for _, c := range crowd {
		if compareLoad(c, victim) >= 0 {
			victim = c
		}
	}
	q.waiting = without(q.waiting, victim)
	victim.turn <- errFull
}

// leave takes a caller out of the queue, wherever it is there.
func (q *queue) leave(c *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.working = without(q.waiting, c), without(q.working, c)
	q.admit()
}

// admit gives free places to those who wait, until nobody left could begin. The caller holds mu.
func (q *queue) admit() {
	for c := q.next(); c != nil; c = q.next() {
		q.waiting, q.working = without(q.waiting, c), append(q.working, c)
		if !c.hasPriority() {
			q.lastOrigin = c.origin
		}
		c.turn <- nil
	}
}

// next is the one who begins next; nil when nobody may begin. The caller holds mu.
func (q *queue) next() (next *caller) {
	q.weigh()
	for _, c := range q.waiting {
		if q.mayBegin(c) && (next == nil || cmp.Or(q.rank(c)-q.rank(next), compareLoad(c, next)) < 0) {
			next = c
		}
	}
	return next
}

// mayBegin tells whether there is a free place. The caller holds mu.
func (q *queue) mayBegin(c *caller) bool {
	return len(q.working) < q.places && (c.origin != agent.OriginStranger || len(strangers(q.working)) < q.places-1)
}

// rank is lower for whoever comes sooner by origin. The caller holds mu.
func (q *queue) rank(c *caller) int {
	switch {
	case c.hasPriority():
		return 0
	case c.origin != q.lastOrigin:
		return 1
	}
	return 2
}

// weigh sets the load of those who wait. The load of a network is the number of callers from it, divided by people
// and rounded up.
// It is zero for those who go first. The caller holds mu.
func (q *queue) weigh() {
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
				unit := people(at.network, at.origin)
				c.load[i] = (count[at] + unit - 1) / unit
			}
		}
	}
}

// people is how many callers a network may have before its load exceeds that of a host with one caller. Many people share the
// /64 of a LAN, and the wide networks outside.
func people(network netip.Prefix, origin agent.Origin) int {
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

// hasPriority tells whether a caller goes first and never gives way.
func (c *caller) hasPriority() bool {
	return c.origin == agent.OriginDevice || c.origin == agent.OriginLoopback
}

func strangers(list []*caller) []*caller {
	return slices.DeleteFunc(slices.Clone(list), func(c *caller) bool { return c.origin != agent.OriginStranger })
}

func without(list []*caller, gone *caller) []*caller {
	return slices.DeleteFunc(list, func(c *caller) bool { return c == gone })
}
