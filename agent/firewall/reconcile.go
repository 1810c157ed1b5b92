package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// difference is the steps from the observed to the desired state, in this order.
type difference struct {
	before     []change     // removals
	disconnect []netip.Addr // addresses whose connections are to be deleted
	after      []change     // additions, replacements, and removals that must not cut connections
}

// compare returns the difference at some addresses. Elements that are already there are refreshed.
func (r *reconciler) compare(addrs []netip.Addr) (d difference) {
	d.after = make([]change, 0, 2*len(addrs))
	done := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if !done[a] {
			done[a] = true
			r.compareAt(a, &d)
		}
	}
	return d
}

// compareAt adds the difference at one address to d. Elements of another user are removed first. Those of the same user are
// removed after the new ones are added, so that no connection is cut. Elements of the previous process stay until a session has
// the address.
func (r *reconciler) compareAt(a netip.Addr, d *difference) {
	var newOwner owner
	var want []entry
	cur := r.addresses[a] // nil = no session has the address
	if cur != nil {
		newOwner, want = cur.of.owner, cur.at.keys()
	}
	// mayStay reports whether an element lets the same user through now.
	mayStay := func(e *element) bool { return cur != nil && e.user == newOwner.user && e.session != "" && e.lasts() }
	kept, removed := false, false
	for _, e := range r.elements[a] {
		switch {
		case cur == nil && e.inherited:
		case !mayStay(e):
			removed = true
			d.before = append(d.before, change{entry: e.entry, remove: true})
		default:
			kept = true
			if !slices.Contains(want, e.entry) {
				d.after = append(d.after, change{entry: e.entry, remove: true})
			}
		}
	}
	if !kept && (removed || len(want) > 0 && r.mayHaveConnections(a)) {
		d.disconnect = append(d.disconnect, a)
	}
	for _, key := range want {
		e := r.find(key)
		there := e != nil && mayStay(e)
		if there && r.replaces && e.owner == newOwner && (!e.inherited || time.Until(e.expires) > r.plan.timeout()/2) {
			continue // replacing is expensive, and the next refresh comes in time
		}
		ch := r.addition(key, newOwner, e)
		ch.remove = there && (r.replaces || e.owner != newOwner)
		d.after = append(d.after, ch)
	}
	if cur != nil {
		for _, e := range r.elements[a] {
			e.inherited = false
		}
	}
}

// addition returns the change that adds an element, or refreshes the existing one e. The timeout alternates between the full one
// and a slightly shorter one, because the kernel refreshes an element only if its timeout changes.
func (r *reconciler) addition(key entry, o owner, e *element) change {
	full := r.plan.timeout()
	shorter := full - full/60
	ch := change{entry: key, add: true, owner: o, timeout: full}
	if e != nil && e.timeout > full-full/120 {
		ch.timeout = shorter
	}
	return ch
}

// reconcile brings addresses to the desired state and reads the added elements back. all reports whether the kernel has them all.
// After a failure retry tries again.
func (r *reconciler) reconcile(addrs []netip.Addr) (all bool, err error) {
	defer func() { r.incomplete = r.incomplete || !all }()
	d := r.compare(addrs)
	if err := r.commit(d.before); err != nil {
		return false, fmt.Errorf("removing former elements of an address: %w", err)
	}
	if err := r.disconnect(d.disconnect); err != nil {
		return false, fmt.Errorf("deleting the connections of an address: %w", err)
	}
	if err := r.commit(d.after); err != nil {
		return false, fmt.Errorf("letting an address through: %w", err)
	}
	return r.readBack(d.after)
}

// retry reconciles again, after an earlier change has failed, the addresses that are not in the desired state.
func (r *reconciler) retry() {
	if !r.incomplete {
		return
	}
	var addrs []netip.Addr
	r.each(func(e *element) {
		if !e.inherited && !r.wants(e) {
			addrs = append(addrs, e.addr)
		}
	})
	for a, cur := range r.addresses {
		if r.checkPresent(cur) != nil {
			addrs = append(addrs, a)
		}
	}
	r.incomplete = false
	_, err := r.reconcile(addrs)
	r.logResult(updating, err)
}

