package directory

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// crowd drives a queue inside a synctest bubble. Everybody in it works until told to stop.
type crowd struct {
	t     *testing.T
	queue *queue
	mu    sync.Mutex
	order string // who began, in order; guarded by mu
}

type person struct {
	name   string
	stop   chan struct{}
	cancel context.CancelFunc
	err    chan error
}

func newCrowd(t *testing.T, places, room int) *crowd {
	return &crowd{t: t, queue: newQueue(places, room)}
}

// come sends somebody into the queue and returns when that person works, waits or was sent away. Names of strangers
// are in upper case.
func (c *crowd) come(name string) *person {
	ctx, cancel := context.WithCancel(c.t.Context())
	p := &person{name, make(chan struct{}), cancel, make(chan error, 1)}
	go func() {
		p.err <- c.queue.do(ctx, 'A' <= name[0] && name[0] <= 'Z', func() {
			c.mu.Lock()
			c.order += name
			c.mu.Unlock()
			<-p.stop
		})
	}()
	synctest.Wait()
	return p
}

// finish lets somebody stop working.
func (c *crowd) finish(p *person) {
	c.t.Helper()
	close(p.stop)
	c.expect(p, nil)
}

// expect checks how somebody left.
func (c *crowd) expect(p *person, want error) {
	c.t.Helper()
	synctest.Wait()
	select {
	case err := <-p.err:
		if !errors.Is(err, want) {
			c.t.Errorf("%s left with %v, want %v", p.name, err, want)
		}
	default:
		c.t.Errorf("%s is still there", p.name)
	}
}

// began checks who has worked so far.
func (c *crowd) began(want string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.order != want {
		c.t.Errorf("began %q, want %q", c.order, want)
	}
}

func (c *crowd) empty() {
	c.t.Helper()
	if q := c.queue; q.working != 0 || q.strangers != 0 || len(q.waiting) != 0 {
		c.t.Errorf("left behind: %d working, %d strangers, %d waiting", q.working, q.strangers, len(q.waiting))
	}
}

func TestQueueFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 4)
		a, b, x, y := c.come("a"), c.come("b"), c.come("x"), c.come("y")
		c.began("ab")
		c.finish(b)
		c.began("abx")
		c.finish(a)
		c.began("abxy")
		c.finish(y)
		c.finish(x)
		c.empty()
	})
}

func TestQueueLeavesAPlaceFreeOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 4)
		a, b := c.come("A"), c.come("B")
		c.began("A")
		x := c.come("x") // passes the waiting stranger
		c.began("Ax")
		c.finish(x)
		c.began("Ax") // a place is free, but not for a second stranger
		c.finish(a)
		c.began("AxB")
		c.finish(b)
		c.empty()
	})
}

func TestQueueStrangersFillHalfTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 4)
		people := []*person{c.come("A"), c.come("B"), c.come("C")}
		c.expect(c.come("D"), errFull)
		for _, name := range []string{"v", "w", "x"} {
			people = append(people, c.come(name))
		}
		c.expect(c.come("y"), errFull) // now it is full for everybody
		c.began("Av")
		for _, p := range people {
			close(p.stop)
		}
		synctest.Wait()
		for _, p := range people {
			c.expect(p, nil)
		}
		c.empty()
	})
}

func TestQueueGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 4)
		a, b, x, y := c.come("a"), c.come("b"), c.come("x"), c.come("y")
		x.cancel()
		c.expect(x, context.Canceled)
		a.cancel() // too late: the work goes on
		c.finish(a)
		c.began("aby")
		c.finish(b)
		c.finish(y)
		c.empty()
	})
}

// A waiter that is given a place at the very moment it gives up must pass the place on.
func TestQueueGivingUpWithAPlace(t *testing.T) {
	q := newQueue(1, 2)
	first, _ := q.join(false)
	second, _ := q.join(false)
	third, _ := q.join(false)
	if first != nil || second == nil || third == nil {
		t.Fatal("want one to work and two to wait")
	}
	q.leave(false)
	q.giveUp(second)
	select {
	case <-third.begin:
	default:
		t.Error("the place was lost")
	}
}

func TestQueueRefusesTheDead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newQueue(2, 2).do(ctx, false, func() { t.Error("worked") })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestQueueSurvivesAPanic(t *testing.T) {
	q := newQueue(2, 2)
	func() {
		defer func() { _ = recover() }()
		_ = q.do(t.Context(), true, func() { panic("work failed") })
	}()
	if q.working != 0 || q.strangers != 0 {
		t.Errorf("left behind: %d working, %d strangers", q.working, q.strangers)
	}
}

// Whatever happens in whatever order, the limits hold and nobody waits who could work.
func TestQueueInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue(rapid.IntRange(2, 4).Draw(t, "places"), rapid.IntRange(0, 8).Draw(t, "room"))
		var working, waiting []*waiter
		settle := func() {
			for i := 0; i < len(waiting); {
				select {
				case <-waiting[i].begin:
					working = append(working, waiting[i])
					waiting = append(waiting[:i], waiting[i+1:]...)
				default:
					i++
				}
			}
		}
		take := func(list *[]*waiter) *waiter {
			i := rapid.IntRange(0, len(*list)-1).Draw(t, "who")
			w := (*list)[i]
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return w
		}
		t.Repeat(map[string]func(*rapid.T){
			"come": func(t *rapid.T) {
				stranger := rapid.Bool().Draw(t, "stranger")
				if w, err := q.join(stranger); w != nil {
					waiting = append(waiting, w)
				} else if err == nil {
					working = append(working, &waiter{stranger: stranger})
				}
			},
			"leave": func(t *rapid.T) {
				if len(working) > 0 {
					q.leave(take(&working).stranger)
				}
			},
			"give up": func(t *rapid.T) {
				if len(waiting) > 0 {
					q.giveUp(take(&waiting))
				}
			},
			"": func(t *rapid.T) {
				settle()
				checkQueue(t, q, working, waiting)
			},
		})
	})
}

func checkQueue(t *rapid.T, q *queue, working, waiting []*waiter) {
	strangers, strangersWaiting := countStrangers(working), countStrangers(waiting)
	if q.working != len(working) || q.strangers != strangers || len(q.waiting) != len(waiting) {
		t.Fatalf("counts %d, %d, %d; there are %d, %d, %d", q.working, q.strangers, len(q.waiting),
			len(working), strangers, len(waiting))
	}
	if len(working) > q.places || strangers > q.places-1 || len(waiting) > q.room || strangersWaiting > q.room/2 {
		t.Fatalf("too many: %d working (%d strangers), %d waiting (%d strangers)", len(working), strangers,
			len(waiting), strangersWaiting)
	}
	for _, w := range waiting {
		if q.mayBegin(w.stranger) {
			t.Fatal("somebody waits who could work")
		}
	}
}

func countStrangers(list []*waiter) (n int) {
	for _, w := range list {
		if w.stranger {
			n++
		}
	}
	return n
}

func TestQueueConcurrentUse(t *testing.T) {
	q := newQueue(2, 8)
	var group sync.WaitGroup
	var mu sync.Mutex
	working, most := 0, 0
	for i := range 64 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%5 == 0 {
				go cancel() // some give up at any moment
			}
			_ = q.do(ctx, i%2 == 0, func() {
				mu.Lock()
				working++
				most = max(most, working)
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				working--
				mu.Unlock()
			})
		})
	}
	group.Wait()
	if most > 2 || q.working != 0 || q.strangers != 0 || len(q.waiting) != 0 {
		t.Errorf("%d at once; left behind %d, %d, %d", most, q.working, q.strangers, len(q.waiting))
	}
}
