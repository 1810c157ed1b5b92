package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
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

// clear has all elements of an address gone.
func (st *settling) clear(k *keeper, a netip.Addr) {
	if len(k.elements[a]) == 0 {
		return
	}
	for key := range k.elements[a] {
		st.remove(key)
	}
	st.forget = append(st.forget, a)
}

// grant does tasks that let sessions through.
func (k *keeper) grant(tasks []*task) {
	look, err := lookAround(len(tasks))
	if err != nil {
		answer(tasks, fmt.Errorf("reading the interfaces: %w", err))
		return
	}
	var st settling
	of, back := make([]*held, len(tasks)), map[*held]bool{}
	for i, t := range tasks {
		adopted := k.adopts(t.session)
		of[i] = k.hold(t.session, &st)
		back[of[i]] = adopted
	}
	k.placeAll(of, look, func(h *held) bool { return back[h] }, &st)
	err = k.settle(st)
	for i, h := range of {
		failed := err
		if failed == nil {
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
func (k *keeper) hold(s agent.Session, st *settling) *held {
	g := k.grants[s.ID]
	if g == nil {
		g = &granted{}
		k.grants[s.ID] = g
	}
	if len(g.addrs) > 0 && g.addrs[0].addr != s.Address { // it has moved
		k.empty(g, st)
	}
	g.session = s
	if other := k.holders[s.Address]; other != nil && other.of != g {
		k.inherit(g, other.of, st)
	}
	h := k.holders[s.Address]
	if h == nil {
		h = &held{addr: s.Address}
		k.holders[s.Address] = h
	}
	h.of = g
	g.addrs = append([]*held{h}, slices.DeleteFunc(g.addrs, func(o *held) bool { return o == h })...)
	return h
}

// inherit ends a session for another one on its address. The same person keeps what the former had proved.
func (k *keeper) inherit(g, former *granted, st *settling) {
	if former.session.UserID == g.session.UserID {
		for _, h := range former.addrs {
			h.of = g
		}
		g.addrs, former.addrs = append(g.addrs, former.addrs...), nil
	}
	k.empty(former, st)
	delete(k.grants, former.session.ID)
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
	if len(g.addrs) == 0 && k.grants[g.session.ID] == g {
		delete(k.grants, g.session.ID)
	}
}

// adopts tells whether a session comes over from the process before: nobody has spoken from its address now.
func (k *keeper) adopts(s agent.Session) bool {
	if k.grants[s.ID] != nil {
		return false
	}
	for _, e := range k.elements[s.Address] {
		if e.owner == ownerOf(s) {
			return true
		}
	}
	return false
}

// everybody is for placeAll when nobody has spoken anew.
func everybody(*held) bool { return true }

// placeAll brings addresses to where they are now, and with them what was proved to be the same hosts'. Who stays is told
// by the MAC that was there when their agent spoke: by now the neighbour table may have somebody else's.
func (k *keeper) placeAll(list []*held, look *surroundings, stays func(*held) bool, st *settling) {
	for _, h := range list {
		if k.holders[h.addr] != h {
			continue // a later task of the same burst has taken the address
		}
		at, ok := k.plan.locate(look, h.of.session.Kind, h.addr)
		if ok && at.hasMAC() && (at.waits() || stays(h)) {
			at.mac = cmp.Or(k.knownMAC(h, at), at.mac)
		}
		if h == h.of.addrs[0] && h.placed && h.at.mac != at.mac { // the proofs were given for another MAC
			for _, other := range slices.Clone(h.of.addrs[1:]) {
				st.clear(k, other.addr)
				k.drop(other)
			}
		}
		k.put(h, at, ok, st)
	}
}

// knownMAC is the MAC that an address had in its place.
func (k *keeper) knownMAC(h *held, at place) mac {
	if h.placed && h.at.name == at.name {
		return h.at.mac
	}
	for key, e := range k.elements[h.addr] {
		if key.set.hasMAC && key.name == at.name && e.owner == ownerOf(h.of.session) {
			return key.mac
		}
	}
	return mac{}
}

// put brings an address to a place.
func (k *keeper) put(h *held, at place, ok bool, st *settling) {
	h.at, h.placed = at, ok
	k.await(h)
	me, want, same := ownerOf(h.of.session), h.keys(), false
	for key, e := range k.elements[h.addr] {
		mine := e.owner.user == me.user && e.owner.session != "" && !st.gone[key] && (e.live || time.Now().Before(e.expires))
		if same = same || mine; !mine {
			st.remove(key)
		} else if !slices.Contains(want, key) {
			st.after = append(st.after, change{entry: key, remove: true})
		}
	}
	for _, key := range want {
		e := k.elements[h.addr][key]
		again := e != nil && !st.gone[key] // there is one of this person's
		if k.replaces && again && e.owner == me && (e.live || time.Until(e.expires) > k.plan.timeout()/2) {
			e.live = true // replacing is dear, and the next refresh comes in time
			continue
		}
		ch := k.adding(key, me)
		ch.remove = again && (k.replaces || e.owner != me)
		st.after = append(st.after, ch)
	}
	if others := len(k.elements[h.addr]) > 0; len(want) > 0 && !same && (others || k.suspect(h.addr)) {
		st.forget = append(st.forget, h.addr)
	}
}

// settle carries out what was planned, and asks the kernel whether it has what was added.
func (k *keeper) settle(st settling) error {
	if err := k.commit(st.before); err != nil {
		return fmt.Errorf("removing what an address had before: %w", err)
	}
	if err := k.forget(st.forget); err != nil {
		return fmt.Errorf("forgetting the connections of an address: %w", err)
	}
	if err := k.commit(st.after); err != nil {
		return fmt.Errorf("letting an address through: %w", err)
	}
	return k.check(st.after)
}

// arrived tells whether an address has what it needs.
func (k *keeper) arrived(h *held) error {
	for _, key := range h.keys() {
		if k.elements[h.addr][key] == nil {
			return fmt.Errorf("the kernel has lost the element %s of %s", key, key.set.name)
		}
	}
	return nil
}
