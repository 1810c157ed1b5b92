package directory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"ideco-agent/agent"
)

// crowd drives a queue inside a synctest bubble. Its callers work until finish.
type crowd struct {
	t     *testing.T
	queue *queue
	mu    sync.Mutex
	order string // names of the callers that began; guarded by mu
}

type visitor struct {
	name   string
	stop   chan struct{}
	cancel context.CancelFunc
	err    chan error
}

func newCrowd(t *testing.T, places, room int) *crowd {
	return &crowd{t: t, queue: newQueue(places, room)}
}

// callerFrom is a caller of an origin from an address.
func callerFrom(origin agent.Origin, addr string) *caller {
	return newCaller(origin, agent.Peer{Addr: netip.MustParseAddr(addr), Inside: origin == agent.OriginLAN})
}

// come starts a caller from a host of the LAN or, with a name in upper case, from one outside.
func (c *crowd) come(name string) *visitor {
	if 'A' <= name[0] && name[0] <= 'Z' {
		return c.comeAs(name, callerFrom(agent.OriginStranger, "203.0.113.7"))
	}
	return c.comeAs(name, callerFrom(agent.OriginLAN, "192.168.1.10"))
}

// comeAs starts a caller and returns when it works, waits or was turned away.
func (c *crowd) comeAs(name string, as *caller) *visitor {
	ctx, cancel := context.WithCancel(c.t.Context())
	p := &visitor{name, make(chan struct{}), cancel, make(chan error, 1)}
	go func() {
		p.err <- c.queue.do(ctx, as, func() {
			c.mu.Lock()
			c.order += name
			c.mu.Unlock()
			<-p.stop
		})
	}()
	synctest.Wait()
	return p
}

// finish ends the work of a caller.
func (c *crowd) finish(p *visitor) {
	c.t.Helper()
	close(p.stop)
	c.expect(p, nil)
}

// expect checks the error of a caller.
func (c *crowd) expect(p *visitor, want error) {
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

// began checks which callers have begun, in order.
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
	if q := c.queue; len(q.working) != 0 || len(q.waiting) != 0 {
		c.t.Errorf("left behind: %d working, %d waiting", len(q.working), len(q.waiting))
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
		people := []*visitor{c.come("A"), c.come("B"), c.come("C")}
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

// flood is the origin of many callers.
type flood struct {
	origin agent.Origin
	addrs  string // with the number of the caller, in hexadecimal
}

var (
	lanFlood     = flood{agent.OriginLAN, "fd00::bad:%x"}            // one host that makes up addresses
	hostFlood    = flood{agent.OriginLAN, "192.168.1.66"}            // one host
	outsideFlood = flood{agent.OriginStranger, "2001:db8:bad:%x::1"} // one IPv6 /48
)

func (f flood) caller(i int) *caller {
	return callerFrom(f.origin, strings.Replace(f.addrs, "%x", fmt.Sprintf("%x", i), 1))
}

// TestQueueFlood: many callers from one network neither keep callers from elsewhere out nor delay them.
func TestQueueFlood(t *testing.T) {
	lan, outside, device, loopback := agent.OriginLAN, agent.OriginStranger, agent.OriginDevice, agent.OriginLoopback
	for _, c := range []struct {
		name    string
		floods  []flood
		origin  agent.Origin // of the one who comes late
		addr    string
		another int // how many of the flood end until it is that one's turn
	}{
		{"a neighbour", []flood{lanFlood}, lan, "192.168.1.10", 1},
		{"a neighbour with IPv6", []flood{lanFlood}, lan, "fd00:0:0:1::10", 1},
		{"a neighbour of one host", []flood{hostFlood}, lan, "fd00::10", 1},
		{"a stranger, the LAN is flooded", []flood{lanFlood}, outside, "203.0.113.7", 1},
		{"a stranger", []flood{outsideFlood}, outside, "203.0.113.7", 1},
		{"a stranger with the same provider", []flood{outsideFlood}, outside, "2001:db8:1::1", 1},
		{"the LAN, strangers flood", []flood{outsideFlood}, lan, "192.168.1.10", 0},
		{"a neighbour, both are flooded", []flood{lanFlood, outsideFlood}, lan, "192.168.1.10", 1},
		{"a stranger, both are flooded", []flood{lanFlood, outsideFlood}, outside, "203.0.113.7", 2},
		{"a known device of the same network", []flood{lanFlood}, device, "fd00::10", 1},
		{"a known device of the same network outside", []flood{lanFlood, outsideFlood}, device, "2001:db8:bad::1", 1},
		{"the gateway", []flood{lanFlood, outsideFlood}, loopback, "127.0.0.1", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := newCrowd(t, places, waitingRoom)
				var all []*visitor
				rush := func(from int) {
					for i := range 2 * waitingRoom {
						for _, f := range c.floods {
							all = append(all, crowd.comeAs(".", f.caller(from+i)))
						}
					}
				}
				rush(0)
				began := len(crowd.order)
				who := crowd.comeAs("x", callerFrom(c.origin, c.addr))
				rush(2 * waitingRoom)
				for range c.another {
					close(all[0].stop)
					all = all[1:]
					synctest.Wait()
				}
				if want := strings.Repeat(".", began+c.another-1) + "x"; c.another > 0 && crowd.order != want {
					t.Errorf("began %q, want %q", crowd.order, want)
				}
				crowd.finish(who)
				for _, p := range all {
					close(p.stop)
				}
				synctest.Wait()
				crowd.empty()
			})
		})
	}
}

