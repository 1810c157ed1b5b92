package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// settling is what it takes to bring addresses to their places, in this order.
type settling struct {
	before []change     // removals of what others had
	forget []netip.Addr // whose connections the kernel forgets
	after  []change
	gone   map[entry]bool // in before
}

// remove has an element gone before anything else.
func (st *settling) remove(k entry) {
	if st.gone == nil {
		st.gone = map[entry]bool{}
	}
	if !st.gone[k] {
		st.gone[k] = true
		st.before = append(st.before, change{entry: k, remove: true})
	}
}

// clear has all elements of an address gone. They are not refreshed any more in any case.
func (st *settling) clear(k *keeper, a netip.Addr) {
	if len(k.elements[a]) == 0 {
		return
	}
	for _, e := range k.elements[a] {
		e.live = false
		st.remove(e.entry)
	}
	st.forget = append(st.forget, a)
}

// grant does tasks that let sessions through, in transactions of their own, so that the first of many need not wait for
// the last.
func (k *keeper) grant(tasks []*task) {
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
		over := t.still && !k.lasts(t.client)
		if over {
			answer([]*task{t}, nil)
		}
		return over
	})
	look, err := k.wire.lookAround(len(tasks))
	if err != nil {
		answer(tasks, fmt.Errorf("reading the interfaces: %w", err))
		return
	}
	for part := range slices.Chunk(tasks, perTransaction/2) { // there are two elements to each
		k.grantPart(part, look)
	}
}

func (k *keeper) grantPart(tasks []*task, look *surroundings) {
	st := settling{after: make([]change, 0, 2*len(tasks))}
	of, back := make([]*held, len(tasks)), map[*held]bool{}
	for i, t := range tasks {
		adopted := k.adopts(t.client)
		of[i] = k.hold(t.client, &st)
		if delete(back, of[i]); adopted {
			back[of[i]] = true
		}
	}
	k.placeAll(of, look, func(h *held) bool { return back[h] }, &st)
	all, err := k.settle(st)
	for i, h := range of {
		failed := err
		if failed == nil && !all {
			failed = k.arrived(h)
		}
		if failed != nil {
			k.drop(h)
		}
		k.publish(h.of)
		if tasks[i].done != nil {
			tasks[i].done <- failed
		}
	}
}

func answer(tasks []*task, err error) {
	for _, t := range tasks {
		if t.done != nil {
			t.done <- err
		}
	}
}

// hold makes the session's address its own.
func (k *keeper) hold(c client, st *settling) *held {
	g := k.grants[c.session]
	if g == nil {
		g = &granted{}
		k.grants[c.session] = g
	}
	if len(g.addrs) > 0 && g.addrs[0].addr != c.addr { // it has moved
		k.empty(g, st)
	}
	g.client = c
	h := k.holders[c.addr]
	if h != nil && h.of != g {
		k.inherit(g, h.of, st)
		h = k.holders[c.addr]
	}
	if h == nil {
		h = &held{addr: c.addr}
		k.holders[c.addr] = h
	}
	h.of = g
	g.addrs = append([]*held{h}, slices.DeleteFunc(g.addrs, func(o *held) bool { return o == h })...)
	return h
}

// inherit ends a session for another one on its address. The same person keeps what the former had proved.
func (k *keeper) inherit(g, former *granted, st *settling) {
	if former.user == g.user {
		for _, h := range former.addrs {
			h.of = g
		}
		g.addrs, former.addrs = append(g.addrs, former.addrs...), nil
	}
	k.empty(former, st)
	delete(k.grants, former.session)
	k.publish(former)
}

// empty takes all addresses from a session.
func (k *keeper) empty(g *granted, st *settling) {
	for _, h := range g.addrs {
		st.clear(k, h.addr)
		k.let(h)
	}
	g.addrs = nil
}

// let makes an address nobody's.
func (k *keeper) let(h *held) {
	if k.holders[h.addr] == h {
		delete(k.holders, h.addr)
	}
	delete(k.waiting, h)
	h.placed = false
}

// drop takes an address from its session. What the kernel still has of it is no longer refreshed.
func (k *keeper) drop(h *held) {
	g := h.of
	k.let(h)
	for _, e := range k.elements[h.addr] {
		e.live = false
	}
	g.addrs = slices.DeleteFunc(g.addrs, func(o *held) bool { return o == h })
	if len(g.addrs) == 0 && k.grants[g.session] == g {
		delete(k.grants, g.session)
	}
}

