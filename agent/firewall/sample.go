package firewall

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// refreshes reports whether this kernel refreshes an element that is added again with another timeout (Linux 6.12).
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

// refresh gives all elements the full timeout. Between transactions it does queued tasks.
func (r *reconciler) refresh() {
	if r.replaces || r.late() {
		r.sample() // the refresh resets the counters
	}
	var all []*element
	r.each(func(e *element) { all = append(all, e) })
	var failed error
	for part := range slices.Chunk(all, perTransaction) {
		r.work(r.f.take())
		if err := r.commit(r.refreshChanges(part)); err != nil {
			failed = err
		}
	}
	if failed != nil {
		r.f.log.Error("elements were not refreshed; trying again", "elements", len(all), "error", failed)
	}
}

// refreshChanges returns the changes that refresh those of the elements that are still recorded and wanted.
func (r *reconciler) refreshChanges(list []*element) (changes []change) {
	for _, e := range list {
		if r.wants(e) && r.find(e.entry) == e {
			ch := r.addition(e.entry, e.owner, e)
			ch.remove = r.replaces
			changes = append(changes, ch)
		}
	}
	return changes
}

// late reports whether elements have expired before they were refreshed.
func (r *reconciler) late() (late bool) {
	now := time.Now()
	r.each(func(e *element) { late = late || now.After(e.expires) && r.wants(e) })
	return late
}

// sample reads the counters and repairs differences between the recorded elements and those of the kernel.
func (r *reconciler) sample() {
	if !r.loaded {
		return
	}
	all, err := r.kernel.list(sessionSets)
	if r.logResult("reading the sets", err); err != nil {
		return
	}
	var foreign []change
	for _, f := range all {
		if e := r.find(f.entry); e != nil {
			e.sampled = true
			e.count(f.bytes)
		} else {
			foreign = append(foreign, change{entry: f.entry, remove: true})
		}
	}
	r.repair(foreign, r.missing())
	r.publishAll()
}

// Recount reads the counters of sessions, so that Traffic is up to date. It gives up when ctx ends.
func (f *Firewall) Recount(ctx context.Context, sessionIDs []string) {
	if f.mode == ModeOff {
		return
	}
	_ = f.call(ctx, func(r *reconciler) error { r.recount(sessionIDs); return nil })
}

// recount reads the elements of up to maxSingleReads sessions one by one, and all elements for more sessions.
func (r *reconciler) recount(ids []string) {
	if !r.loaded {
		return
	}
	if len(ids) > maxSingleReads {
		r.sample()
		return
	}
	for _, id := range ids {
		s := r.sessions[id]
		if s == nil {
			continue
		}
		for _, a := range s.addrs {
			for _, e := range r.elements[a.addr] {
				bytes, ok, err := r.kernel.bytesOf(e.entry)
				if r.logResult("reading a counter", err); ok && e.session == id {
					e.count(bytes)
				}
			}
		}
		r.publish(s)
	}
}

// missing returns the wanted elements that the sample did not find.
func (r *reconciler) missing() (list []*element) {
	r.each(func(e *element) {
		switch {
		case e.sampled:
			e.sampled = false
		case r.wants(e):
			e.restart()
			list = append(list, e)
		default:
			r.recordRemoved(e.entry) // it has expired, and its connections are still known
			r.unswept[e.addr] = true
		}
	})
	return list
}

// repair undoes changes that others made to the sets, and restores elements that have expired. The latter is no incident:
// this process was stopped. The kernel's timeouts and our monotonic clock both stop while the machine is suspended and both
// run while this process is stopped, so the clock tells expired elements from removed ones.
func (r *reconciler) repair(foreign []change, missing []*element) {
	now := time.Now().Add(clockTick)
	var late []change
	for _, e := range missing {
		if ch := r.addition(e.entry, e.owner, e); now.Before(e.expires) {
			foreign = append(foreign, ch)
		} else {
			late = append(late, ch)
		}
	}
	if len(late) > 0 {
		err := r.commit(late)
		if r.logResult("restoring expired elements", err); err == nil {
			r.f.log.Warn("elements expired before they were refreshed, as when this process is stopped; they were restored",
				"elements", len(late))
		}
	}
	if len(foreign) > 0 {
		r.incident(Incident{What: SetsChanged, Elements: len(foreign), Err: r.commit(foreign)})
	}
}
