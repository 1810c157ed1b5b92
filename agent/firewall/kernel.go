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
		k.note(slices.DeleteFunc(slices.Clone(changes), func(ch change) bool { return ch.add }))
		return nil // there is no table that could have anything
	}
	for part := range slices.Chunk(changes, perTransaction) {
		err := k.wire.commit(part, false)
		if isMissing(err) {
			if err = k.restore(); err == nil {
				err = k.wire.commit(part, true)
			}
		}
		if err != nil {
			return err
		}
		k.gen++
		k.note(part)
	}
	return nil
}

// adding is the addition of an element, beside the one that is there. It takes turns between the full timeout and a little less: the kernel refreshes an
// element only when its timeout becomes another.
func (k *keeper) adding(key entry, o owner, e *element) change {
	full := k.plan.timeout()
	less := full - full/60
	ch := change{entry: key, add: true, owner: o, timeout: full}
	if e != nil && e.timeout > full-full/120 {
		ch.timeout = less
	}
	return ch
}

// note takes over what was done in the kernel.
func (k *keeper) note(changes []change) {
	for _, ch := range changes {
		e := k.find(ch.entry)
		switch {
		case ch.remove && !ch.add:
			k.lose(ch.entry)
		case e != nil && e.owner == ch.owner && !ch.remove:
			e.live, e.timeout = true, ch.timeout
		case e != nil && e.owner == ch.owner: // its counter began anew
			e.live, e.timeout, e.base, e.last = true, ch.timeout, e.total(), 0
		default:
			if e != nil {
				k.lose(ch.entry)
			}
			k.keep(&element{entry: ch.entry, owner: ch.owner, live: true, timeout: ch.timeout})
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

// refresh gives everybody who is let through the full timeout.
func (k *keeper) refresh() {
	if k.replaces {
		k.sample() // the counters begin anew
	}
	var changes []change
	for _, entries := range k.elements {
		for _, e := range entries {
			if e.live {
				ch := k.adding(e.entry, e.owner, e)
				ch.remove = k.replaces
				changes = append(changes, ch)
			}
		}
	}
	if err := k.commit(changes); err != nil {
		k.f.log.Error("sessions were not kept alive; trying again", "elements", len(changes), "error", err)
	}
}

// sample reads the counters, and sees to it that the kernel has what it should and nothing else.
func (k *keeper) sample() {
	if !k.loaded {
		return
	}
	all, err := k.wire.list(holders)
	if err != nil {
		k.f.log.Warn("the sets were not read", "error", err)
		return
	}
	there := make(map[entry]bool, len(all))
	var strange, missing []change
	for _, f := range all {
		there[f.entry] = true
		if e := k.find(f.entry); e != nil {
			e.count(f.bytes)
		} else {
			strange = append(strange, change{entry: f.entry, remove: true})
		}
	}
	for _, entries := range k.elements {
		for _, e := range entries {
			if !there[e.entry] && e.live {
				e.base, e.last = e.total(), 0
				missing = append(missing, k.adding(e.entry, e.owner, e))
			} else if !there[e.entry] {
				k.lose(e.entry) // it has expired, and its connections are still known
				k.dirty[e.addr] = true
			}
		}
	}
	k.mend(strange, missing)
	for _, g := range k.grants {
		k.publish(g)
	}
}

// mend undoes what others did to the sets.
func (k *keeper) mend(strange, missing []change) {
	if len(strange)+len(missing) == 0 {
		return
	}
	err := k.commit(append(strange, missing...))
	k.incident(Incident{What: SetsChanged, Elements: len(strange) + len(missing), Err: err})
}

// hear lets hosts through whose MAC has become known.
func (k *keeper) hear() {
	if len(k.waiting) == 0 {
		return
	}
	look, err := k.wire.lookAround(len(k.waiting))
	if err != nil {
		k.f.log.Warn("the interfaces were not read", "error", err)
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
	if _, err := k.settle(st); err != nil {
		k.f.log.Error("hosts that were heard of were not let through; trying again", "error", err)
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
