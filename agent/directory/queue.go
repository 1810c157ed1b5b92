package directory

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// errFull says that the waiting room has no place left for a caller of this kind.
var errFull = errors.New("the queue is full")

// queue lets a fixed number of callers work at the same time and a bounded number wait, first come, first served.
// Strangers never hold the last place and never more than half of the waiting room, so that people on known devices
// and in the LAN get through a flood from outside.
//
//	            full: errFull
//	           ↗
//	newcomer → waiting → working → gone
//	           ↘ context done: gone
type queue struct {
	mu        sync.Mutex
	places    int // for work at the same time
	room      int // for waiting
	working   int
	strangers int       // of those working
	waiting   []*waiter // those who came first stand first; nobody here could begin now
}

type waiter struct {
	stranger bool
	begin    chan struct{} // closed when a place has been given to the waiter
}

func newQueue(places, room int) *queue { return &queue{places: places, room: room} }

// do runs work when it is the caller's turn. It returns errFull at once when there is no room to wait, and the
// context's error when the caller gave up; work has not run then.
func (q *queue) do(ctx context.Context, stranger bool, work func()) error {
	if err := q.enter(ctx, stranger); err != nil {
		return err
	}
	defer q.leave(stranger)
	work()
	return nil
}

func (q *queue) enter(ctx context.Context, stranger bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := q.join(stranger)
	if w == nil {
		return err
	}
	select {
	case <-w.begin:
		return nil
	case <-ctx.Done():
		q.giveUp(w)
		return ctx.Err()
	}
}

// join gives the newcomer a place to work (no waiter, no error), a place to wait, or errFull.
func (q *queue) join(stranger bool) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mayBegin(stranger) {
		q.count(stranger, 1)
		return nil, nil
	}
	if len(q.waiting) >= q.room || stranger && q.strangersWaiting() >= q.room/2 {
		return nil, errFull
	}
	w := &waiter{stranger: stranger, begin: make(chan struct{})}
	q.waiting = append(q.waiting, w)
	return w, nil
}

// leave gives a place back.
func (q *queue) leave(stranger bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count(stranger, -1)
	q.admit()
}

// giveUp takes a waiter out of the queue, or gives its place back when it was given one at the same moment.
func (q *queue) giveUp(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return
	}
	q.count(w.stranger, -1)
	q.admit()
}

// admit gives free places to those who wait, until nobody left could begin. The caller holds mu.
func (q *queue) admit() {
	for {
		i := slices.IndexFunc(q.waiting, func(w *waiter) bool { return q.mayBegin(w.stranger) })
		if i < 0 {
			return
		}
		w := q.waiting[i]
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.count(w.stranger, 1)
		close(w.begin)
	}
}

// mayBegin tells whether there is a free place. The caller holds mu.
func (q *queue) mayBegin(stranger bool) bool {
	return q.working < q.places && (!stranger || q.strangers < q.places-1)
}

// count notes that somebody began (1) or stopped (-1) to work. The caller holds mu.
func (q *queue) count(stranger bool, n int) {
	q.working += n
	if stranger {
		q.strangers += n
	}
}

// strangersWaiting counts. The caller holds mu.
func (q *queue) strangersWaiting() (n int) {
	for _, w := range q.waiting {
		if w.stranger {
			n++
		}
	}
	return n
}