// TestQueueTurns: the LAN and strangers take turns, regardless of the order in which they came.
func TestQueueTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 8)
		people := []*visitor{c.come("a"), c.come("b"), c.come("c"), c.come("d"), c.come("A"), c.come("B")}
		for i, want := range []string{"abA", "abAc", "abAcB", "abAcBd"} {
			c.finish(people[[]int{0, 4, 1, 2}[i]])
			c.began(want)
		}
		c.finish(people[3])
		c.finish(people[5])
		c.empty()
	})
}

// TestQueueManyPeople: a few callers in a network that many people share are not turned away for hosts outside it.
func TestQueueManyPeople(t *testing.T) {
	for name, c := range map[string]struct {
		origin agent.Origin
		hosts  int // that fill the room, with two callers each
		people []string
	}{
		"a provider":     {agent.OriginStranger, 5, []string{"2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"}},
		"an IPv6 office": {agent.OriginLAN, 9, []string{"fd00::1", "fd00::2", "fd00::3", "fd00::4", "fd00::5", "fd00::6"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := newCrowd(t, 2, 16)
				var all []*visitor
				comeTwice := func(host int) {
					for range 2 {
						addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(host)}).String()
						all = append(all, crowd.comeAs(".", callerFrom(c.origin, addr)))
					}
				}
				for host := range c.hosts {
					comeTwice(host)
				}
				var people []*visitor
				for _, addr := range c.people {
					people = append(people, crowd.comeAs("x", callerFrom(c.origin, addr)))
				}
				for host := range 20 {
					comeTwice(100 + host)
				}
				for _, p := range append(all, people...) {
					close(p.stop)
				}
				synctest.Wait()
				if n := strings.Count(crowd.order, "x"); n != len(people) {
					t.Errorf("%d of %d had their turn", n, len(people))
				}
				crowd.empty()
			})
		})
	}
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

// TestQueueGivingUpWithAPlace: a caller that gets a place while its context ends passes the place on.
func TestQueueGivingUpWithAPlace(t *testing.T) {
	q := newQueue(1, 2)
	var three [3]*caller
	for i := range three {
		three[i] = callerFrom(agent.OriginLAN, "192.168.1.10")
		q.join(three[i])
	}
	if len(three[0].turn) != 1 || len(three[1].turn) != 0 || len(three[2].turn) != 0 {
		t.Fatal("want one to work and two to wait")
	}
	q.leave(three[0])
	q.leave(three[1])
	select {
	case err := <-three[2].turn:
		if err != nil {
			t.Error(err)
		}
	default:
		t.Error("the place was lost")
	}
}

