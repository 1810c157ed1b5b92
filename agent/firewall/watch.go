package firewall

import (
	"errors"
	"time"
)

// What others do to the table.
const (
	TableRemoved = "table_removed"
	TableChanged = "table_changed"
	SetsChanged  = "sets_changed"       // elements were removed, or added by somebody else
	Bypassed     = "flowtable_appeared" // a foreign flowtable carries packets past the rules
)

// Incident is something that somebody else did, and that was put right unless Err says otherwise. Putting it right is tried
// again until it works, which is an Incident of its own; a failure that stays the same is told once.
type Incident struct {
	At       time.Time
	What     string // one of the constants
	Elements int    // of SetsChanged
	Err      error
}

func (k *keeper) incident(i Incident) {
	if !k.news(i.What, i.Err) && i.Err != nil {
		return
	}
	i.At = time.Now()
	k.f.log.Warn("the firewall was changed by somebody else", "event", "firewall_"+i.What, "elements", i.Elements, "error", i.Err)
	if k.f.report != nil {
		k.f.report(i)
	}
}

// news tells whether something does not work for another reason than before, or works again.
func (k *keeper) news(what string, err error) bool {
	before := k.failed[what]
	if err == nil {
		delete(k.failed, what)
		return before != ""
	}
	k.failed[what] = err.Error()
	return before != err.Error()
}

// complain logs that something does not work, and that it works again. What is tried twice a second would fill the log
// otherwise.
func (k *keeper) complain(doing string, err error) {
	switch news := k.news(doing, err); {
	case news && err != nil:
		k.f.log.Error("the firewall has trouble "+doing+"; trying again", "error", err)
	case news:
		k.f.log.Info("the firewall has no more trouble " + doing)
	}
}

// watch looks whether anything of nftables was changed by others, which costs next to nothing while it was not.
func (k *keeper) watch() {
	if !k.loaded {
		return
	}
	gen, err := k.kernel.generation()
	if k.complain("asking whether the tables were changed", err); err != nil || gen == k.gen {
		return
	}
	k.gen = gen
	if err := k.restore(); err != nil {
		k.gen-- // and once more
		return
	}
	k.sample()
	k.checkFlowtables()
}

// checkFlowtables reports a flowtable that has appeared over our interfaces, once.
func (k *keeper) checkFlowtables() {
	err := k.kernel.checkFlowtables(k.plan)
	var found *FlowtableError
	if !errors.As(err, &found) {
		delete(k.failed, Bypassed)
		return
	}
	k.incident(Incident{What: Bypassed, Err: err})
}
