package firewall

import (
	"crypto/sha256"
	"errors"
	"fmt"
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
	gen, err := k.wire.generation()
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

// restore puts the table back when it is not as it was loaded.
func (k *keeper) restore() error {
	sum, there, err := k.wire.fingerprint()
	if k.complain("reading its table back", err); err != nil || there && sum == k.sum {
		return err
	}
	i := Incident{What: TableChanged}
	if !there {
		i.What = TableRemoved
	}
	switch i.Err = k.load(true); {
	case i.Err != nil:
		k.clean = false // connections go on without the table
	case !there || !k.clean:
		k.sweep()
	}
	k.incident(i)
	return i.Err
}

// loadTries is how often a table is loaded into which others put their hands at that very moment.
const loadTries = 5

// load puts the plan in force: with the sets that are there, or with a table made anew. Both are one step, in which nobody
// who is let through meets a table without them. Afterwards it is known what the table is like, or watch looks at once:
// what others do while it is loaded, such as removing all tables, would count as ours otherwise.
func (k *keeper) load(anew bool) error {
	before, err := k.wire.generation()
	if err != nil {
		return err
	}
	disturbed := k.loaded && before != k.gen
	for range loadTries {
		alone, there, err := k.loadOnce(anew)
		if err != nil {
			return err
		}
		if alone {
			if disturbed {
				k.gen-- // nobody knows yet what they did to the sets
			}
			return nil
		}
		disturbed, anew = true, anew || !there
	}
	k.gen--
	k.sum = [sha256.Size]byte{}
	return nil
}

// loadOnce tells whether nobody else changed any table meanwhile, and whether ours is there.
func (k *keeper) loadOnce(anew bool) (alone, there bool, err error) {
	before, err := k.wire.generation()
	if err != nil {
		return false, false, err
	}
	text := ""
	if anew {
		text = k.plan.anew(k.members())
	} else if text, err = k.adopting(); err != nil {
		return false, false, err
	}
	began := time.Now()
	if err := k.nft.load(text); err != nil {
		return false, false, fmt.Errorf("loading the table %s: %w", Table, err)
	}
	k.loaded = true
	if anew {
		k.beginCounting(began)
	}
	if k.sum, there, err = k.wire.fingerprint(); err != nil {
		return false, false, err
	}
	delete(k.failed, TableRemoved)
	delete(k.failed, TableChanged)
	delete(k.failed, SetsChanged) // whoever asked for the load takes it that all is well
	k.gen, err = k.wire.generation()
	return k.gen == before+1, there, err
}

// adopting puts the plan into the table that is there. Chains that are none of ours go: those of another version of this
// program, and those that somebody has put in while nobody watched.
func (k *keeper) adopting() (text string, err error) {
	strange, err := k.wire.strangeChains(k.plan.chains())
	if err != nil {
		return "", fmt.Errorf("listing the chains of %s: %w", Table, err)
	}
	if len(strange) > 0 {
		k.f.log.Warn("removing chains that do not belong to this table", "table", Table, "chains", strange)
	}
	return k.plan.over(strange), nil
}

// members is everybody who is let through, as nft takes elements, by the name of their set.
func (k *keeper) members() map[string][]string {
	members := map[string][]string{}
	for _, entries := range k.elements {
		for _, e := range entries {
			if e.live {
				ch := k.adding(e.entry, e.owner, e)
				members[e.set.name] = append(members[e.set.name], fmt.Sprintf("%s timeout %dms comment %q", e.entry, ch.timeout.Milliseconds(), e.owner))
			}
		}
	}
	return members
}

// beginCounting notes that all elements are new, and that those of the process before are gone.
func (k *keeper) beginCounting(began time.Time) {
	for _, entries := range k.elements {
		for _, e := range entries {
			if e.live {
				e.base, e.last, e.timeout = e.total(), 0, k.adding(e.entry, e.owner, e).timeout
				e.expires = began.Add(e.timeout)
			} else {
				k.lose(e.entry)
			}
		}
	}
}

// checkFlowtables reports a flowtable that has appeared over our interfaces, once.
func (k *keeper) checkFlowtables() {
	err := k.wire.checkFlowtables(k.plan)
	var found *FlowtableError
	if !errors.As(err, &found) {
		delete(k.failed, Bypassed)
		return
	}
	k.incident(Incident{What: Bypassed, Err: err})
}
