package firewall

import (
	"errors"
	"time"
)

// Values of Incident.What.
const (
	TableRemoved = "table_removed"
	TableChanged = "table_changed"
	SetsChanged  = "sets_changed"       // elements were removed, or added by somebody else
	Bypassed     = "flowtable_appeared" // a foreign flowtable bypasses the rules
)

// Incident is a change by somebody else. It was undone unless Err is set. Undoing is repeated until it succeeds, which is
// another Incident. A failure is reported again only when its error changes.
type Incident struct {
	At       time.Time
	What     string // one of the constants
	Elements int    // of SetsChanged
	Err      error
}

func (r *reconciler) incident(i Incident) {
	if !r.recordResult(i.What, i.Err) && i.Err != nil {
		return
	}
	i.At = time.Now()
	r.f.log.Warn("the firewall was changed by somebody else", "event", "firewall_"+i.What, "elements", i.Elements, "error", i.Err)
	if r.f.report != nil {
		r.f.report(i)
	}
}

// recordResult records the result of an operation. It reports whether the operation fails with a new error or works again.
func (r *reconciler) recordResult(what string, err error) bool {
	before := r.failed[what]
	if err == nil {
		delete(r.failed, what)
		return before != ""
	}
	r.failed[what] = err.Error()
	return before != err.Error()
}

// logResult logs that an operation fails, once for each error, and that it works again.
func (r *reconciler) logResult(doing string, err error) {
	switch changed := r.recordResult(doing, err); {
	case changed && err != nil:
		r.f.log.Error("the firewall failed "+doing+"; trying again", "error", err)
	case changed:
		r.f.log.Info("the firewall works again: " + doing)
	}
}

// watch checks whether others changed nftables, and undoes changes of our table. Without changes it is one short request.
func (r *reconciler) watch() {
	if !r.loaded {
		return
	}
	gen, err := r.kernel.generation()
	if r.logResult("asking whether the tables were changed", err); err != nil || gen == r.gen {
		return
	}
	r.gen = gen
	if err := r.restore(); err != nil {
		r.gen-- // try again
		return
	}
	r.sample()
	r.checkFlowtables()
}

// checkFlowtables reports, once, a flowtable that has appeared on our interfaces.
func (r *reconciler) checkFlowtables() {
	err := r.kernel.checkFlowtables(r.plan)
	var found *FlowtableError
	if !errors.As(err, &found) {
		delete(r.failed, Bypassed)
		return
	}
	r.incident(Incident{What: Bypassed, Err: err})
}
