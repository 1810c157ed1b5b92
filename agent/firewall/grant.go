package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// grant does tasks of Grant and Readmit, in several transactions so that the first tasks do not wait for the last.
func (r *reconciler) grant(tasks []*task) {
	now, err := r.kernel.snapshot(len(tasks))
	if err != nil {
		answer(tasks, fmt.Errorf("reading the interfaces: %w", err))
		return
	}
	tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
		if !t.readmit || r.lasts(t.sessionInfo) {
			return false
		}
		var err error
		if t.kind == agent.KindWeb && r.plan.locate(now, t.sessionInfo, t.addr).isValid() {
			err = ErrExpired
		}
		answer([]*task{t}, err)
		return true
	})
	for part := range slices.Chunk(tasks, perTransaction/2) { // each task adds two elements
		r.grantPart(part, now)
	}
}

func (r *reconciler) grantPart(tasks []*task, now *snapshot) {
	var touched []netip.Addr
	own, keepMAC := make([]*address, len(tasks)), map[*address]bool{}
	for i, t := range tasks {
		inherits := r.inherits(t.sessionInfo)
		own[i] = r.assignAddress(t.sessionInfo, &touched)
		if delete(keepMAC, own[i]); inherits || r.mustProve(own[i], now) {
			keepMAC[own[i]] = true
		}
	}
	r.placeAll(own, now, func(a *address) bool { return keepMAC[a] }, &touched)
	all, err := r.reconcile(touched)
	for i, a := range own {
		failed := err
		if failed == nil && !all {
			failed = r.checkPresent(a)
		}
		if failed != nil && r.addresses[a.addr] == a {
			r.end(a.of) // retry removes its elements
		}
		r.publish(a.of)
		answer(tasks[i:i+1], failed)
	}
}

// assignAddress gives a session its own address, and ends another session that has it.
func (r *reconciler) assignAddress(info sessionInfo, touched *[]netip.Addr) *address {
	s := r.sessions[info.session]
	if s == nil {
		s = &grantedSession{}
		r.sessions[info.session] = s
	} else if s.sessionInfo.addr != info.addr { // it has moved
		*touched = append(*touched, r.removeAddresses(s)...)
	}
	s.sessionInfo = info
	var proved address // of the same person's session: its MAC need not be proved again
	if cur := r.addresses[info.addr]; cur != nil && cur.of != s {
		if cur.of.user == info.user && cur.of.kind != agent.KindStatic { // a rule proves no MAC
			proved = *cur
		}
		*touched = append(*touched, r.end(cur.of)...)
	}
	if len(s.addrs) == 0 {
		a := r.addAddress(s, info.addr)
		a.at, a.mac = proved.at, proved.mac
	}
	return s.addrs[0]
}

// mustProve reports whether an address keeps its MAC until ProveMAC: it is let through with one, and the neighbour
// table has another on the same interface. Otherwise a computer that spoofs the address and breaks the agent's
// connection would be let through when the agent logs in again or resumes.
func (r *reconciler) mustProve(a *address, now *snapshot) bool {
	return r.canProveMAC && a.at.matchesMAC() && !a.at.lacksMAC() && r.otherMAC(a, now) != mac{}
}

func (r *reconciler) addAddress(s *grantedSession, addr netip.Addr) *address {
	a := &address{of: s, addr: addr}
	s.addrs, r.addresses[addr] = append(s.addrs, a), a
	return a
}

// inherits reports whether a session is known only by elements of the previous process.
func (r *reconciler) inherits(info sessionInfo) bool {
	return r.sessions[info.session] == nil && slices.ContainsFunc(r.elements[info.addr], func(e *element) bool { return e.owner == info.owner })
}

// lasts reports whether a session is still let through, by this process or by elements of the previous one.
func (r *reconciler) lasts(info sessionInfo) bool {
	return r.sessions[info.session] != nil || slices.ContainsFunc(r.elements[info.addr], func(e *element) bool { return e.owner == info.owner && e.lasts() })
}

