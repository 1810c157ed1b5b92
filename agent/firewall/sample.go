package firewall

import (
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

// refresh gives everybody who is let through the full timeout. Tasks need not wait for the last of many.
func (k *keeper) refresh() {
	if k.replaces || k.late() {
		k.sample() // the counters begin anew
	}
	var all []*element
	k.each(func(e *element) { all = append(all, e) })
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
		if k.wants(e) && k.find(e.entry) == e {
			ch := k.adding(e.entry, e.owner, e)
			ch.remove = k.replaces
			changes = append(changes, ch)
		}
	}
	return changes
}

// late tells whether elements have run out before they were refreshed.
func (k *keeper) late() (late bool) {
	now := time.Now()
	k.each(func(e *element) { late = late || now.After(e.expires) && k.wants(e) })
	return late
}

// sample reads the counters, and sees to it that the kernel has what it should and nothing else.
func (k *keeper) sample() {
	if !k.loaded {
		return
	}
	all, err := k.kernel.list(sessionSets)
	if k.complain("reading the sets", err); err != nil {
		return
	}
	var strange []change
	for _, f := range all {
		if e := k.find(f.entry); e != nil {
			e.sampled = true
			e.count(f.bytes)
		} else {
			strange = append(strange, change{entry: f.entry, remove: true})
		}
	}
	k.repair(strange, k.missing())
	k.publishAll()
}

// missing are the elements that the sample should have shown.
func (k *keeper) missing() (list []*element) {
	k.each(func(e *element) {
		switch {
		case e.sampled:
			e.sampled = false
		case k.wants(e):
			e.restart()
			list = append(list, e)
		default:
			k.lose(e.entry) // it has expired, and its connections are still known
			k.unswept[e.addr] = true
		}
	})
	return list
}

// repair undoes what others did to the sets, and lets those through again whose elements have run out: the sessions are
// live, or they would have been revoked. That is nobody's doing. The kernel's timeouts and our clock stand still together
// while the machine is suspended, and go on together while this process is stopped, so that our clock knows what has run
// out.
func (k *keeper) repair(strange []change, missing []*element) {
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
