package firewall

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// What others do to the table.
const (
	TableRemoved = "table_removed"
	TableChanged = "table_changed"
	SetsChanged  = "sets_changed"       // elements were removed, or added by somebody else
	Bypassed     = "flowtable_appeared" // a foreign flowtable carries packets past the rules
)

// Incident is something that somebody else did, and that was put right unless Err says otherwise.
type Incident struct {
	At       time.Time
	What     string // one of the constants
	Elements int    // of SetsChanged
	Err      error
}

func (k *keeper) incident(i Incident) {
	i.At = time.Now()
	k.f.log.Warn("the firewall was changed by somebody else", "event", "firewall_"+i.What, "elements", i.Elements, "error", i.Err)
	if k.f.report != nil {
		k.f.report(i)
	}
}

// watch looks whether anything of nftables was changed by others, which costs next to nothing while it was not.
func (k *keeper) watch() {
	if !k.loaded {
		return
	}
	gen, err := generation()
	if err != nil || gen == k.gen {
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
	sum, there, err := fingerprint()
	if err != nil || there && sum == k.sum {
		return err
	}
	i := Incident{What: TableChanged}
	if !there {
		i.What = TableRemoved
	}
	i.Err = errors.Join(k.load(true), k.repeat())
	k.incident(i)
	return i.Err
}

// repeat adds everybody to a table that was made anew.
func (k *keeper) repeat() error {
	var changes []change
	for _, entries := range k.elements {
		for key, e := range entries {
			if e.live {
				e.base, e.last = e.total(), 0
				changes = append(changes, change{entry: key, add: true, owner: e.owner})
			} else {
				k.lose(key)
			}
		}
	}
	for part := range slices.Chunk(changes, perTransaction) {
		if err := commit(part, k.plan.timeout(), false); err != nil {
			return err
		}
		k.gen++
	}
	return nil
}

// load puts the plan in force, with new sets or with those that are there.
func (k *keeper) load(anew bool) error {
	c, err := transaction()
	if err != nil {
		return err
	}
	put := k.plan.load
	if anew {
		put = k.plan.replace
	}
	if err := put(c, Table); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("loading the table %s: %w", Table, err)
	}
	k.loaded = true
	gen, err := generation()
	if err != nil {
		return err
	}
	k.gen = gen
	k.sum, _, err = fingerprint()
	return err
}

// checkFlowtables reports a flowtable that has appeared over our interfaces, once.
func (k *keeper) checkFlowtables() {
	err := k.plan.checkFlowtables()
	var found *FlowtableError
	if !errors.As(err, &found) {
		k.blocked = ""
		return
	}
	if name := found.Table + " " + found.Name; name != k.blocked {
		k.blocked = name
		k.incident(Incident{What: Bypassed, Err: err})
	}
}
