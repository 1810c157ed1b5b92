package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

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
	now, err := k.kernel.snapshot(len(tasks))
	if err != nil {
		answer(tasks, fmt.Errorf("reading the interfaces: %w", err))
		return
	}
	for part := range slices.Chunk(tasks, perTransaction/2) { // there are two elements to each
		k.grantPart(part, now)
	}
}

func (k *keeper) grantPart(tasks []*task, now *snapshot) {
	var touched []netip.Addr
	own, stays := make([]*address, len(tasks)), map[*address]bool{}
	for i, t := range tasks {
		inherits := k.inherits(t.client)
		own[i] = k.hold(t.client, &touched)
		if delete(stays, own[i]); inherits {
			stays[own[i]] = true
		}
	}
	k.placeAll(own, now, func(a *address) bool { return stays[a] }, &touched)
	all, err := k.reconcile(touched)
	for i, a := range own {
		failed := err
		if failed == nil && !all {
			failed = k.arrived(a)
		}
		if failed != nil && k.holders[a.addr] == a {
			k.end(a.of) // and retry removes what it has
		}
		k.publish(a.of)
		answer(tasks[i:i+1], failed)
	}
}

// hold makes the session's address its own.
func (k *keeper) hold(c client, touched *[]netip.Addr) *address {
	s := k.sessions[c.session]
	if s == nil {
		s = &granted{}
		k.sessions[c.session] = s
	} else if s.client.addr != c.addr { // it has moved
		*touched = append(*touched, k.leave(s)...)
	}
	s.client = c
	var known mac
	if h := k.holders[c.addr]; h != nil && h.of != s { // another session gives way
		if h.of.user == c.user {
			known = h.mac
		}
		*touched = append(*touched, k.end(h.of)...)
	}
	if len(s.addrs) == 0 {
		k.add(s, c.addr).mac = known
	}
	return s.addrs[0]
}

// add gives an address to a session.
func (k *keeper) add(s *granted, addr netip.Addr) *address {
	a := &address{of: s, addr: addr}
	s.addrs, k.holders[addr] = append(s.addrs, a), a
	return a
}

// inherits tells whether a session comes over from the process before: nobody has spoken from its address now.
func (k *keeper) inherits(c client) bool {
	return k.sessions[c.session] == nil && slices.ContainsFunc(k.elements[c.addr], func(e *element) bool { return e.owner == c.owner })
}

// lasts tells whether what the process before has left of a session still lets it through.
func (k *keeper) lasts(c client) bool {
	return k.sessions[c.session] != nil || slices.ContainsFunc(k.elements[c.addr], func(e *element) bool { return e.owner == c.owner && e.lasts() })
}

// lasts tells whether an element is refreshed or has not expired yet.
func (e *element) lasts() bool { return !e.inherited || time.Now().Before(e.expires) }

// grantAddress lets a further address of a session through.
func (k *keeper) grantAddress(t *task) error {
	s := k.sessions[t.session]
	if s == nil || s.kind == agent.KindVPN {
		return ErrNoSession
	}
	own, h := s.addrs[0], k.holders[t.addr]
	switch {
	case !own.at.isValid() || own.addr == t.addr:
		return nil // the rules do not look at it, or it is there
	case h != nil && h.of != s:
		return ErrAddressTaken
	}
	now, err := k.kernel.snapshot(0)
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	at := k.plan.locate(now, s.kind, t.addr)
	if !at.isValid() || at.routed || at.waits() || at.name != own.at.name || at.mac != own.at.mac {
		return ErrNotSameHost
	}
	if h == nil {
		h = k.add(s, t.addr)
	}
	h.at, h.mac = at, at.mac
	if _, err = k.reconcile([]netip.Addr{t.addr}); err == nil {
		err = k.arrived(h)
	}
	if err != nil {
		k.withdraw(h)
	}
	k.publish(s)
	return err
}

// everybody is for placeAll when nobody has spoken anew.
func everybody(*address) bool { return true }

// placeAll finds out where addresses are now. Who stays is told by the MAC that was there when their agent spoke: by now
// the neighbour table may have somebody else's. Sessions' own addresses come first: what was proved may go with them.
// Addresses that another session has by now are left out.
func (k *keeper) placeAll(list []*address, now *snapshot, stays func(*address) bool, touched *[]netip.Addr) {
	for _, own := range []bool{true, false} {
		for _, a := range list {
			if k.holders[a.addr] == a && a.isOwn() == own {
				k.place(a, now, stays(a), touched)
			}
		}
	}
}

func (k *keeper) place(a *address, now *snapshot, stays bool, touched *[]netip.Addr) {
	*touched = append(*touched, a.addr)
	at := k.plan.locate(now, a.of.kind, a.addr)
	if at.hasMAC() && (at.waits() || stays) {
		at.mac = cmp.Or(k.knownMAC(a), at.mac)
	}
	if a.isOwn() && a.at.isValid() && a.at.mac != at.mac { // the proofs were given for another MAC
		for _, other := range slices.Clone(a.of.addrs[1:]) {
			*touched = append(*touched, k.withdraw(other)...)
		}
	}
	a.at, a.mac = at, cmp.Or(at.mac, a.mac)
	if at.waits() {
		k.probe(a.addr)
	}
}

// knownMAC is the MAC that an address was let through by, in this process or in the one before.
func (k *keeper) knownMAC(a *address) mac {
	if a.mac != (mac{}) {
		return a.mac
	}
	for _, e := range k.elements[a.addr] {
		if e.set.hasMAC && e.owner == a.of.owner {
			return e.mac
		}
	}
	return mac{}
}

// probe has a host answer whose MAC is not known.
func (k *keeper) probe(a netip.Addr) {
	provoke(a)
	time.AfterFunc(soon, func() {
		select {
		case k.f.heard <- struct{}{}:
		default:
		}
	})
}

// hear lets hosts through whose MAC has become known.
func (k *keeper) hear() {
	var waiting []*address
	for _, a := range k.holders {
		if a.at.waits() {
			waiting = append(waiting, a)
		}
	}
	if len(waiting) == 0 {
		return
	}
	now, err := k.kernel.snapshot(len(waiting))
	if k.complain("reading the interfaces", err); err != nil {
		return
	}
	heard := slices.DeleteFunc(waiting, func(a *address) bool { return k.plan.locate(now, a.of.kind, a.addr).waits() })
	var touched []netip.Addr
	k.placeAll(heard, now, everybody, &touched)
	_, err = k.reconcile(touched)
	k.complain("letting hosts through that were heard of", err)
	for _, a := range heard {
		k.publish(a.of)
	}
}
