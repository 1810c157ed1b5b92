package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// refreshes tells whether this kernel refreshes an element that is added again with another timeout, as kernels do from 6.12
// on.
func refreshes() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	return releaseAtLeast(unix.ByteSliceToString(u.Release[:]), 6, 12)
}

func releaseAtLeast(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	second, _, _ := strings.Cut(rest, ".")
	second, _, _ = strings.Cut(second, "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}

// commit carries changes out, in transactions of at most a thousand elements, and notes what was done. Elements that were
// gone already, or a table that somebody has removed, do not stop it.
func (k *keeper) commit(changes []change) error {
	if !k.loaded {
		k.note(slices.DeleteFunc(slices.Clone(changes), func(ch change) bool { return ch.add }), time.Now())
		return nil // there is no table that could have anything
	}
	for part := range slices.Chunk(changes, perTransaction) {
		began := time.Now()
		err := k.wire.commit(part, false)
		if isMissing(err) {
			if err = k.restore(); err == nil {
				began = time.Now()
				err = k.wire.commit(part, true)
			}
		}
		if err != nil {
			return err
		}
		k.gen++
		k.note(part, began)
	}
	return nil
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

// note takes over what was done in the kernel, which had begun at a time.
func (k *keeper) note(changes []change, began time.Time) {
	for _, ch := range changes {
		e, expires := k.find(ch.entry), began.Add(ch.timeout)
		switch {
		case ch.remove && !ch.add:
			k.lose(ch.entry)
		case e != nil && e.owner == ch.owner && !ch.remove:
			e.live, e.timeout, e.expires = true, ch.timeout, expires
		case e != nil && e.owner == ch.owner: // its counter began anew
			e.live, e.timeout, e.expires, e.base, e.last = true, ch.timeout, expires, e.total(), 0
		default:
			if e != nil {
				k.lose(ch.entry)
			}
			k.keep(&element{entry: ch.entry, owner: ch.owner, live: true, timeout: ch.timeout, expires: expires})
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
	is := k.wire.has
	if len(changes) > fewChecks {
		if ok, err := k.complete(); ok || err != nil {
			return nil, err
		}
		all, err := k.wire.list(holders)
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

// complete tells whether the kernel has as many elements as it should.
func (k *keeper) complete() (bool, error) {
	for set, n := range k.sizes {
		got, err := k.wire.count(set)
		if err != nil {
			return false, fmt.Errorf("counting the elements of %s: %w", set.name, err)
		}
		if got != n {
			return false, nil
		}
	}
	return true, nil
}

// refresh gives everybody who is let through the full timeout. Tasks need not wait for the last of many.
func (k *keeper) refresh() {
	if k.replaces || k.late() {
		k.sample() // the counters begin anew
	}
	var all []*element
	for _, entries := range k.elements {
		all = append(all, entries...)
	}
	var failed error
	for part := range slices.Chunk(all, perTransaction) {
		k.work(k.f.take())
		if err := k.commit(k.refreshing(part)); err != nil {
			failed = err
		}
	}
	if failed != nil {
		k.f.log.Error("sessions were not kept alive; trying again", "elements", len(all), "error", failed)
	}
}

// refreshing are the changes that refresh those elements that are still there and wanted.
func (k *keeper) refreshing(list []*element) (changes []change) {
	for _, e := range list {
		if e.live && k.find(e.entry) == e {
			ch := k.adding(e.entry, e.owner, e)
			ch.remove = k.replaces
			changes = append(changes, ch)
		}
	}
	return changes
}

// sample reads the counters, and sees to it that the kernel has what it should and nothing else.
func (k *keeper) sample() {
	if !k.loaded {
		return
	}
	all, err := k.wire.list(holders)
	if k.complain("reading the sets", err); err != nil {
		return
	}
	k.samples++
	var strange []change
	for _, f := range all {
		if e := k.find(f.entry); e != nil {
			e.sample = k.samples
			e.count(f.bytes)
		} else {
			strange = append(strange, change{entry: f.entry, remove: true})
		}
	}
	k.mend(strange, k.missing())
	for _, g := range k.grants {
		k.publish(g)
	}
}

// missing are the elements that the last sample should have shown.
func (k *keeper) missing() (list []*element) {
	for _, entries := range k.elements {
		for _, e := range entries {
			switch {
			case e.sample == k.samples:
			case e.live:
				e.base, e.last = e.total(), 0
				list = append(list, e)
			default:
				k.lose(e.entry) // it has expired, and its connections are still known
				k.dirty[e.addr] = true
			}
		}
	}
	return list
}

// mend undoes what others did to the sets, and lets those through again whose elements have run out: the sessions are
// live, or they would have been revoked. That is nobody's doing. The kernel's timeouts and our clock stand still together
// while the machine is suspended, and go on together while this process is stopped, so that our clock knows what has run
// out.
func (k *keeper) mend(strange []change, missing []*element) {
	now := time.Now().Add(clockTick)
	var late []change
	for _, e := range missing {
		if ch := k.adding(e.entry, e.owner, e); now.Before(e.expires) {
			strange = append(strange, ch)
		} else {
			late = append(late, ch)
		}
	}
	if len(late) > 0 {
		err := k.commit(late)
		if k.complain("letting sessions through again that had run out", err); err == nil {
			k.f.log.Warn("sessions had run out before they were refreshed, as when this process stands still; they are let through again",
				"elements", len(late))
		}
	}
	if len(strange) > 0 {
		k.incident(Incident{What: SetsChanged, Elements: len(strange), Err: k.commit(strange)})
	}
}

// late tells whether elements have run out before they were refreshed.
func (k *keeper) late() bool {
	now := time.Now()
	for _, entries := range k.elements {
		if slices.ContainsFunc(entries, func(e *element) bool { return e.live && now.After(e.expires) }) {
			return true
		}
	}
	return false
}

// hear lets hosts through whose MAC has become known.
func (k *keeper) hear() {
	if len(k.waiting) == 0 {
		return
	}
	look, err := k.wire.lookAround(len(k.waiting))
	if k.complain("reading the interfaces", err); err != nil {
		return
	}
	var st settling
	var heard []*held
	for h := range k.waiting {
		if at, ok := k.plan.locate(look, h.of.kind, h.addr); !ok || !at.waits() {
			heard = append(heard, h)
		}
	}
	k.placeAll(heard, look, everybody, &st)
	_, err = k.settle(st)
	if k.complain("letting hosts through that were heard of", err); err != nil {
		for _, h := range heard {
			k.waiting[h] = true
		}
	}
	for _, h := range heard {
		k.publish(h.of)
	}
}

// await has a host called whose MAC is not known.
func (k *keeper) await(h *held) {
	delete(k.waiting, h)
	if !h.placed || !h.at.waits() {
		return
	}
	k.waiting[h] = true
	provoke(h.addr)
	time.AfterFunc(soon, func() {
		select {
		case k.f.heard <- struct{}{}:
		default:
		}
	})
}