// adopts tells whether a session comes over from the process before: nobody has spoken from its address now.
func (k *keeper) adopts(c client) bool {
	if k.grants[c.session] != nil {
		return false
	}
	for _, e := range k.elements[c.addr] {
		if e.owner == c.owner {
			return true
		}
	}
	return false
}

// lasts tells whether what the process before has left of a session still lets it through.
func (k *keeper) lasts(c client) bool {
	return k.grants[c.session] != nil || slices.ContainsFunc(k.elements[c.addr], func(e *element) bool {
		return e.owner == c.owner && (e.live || time.Now().Before(e.expires))
	})
}

// everybody is for placeAll when nobody has spoken anew.
func everybody(*held) bool { return true }

// placeAll brings addresses to where they are now, and with them what was proved to be the same hosts'. Who stays is told
// by the MAC that was there when their agent spoke: by now the neighbour table may have somebody else's. Addresses that are
// there twice, or that a later task of the same burst has taken, are placed once. Sessions' own addresses come first: what
// was proved may go with them, and nothing may be added to it by then.
func (k *keeper) placeAll(list []*held, look *surroundings, stays func(*held) bool, st *settling) {
	placed := make(map[*held]bool, len(list))
	for _, own := range []bool{true, false} {
		for _, h := range list {
			if k.holders[h.addr] == h && h.isOwn() == own && !placed[h] {
				placed[h] = true
				k.place(h, look, stays(h), st)
			}
		}
	}
}

func (k *keeper) place(h *held, look *surroundings, stays bool, st *settling) {
	at, ok := k.plan.locate(look, h.of.kind, h.addr)
	if ok && at.hasMAC() && (at.waits() || stays) {
		at.mac = cmp.Or(k.knownMAC(h), at.mac)
	}
	if h.isOwn() && h.placed && h.at.mac != at.mac { // the proofs were given for another MAC
		for _, other := range slices.Clone(h.of.addrs[1:]) {
			st.clear(k, other.addr)
			k.drop(other)
		}
	}
	k.put(h, at, ok, st)
}

// knownMAC is the MAC that an address was let through by, in this process or in the one before.
func (k *keeper) knownMAC(h *held) mac {
	if h.mac != (mac{}) {
		return h.mac
	}
	for _, e := range k.elements[h.addr] {
		if e.set.hasMAC && e.owner == h.of.owner {
			return e.mac
		}
	}
	return mac{}
}

// put brings an address to a place.
func (k *keeper) put(h *held, at place, ok bool, st *settling) {
	h.at, h.placed, h.mac = at, ok, cmp.Or(at.mac, h.mac)
	k.await(h)
	me, want, same := h.of.owner, h.keys(), false
	there := k.elements[h.addr]
	for _, e := range there {
		mine := e.user == me.user && e.session != "" && !st.gone[e.entry] && (e.live || time.Now().Before(e.expires))
		if same = same || mine; !mine {
			st.remove(e.entry)
		} else if !slices.Contains(want, e.entry) {
			st.after = append(st.after, change{entry: e.entry, remove: true})
		}
	}
	for _, key := range want {
		e := k.find(key)
		again := e != nil && !st.gone[key] // there is one of this person's
		if k.replaces && again && e.owner == me && (e.live || time.Until(e.expires) > k.plan.timeout()/2) {
			e.live = true // replacing is dear, and the next refresh comes in time
			continue
		}
		ch := k.adding(key, me, e)
		ch.remove = again && (k.replaces || e.owner != me)
		st.after = append(st.after, ch)
	}
	if len(want) > 0 && !same && (len(there) > 0 || k.suspect(h.addr)) {
		st.forget = append(st.forget, h.addr)
	}
}

// settle carries out what was planned, and asks the kernel whether it has all that was added.
func (k *keeper) settle(st settling) (all bool, err error) {
	if err := k.commit(st.before); err != nil {
		k.later(st.before)
		return false, fmt.Errorf("removing what an address had before: %w", err)
	}
	if err := k.forget(st.forget); err != nil {
		return false, fmt.Errorf("forgetting the connections of an address: %w", err)
	}
	if err := k.commit(st.after); err != nil {
		return false, fmt.Errorf("letting an address through: %w", err)
	}
	return k.check(st.after)
}

// arrived tells whether an address has what it needs.
func (k *keeper) arrived(h *held) error {
	for _, key := range h.keys() {
		if k.find(key) == nil {
			return fmt.Errorf("the kernel has lost the element %s of %s", key, key.set.name)
		}
	}
	return nil
}