// lasts reports whether an element is refreshed or has not expired yet.
func (e *element) lasts() bool { return !e.inherited || time.Now().Before(e.expires) }

func (r *reconciler) grantAddress(t *task) error {
	s := r.sessions[t.session]
	if s == nil || s.kind == agent.KindVPN {
		return ErrNoSession
	}
	own, cur := s.addrs[0], r.addresses[t.addr]
	switch {
	case !own.at.isValid() || own.addr == t.addr:
		return nil // nothing to do: not filtered, or let through already
	case cur != nil && cur.of != s:
		return ErrAddressTaken
	}
	now, err := r.kernel.snapshot(0)
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	at := r.plan.locate(now, s.sessionInfo, t.addr)
	if !at.isValid() || at.routed || at.lacksMAC() || at.name != own.at.name || at.mac != own.at.mac {
		return ErrNotSameHost
	}
	if cur == nil {
		cur = r.addAddress(s, t.addr)
	}
	cur.at, cur.mac = at, at.mac
	if _, err = r.reconcile([]netip.Addr{t.addr}); err == nil {
		err = r.checkPresent(cur)
	}
	if err != nil {
		r.removeAddress(cur)
	}
	r.publish(s)
	return err
}

func keepAllMACs(*address) bool { return true }

// placeAll updates the places of addresses. Where keepMAC reports true, a known MAC is kept: no login has proved the one that
// the neighbour table has now. Sessions' own addresses come first, because a change of their MAC removes the further ones.
// Addresses that another session has by now are skipped.
func (r *reconciler) placeAll(list []*address, now *snapshot, keepMAC func(*address) bool, touched *[]netip.Addr) {
	for _, own := range []bool{true, false} {
		for _, a := range list {
			if r.addresses[a.addr] == a && a.isOwn() == own {
				r.place(a, now, keepMAC(a), touched)
			}
		}
	}
}

func (r *reconciler) place(a *address, now *snapshot, keepMAC bool, touched *[]netip.Addr) {
	*touched = append(*touched, a.addr)
	at := r.plan.locate(now, a.of.sessionInfo, a.addr)
	if at.matchesMAC() && (at.lacksMAC() || keepMAC) && a.of.kind != agent.KindStatic && a.of.onlyMAC == (mac{}) {
		at.mac = cmp.Or(r.knownMAC(a), at.mac)
	}
	if a.isOwn() && a.at.isValid() && a.at.mac != at.mac { // the further addresses were proved for the old MAC
		for _, other := range slices.Clone(a.of.addrs[1:]) {
			*touched = append(*touched, r.removeAddress(other)...)
		}
	}
	a.at, a.mac = at, cmp.Or(at.mac, a.mac)
	if at.lacksMAC() {
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

// probe makes the kernel resolve the MAC of a host, and grantProbed run when it should have answered.
func (r *reconciler) probe(a netip.Addr) {
	Resolve(a)
	time.AfterFunc(probeTime, func() {
		select {
		case r.f.probed <- struct{}{}:
		default:
		}
	})
}

// grantProbed lets probed hosts through whose MAC is known now.
func (r *reconciler) grantProbed() {
	var waiting []*address
	for _, a := range r.addresses {
		if a.at.lacksMAC() {
			waiting = append(waiting, a)
		}
	}
	if len(waiting) == 0 {
		return
	}
	now, err := r.kernel.snapshot(len(waiting))
	if r.logResult("reading the interfaces", err); err != nil {
		return
	}
	known := slices.DeleteFunc(waiting, func(a *address) bool { return r.plan.locate(now, a.of.sessionInfo, a.addr).lacksMAC() })
	var touched []netip.Addr
	r.placeAll(known, now, keepAllMACs, &touched)
	_, err = r.reconcile(touched)
	r.logResult("letting probed hosts through", err)
	for _, a := range known {
		r.publish(a.of)
	}
}
