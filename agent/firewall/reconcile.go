package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// difference is what it takes to bring the kernel to what should be, in this order.
type difference struct {
	before []change     // removals of what nobody should have
	forget []netip.Addr // whose connections the kernel forgets
	after  []change
}

// compare finds the difference at addresses. What is there already is refreshed.
func (k *keeper) compare(addrs []netip.Addr) (d difference) {
	d.after = make([]change, 0, 2*len(addrs))
	done := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if !done[a] {
			done[a] = true
			k.compareAt(a, &d)
		}
	}
	return d
}

// compareAt keeps what the same person had at an address until the next element stands, so that nothing is cut. Elements of
// the process before are left where nobody has the address.
func (k *keeper) compareAt(a netip.Addr, d *difference) {
	var me owner
	var want []entry
	h := k.holders[a]
	if h != nil {
		me, want = h.of.owner, h.at.keys()
	}
	mine := func(e *element) bool { return h != nil && e.user == me.user && e.session != "" && e.lasts() }
	kept, cut := false, false
	for _, e := range k.elements[a] {
		switch {
		case h == nil && e.inherited:
		case !mine(e):
			cut = true
			d.before = append(d.before, change{entry: e.entry, remove: true})
		default:
			kept = true
			if !slices.Contains(want, e.entry) {
				d.after = append(d.after, change{entry: e.entry, remove: true})
			}
		}
	}
	if !kept && (cut || len(want) > 0 && k.suspect(a)) {
		d.forget = append(d.forget, a)
	}
	for _, key := range want {
		e := k.find(key)
		there := e != nil && mine(e)
		if there && k.replaces && e.owner == me && (!e.inherited || time.Until(e.expires) > k.plan.timeout()/2) {
			continue // replacing is dear, and the next refresh comes in time
		}
		ch := k.adding(key, me, e)
		ch.remove = there && (k.replaces || e.owner != me)
		d.after = append(d.after, ch)
	}
	if h != nil {
		for _, e := range k.elements[a] {
			e.inherited = false
		}
	}
}

// adding is the addition of an element, beside the one that is there. It takes turns between the full timeout and a little
// less: the kernel refreshes an element only when its timeout becomes another.
func (k *keeper) adding(key entry, o owner, e *element) change {
	full := k.plan.timeout()
	less := full - full/60
	ch := change{entry: key, add: true, owner: o, timeout: full}
	if e != nil && e.timeout > full-full/120 {
		ch.timeout = less
	}
	return ch
}

// reconcile brings addresses to what should be, and asks the kernel whether it has all that was added. What fails is tried
// again by retry.
func (k *keeper) reconcile(addrs []netip.Addr) (all bool, err error) {
	defer func() { k.behind = k.behind || !all }()
	d := k.compare(addrs)
	if err := k.commit(d.before); err != nil {
		return false, fmt.Errorf("removing what an address had before: %w", err)
	}
	if err := k.forget(d.forget); err != nil {
		return false, fmt.Errorf("forgetting the connections of an address: %w", err)
	}
	if err := k.commit(d.after); err != nil {
		return false, fmt.Errorf("letting an address through: %w", err)
	}
	return k.check(d.after)
}

// retry makes up for what could not be done before.
func (k *keeper) retry() {
	if !k.behind {
		return
	}
	var addrs []netip.Addr
	k.each(func(e *element) {
		if !e.inherited && !k.wants(e) {
			addrs = append(addrs, e.addr)
		}
	})
	for a, h := range k.holders {
		if k.arrived(h) != nil {
			addrs = append(addrs, a)
		}
	}
	k.behind = false
	_, err := k.reconcile(addrs)
	k.complain(closing, err)
}

// arrived tells whether an address has what it needs.
func (k *keeper) arrived(a *address) error {
	for _, key := range a.at.keys() {
		if k.find(key) == nil {
			return fmt.Errorf("the kernel has lost the element %s of %s", key, key.set.name)
		}
	}
	return nil
}

// commit carries changes out, in transactions of at most a thousand elements, and notes what was done. Elements that were
// gone already, or a table that somebody has removed, do not stop it. What fails is tried again by retry.
func (k *keeper) commit(changes []change) error {
	if !k.loaded {
		k.note(slices.DeleteFunc(slices.Clone(changes), func(ch change) bool { return ch.add }), time.Now())
		return nil // there is no table that could have anything
	}
	for part := range slices.Chunk(changes, perTransaction) {
		began := time.Now()
		err := k.kernel.commit(part, false)
		if isMissing(err) {
			if err = k.restore(); err == nil {
				began = time.Now()
				err = k.kernel.commit(part, true)
			}
		}
		if err != nil {
			k.behind = true
			return err
		}
		k.gen++
		k.note(part, began)
	}
	return nil
}

// note takes over what was done in the kernel, which had begun at a time.
func (k *keeper) note(changes []change, began time.Time) {
	for _, ch := range changes {
		e, expires := k.find(ch.entry), began.Add(ch.timeout)
		if ch.remove && !ch.add || e != nil && e.owner != ch.owner {
			k.lose(ch.entry)
			e = nil
		}
		switch {
		case !ch.add:
		case e == nil:
			k.keep(&element{entry: ch.entry, owner: ch.owner, timeout: ch.timeout, expires: expires})
		default:
			if e.timeout, e.expires = ch.timeout, expires; ch.remove {
				e.restart()
			}
		}
	}
}

// fewChecks is up to where elements are asked for one by one.
const fewChecks = 16

// check asks the kernel for what was added, and adds what it has lost once more. What is lost again is forgotten; all
// tells that nothing is.
func (k *keeper) check(changes []change) (all bool, err error) {
	lost, err := k.lost(changes)
	if err != nil || len(lost) == 0 {
		return err == nil, err
	}
	k.f.log.Warn("the kernel has lost elements; adding them again", "elements", len(lost))
	if err := k.commit(lost); err != nil {
		return false, err
	}
	if lost, err = k.lost(lost); err != nil {
		return false, err
	}
	for _, ch := range lost {
		k.lose(ch.entry)
	}
	return len(lost) == 0, nil
}

// lost are the additions that the kernel does not have.
func (k *keeper) lost(changes []change) (lost []change, err error) {
	if !k.loaded {
		return nil, nil
	}
	is := k.kernel.has
	if len(changes) > fewChecks {
		if ok, err := k.complete(); ok || err != nil {
			return nil, err
		}
		all, err := k.kernel.list(sessionSets)
		if err != nil {
			return nil, err
		}
		there := make(map[entry]bool, len(all))
		for _, f := range all {
			there[f.entry] = true
		}
		is = func(e entry) (bool, error) { return there[e], nil }
	}
	for _, ch := range changes {
		if !ch.add {
			continue
		}
		ok, err := is(ch.entry)
		if err != nil {
			return nil, fmt.Errorf("reading an element back: %w", err)
		}
		if !ok {
			ch.remove = false
			lost = append(lost, ch)
		}
	}
	return lost, nil
}

// complete tells whether the kernel has as many elements as were noted.
func (k *keeper) complete() (bool, error) {
	noted := map[*memberSet]int{}
	k.each(func(e *element) { noted[e.set]++ })
	for set, n := range noted {
		got, err := k.kernel.count(set)
		if err != nil {
			return false, fmt.Errorf("counting the elements of %s: %w", set.name, err)
		}
		if got != n {
			return false, nil
		}
	}
	return true, nil
}