func TestQueueRefusesTheDead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newQueue(2, 2).do(ctx, callerFrom(agent.OriginLAN, "192.168.1.10"), func() { t.Error("worked") })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestQueueSurvivesAPanic(t *testing.T) {
	q := newQueue(2, 2)
	func() {
		defer func() { _ = recover() }()
		_ = q.do(t.Context(), callerFrom(agent.OriginStranger, "203.0.113.7"), func() { panic("work failed") })
	}()
	if len(q.working) != 0 {
		t.Errorf("left behind: %d working", len(q.working))
	}
}

// TestQueueInvariants: in any order of events the limits hold, no caller waits that may work, and none with priority is turned
// away for others.
func TestQueueInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue(rapid.IntRange(2, 4).Draw(t, "places"), rapid.IntRange(0, 8).Draw(t, "room"))
		var working, waiting []*caller
		settle := func(t *rapid.T) {
			for i := 0; i < len(waiting); {
				c := waiting[i]
				select {
				case err := <-c.turn:
					if err == nil {
						working = append(working, c)
					}
					if err != nil && c.hasPriority() && (i < len(waiting)-1 || slices.ContainsFunc(waiting, others)) {
						t.Fatalf("%s gave way", c.origin)
					}
					waiting = append(waiting[:i], waiting[i+1:]...)
				default:
					i++
				}
			}
		}
		take := func(list *[]*caller) *caller {
			i := rapid.IntRange(0, len(*list)-1).Draw(t, "who")
			c := (*list)[i]
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return c
		}
		origins := []agent.Origin{agent.OriginDevice, agent.OriginLoopback, agent.OriginLAN, agent.OriginStranger}
		addrs := []string{"192.168.1.1", "192.168.1.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:1::1"}
		t.Repeat(map[string]func(*rapid.T){
			"come": func(t *rapid.T) {
				c := callerFrom(rapid.SampledFrom(origins).Draw(t, "origin"), rapid.SampledFrom(addrs).Draw(t, "address"))
				q.join(c)
				waiting = append(waiting, c)
			},
			"leave": func(t *rapid.T) {
				if len(working) > 0 {
					q.leave(take(&working))
				}
			},
			"give up": func(t *rapid.T) {
				if len(waiting) > 0 {
					q.leave(take(&waiting))
				}
			},
			"": func(t *rapid.T) {
				settle(t)
				checkQueue(t, q, working, waiting)
			},
		})
	})
}

func others(c *caller) bool { return !c.hasPriority() }

func checkQueue(t *rapid.T, q *queue, working, waiting []*caller) {
	strangers, strangersWaiting := countStrangers(working), countStrangers(waiting)
	if len(q.working) != len(working) || !slices.Equal(q.waiting, waiting) {
		t.Fatalf("counts %d, %d; there are %d, %d", len(q.working), len(q.waiting), len(working), len(waiting))
	}
	if len(working) > q.places || strangers > q.places-1 || len(waiting) > q.room || strangersWaiting > q.room/2 {
		t.Fatalf("too many: %d working (%d strangers), %d waiting (%d strangers)", len(working), strangers,
			len(waiting), strangersWaiting)
	}
	for _, c := range waiting {
		if q.mayBegin(c) {
			t.Fatal("somebody waits who could work")
		}
	}
}

func countStrangers(list []*caller) (n int) {
	for _, c := range list {
		if c.origin == agent.OriginStranger {
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
			c := callerFrom(agent.OriginLAN, "192.168.1.10")
			if i%2 == 0 {
				c = callerFrom(agent.OriginStranger, "203.0.113.7")
			}
			_ = q.do(ctx, c, func() {
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
	if most > 2 || len(q.working) != 0 || len(q.waiting) != 0 {
		t.Errorf("%d at once; left behind %d, %d", most, len(q.working), len(q.waiting))
	}
}
