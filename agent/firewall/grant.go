package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// grant does tasks of Grant and Readmit in several transactions, so that the first of many do not wait for the last.
func (r *reconciler) grant(tasks []*task) {
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
		over := t.still && !r.lasts(t.client)
		if over {
			answer([]*task{t}, nil)
		}
		return over
	})
	now, err := r.kernel.snapshot(len(tasks))
	if err != nil {
		answer(tasks, fmt.Errorf("reading the interfaces: %w", err))
		return
	}
	for part := range slices.Chunk(tasks, perTransaction/2) { // there are two elements to each
		r.grantPart(part, now)
	}
}

func (r *reconciler) grantPart(tasks []*task, now *snapshot) {
	var touched []netip.Addr
	own, stays := make([]*address, len(tasks)), map[*address]bool{}
	for i, t := range tasks {
		inherits := r.inherits(t.client)
		own[i] = r.hold(t.client, &touched)
		if delete(stays, own[i]); inherits {
			stays[own[i]] = true
		}
	}
	r.placeAll(own, now, func(a *address) bool { return stays[a] }, &touched)
	all, err := r.reconcile(touched)
	for i, a := range own {
		failed := err
		if failed == nil && !all {
			failed = r.checkPresent(a)
		}
		if failed != nil && r.holders[a.addr] == a {
			r.end(a.of) // retry removes its elements
		}
		r.publish(a.of)
		answer(tasks[i:i+1], failed)
	}
}

// hold gives a session its own address, and ends another session that has it.
func (r *reconciler) hold(c client, touched *[]netip.Addr) *address {
	s := r.sessions[c.session]
	if s == nil {
		s = &granted{}
		r.sessions[c.session] = s
	} else if s.client.addr != c.addr { // it has moved
		*touched = append(*touched, r.removeAddresses(s)...)
	}
	s.client = c
	var known mac
	if h := r.holders[c.addr]; h != nil && h.of != s {
		if h.of.user == c.user {
			known = h.mac
		}
		*touched = append(*touched, r.end(h.of)...)
	}
	if len(s.addrs) == 0 {
		r.add(s, c.addr).mac = known
	}
	return s.addrs[0]
}

// add gives an address to a session.
func (r *reconciler) add(s *granted, addr netip.Addr) *address {
	a := &address{of: s, addr: addr}
	s.addrs, r.holders[addr] = append(s.addrs, a), a
	return a
}

// inherits reports whether a session is known only by elements of the previous process.
func (r *reconciler) inherits(c client) bool {
	return r.sessions[c.session] == nil && slices.ContainsFunc(r.elements[c.addr], func(e *element) bool { return e.owner == c.owner })
}

// lasts reports whether a session is still let through, by this process or by elements of the previous one.
func (r *reconciler) lasts(c client) bool {
	return r.sessions[c.session] != nil || slices.ContainsFunc(r.elements[c.addr], func(e *element) bool { return e.owner == c.owner && e.lasts() })
}

// lasts reports whether an element is refreshed or has not expired yet.
func (e *element) lasts() bool { return !e.inherited || time.Now().Before(e.expires) }

// grantAddress lets a further address of a session through.
func (r *reconciler) grantAddress(t *task) error {
	s := r.sessions[t.session]
	if s == nil || s.kind == agent.KindVPN {
		return ErrNoSession
	}
	own, h := s.addrs[0], r.holders[t.addr]
	switch {
	case !own.at.isValid() || own.addr == t.addr:
		return nil // not filtered, or let through already
	case h != nil && h.of != s:
		return ErrAddressTaken
	}
	now, err := r.kernel.snapshot(0)
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	at := r.plan.locate(now, s.kind, t.addr)
	if !at.isValid() || at.routed || at.needsMAC() || at.name != own.at.name || at.mac != own.at.mac {
		return ErrNotSameHost
	}
	if h == nil {
		h = r.add(s, t.addr)
	}
	h.at, h.mac = at, at.mac
	if _, err = r.reconcile([]netip.Addr{t.addr}); err == nil {
		err = r.checkPresent(h)
	}
	if err != nil {
		r.withdraw(h)
	}
	r.publish(s)
	return err
}

// everybody makes placeAll keep all known MACs.
func everybody(*address) bool { return true }

// placeAll updates the places of addresses. Where stays reports true, a known MAC is kept: no login has proved the one that
// the neighbour table has now. Sessions' own addresses come first, because a change of their MAC removes the further ones.
// Addresses that another session has by now are skipped.
func (r *reconciler) placeAll(list []*address, now *snapshot, stays func(*address) bool, touched *[]netip.Addr) {
	for _, own := range []bool{true, false} {
		for _, a := range list {
			if r.holders[a.addr] == a && a.isOwn() == own {
				r.place(a, now, stays(a), touched)
			}
		}
	}
}

func (r *reconciler) place(a *address, now *snapshot, stays bool, touched *[]netip.Addr) {
	*touched = append(*touched, a.addr)
	at := r.plan.locate(now, a.of.kind, a.addr)
	if at.hasMAC() && (at.needsMAC() || stays) {
		at.mac = cmp.Or(r.knownMAC(a), at.mac)
	}
	if a.isOwn() && a.at.isValid() && a.at.mac != at.mac { // the further addresses were proved for the old MAC
		for _, other := range slices.Clone(a.of.addrs[1:]) {
			*touched = append(*touched, r.withdraw(other)...)
		}
	}
	a.at, a.mac = at, cmp.Or(at.mac, a.mac)
	if at.needsMAC() {
		r.probe(a.addr)
	}
}

// knownMAC returns the MAC that an address was last let through with, by this process or the previous one.
func (r *reconciler) knownMAC(a *address) mac {
	if a.mac != (mac{}) {
		return a.mac
	}
	for _, e := range r.elements[a.addr] {
		if e.set.hasMAC && e.owner == a.of.owner {
			return e.mac
		}
	}
	return mac{}
}

// probe makes the kernel resolve the MAC of a host, and hear run when it should have answered.
func (r *reconciler) probe(a netip.Addr) {
	resolve(a)
	time.AfterFunc(probeTime, func() {
		select {
		case r.f.heard <- struct{}{}:
		default:
		}
	})
}

// hear lets hosts through whose MAC has become known since they were probed.
func (r *reconciler) hear() {
	var waiting []*address
	for _, a := range r.holders {
		if a.at.needsMAC() {
			waiting = append(waiting, a)
		}
	}
	if len(waiting) == 0 {
		return
	}
	now, err := r.kernel.snapshot(len(waiting))
	if r.complain("reading the interfaces", err); err != nil {
		return
	}
	heard := slices.DeleteFunc(waiting, func(a *address) bool { return r.plan.locate(now, a.of.kind, a.addr).needsMAC() })
	var touched []netip.Addr
	r.placeAll(heard, now, everybody, &touched)
	_, err = r.reconcile(touched)
	r.complain("letting probed hosts through", err)
	for _, a := range heard {
		r.publish(a.of)
	}
}