// checkPresent returns an error if an address lacks an element.
func (r *reconciler) checkPresent(a *address) error {
	for _, key := range a.at.keys() {
		if r.find(key) == nil {
			return fmt.Errorf("the kernel has lost the element %s of %s", key, key.set.name)
		}
	}
	return nil
}

// commit applies changes in transactions of at most perTransaction changes, and records what the kernel then has. If somebody
// else has removed elements or the table, it restores them first. After a failure retry tries again.
func (r *reconciler) commit(changes []change) error {
	if !r.loaded { // there is no table: nothing can be added, and the removed elements are gone
		r.recordChanges(slices.DeleteFunc(slices.Clone(changes), func(ch change) bool { return ch.add }), time.Now())
		return nil
	}
	for part := range slices.Chunk(changes, perTransaction) {
		began := time.Now()
		err := r.kernel.commit(part, false)
		if isMissing(err) {
			if err = r.restore(); err == nil {
				began = time.Now()
				err = r.kernel.commit(part, true)
			}
		}
		if err != nil {
			r.incomplete = true
			return err
		}
		r.gen++
		r.recordChanges(part, began)
	}
	return nil
}

// recordChanges records the changes of a transaction; began is when it was sent to the kernel.
func (r *reconciler) recordChanges(changes []change, began time.Time) {
	for _, ch := range changes {
		e, expires := r.find(ch.entry), began.Add(ch.timeout)
		if ch.remove && !ch.add || e != nil && e.owner != ch.owner {
			r.recordRemoved(ch.entry)
			e = nil
		}
		switch {
		case !ch.add:
		case e == nil:
			r.recordAdded(&element{entry: ch.entry, owner: ch.owner, timeout: ch.timeout, expires: expires})
		default:
			if e.timeout, e.expires = ch.timeout, expires; ch.remove {
				e.restart()
			}
		}
	}
}

// maxSingleReads is the largest number of elements that are read back one by one.
const maxSingleReads = 16

// readBack reads added elements back and adds lost ones once more. all reports whether the kernel then has them all.
func (r *reconciler) readBack(changes []change) (all bool, err error) {
	lost, err := r.lost(changes)
	if err != nil || len(lost) == 0 {
		return err == nil, err
	}
	r.f.log.Warn("the kernel has lost elements; adding them again", "elements", len(lost))
	if err := r.commit(lost); err != nil {
		return false, err
	}
	if lost, err = r.lost(lost); err != nil {
		return false, err
	}
	for _, ch := range lost {
		r.recordRemoved(ch.entry)
	}
	return len(lost) == 0, nil
}

// lost returns those changes whose added element the kernel does not have.
func (r *reconciler) lost(changes []change) (lost []change, err error) {
	if !r.loaded {
		return nil, nil
	}
	has := r.kernel.has
	if len(changes) > maxSingleReads {
		if ok, err := r.complete(); ok || err != nil {
			return nil, err
		}
		all, err := r.kernel.list(sessionSets)
		if err != nil {
			return nil, err
		}
		there := make(map[entry]bool, len(all))
		for _, f := range all {
			there[f.entry] = true
		}
		has = func(e entry) (bool, error) { return there[e], nil }
	}
	for _, ch := range changes {
		if !ch.add {
			continue
		}
		ok, err := has(ch.entry)
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

// complete reports whether each set in the kernel has as many elements as were recorded.
func (r *reconciler) complete() (bool, error) {
	recorded := map[*memberSet]int{}
	r.each(func(e *element) { recorded[e.set]++ })
	for set, n := range recorded {
		got, err := r.kernel.count(set)
		if err != nil {
			return false, fmt.Errorf("counting the elements of %s: %w", set.name, err)
		}
		if got != n {
			return false, nil
		}
	}
	return true, nil
}
