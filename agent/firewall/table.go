package firewall

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// apply puts a plan in force. A foreign flowtable past the rules is told in the end: rules beside one are better than none.
func (k *keeper) apply(p Plan) error {
	if p.Empty() {
		return k.clear(p)
	}
	past := k.kernel.checkFlowtables(p)
	if !isFlowtable(past) && past != nil {
		return past
	}
	now, err := k.kernel.snapshot(len(k.holders))
	if err != nil {
		return err
	}
	former, was := k.plan, k.loaded
	k.plan = p
	if err := k.load(false); err != nil { // a table whose sets or chains are not what they should be cannot be adopted
		if again := k.load(true); again != nil {
			k.plan, k.loaded = former, was
			return err
		}
		k.f.log.Warn("the table of the process before could not be adopted and was made anew", "error", err)
	}
	if !was || !k.swept || !slices.Equal(former.local(), p.local()) {
		k.sweep()
	}
	k.f.log.Info("the firewall is in force", "lan", namesOf(p.LAN), "wan", namesOf(p.WAN), "tunnel", p.Tunnel)
	var touched []netip.Addr
	k.placeAll(slices.Collect(maps.Values(k.holders)), now, everybody, &touched)
	_, err = k.reconcile(touched)
	k.publishAll()
	if err != nil {
		return err
	}
	return past
}

// clear removes the table. Who is let through is remembered, in case there will be one again.
func (k *keeper) clear(p Plan) error {
	if err := k.kernel.remove(Table); err != nil {
		return err
	}
	k.plan, k.loaded, k.gen = p, false, 0
	clear(k.elements)
	for _, a := range k.holders {
		a.at = place{}
	}
	for _, s := range k.sessions {
		s.rx, s.tx = 0, 0
	}
	k.publishAll()
	return nil
}

// restore puts the table back when it is not as it was loaded.
func (k *keeper) restore() error {
	sum, there, err := k.kernel.fingerprint()
	if k.complain("reading its table back", err); err != nil || there && sum == k.sum {
		return err
	}
	i := Incident{What: TableChanged}
	if !there {
		i.What = TableRemoved
	}
	switch i.Err = k.load(true); {
	case i.Err != nil:
		k.swept = false // connections go on without the table
	case !there || !k.swept:
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
	before, err := k.kernel.generation()
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
	before, err := k.kernel.generation()
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
		k.restartAll(began)
	}
	if k.sum, there, err = k.kernel.fingerprint(); err != nil {
		return false, false, err
	}
	delete(k.failed, TableRemoved)
	delete(k.failed, TableChanged)
	delete(k.failed, SetsChanged) // whoever asked for the load takes it that all is well
	k.gen, err = k.kernel.generation()
	return k.gen == before+1, there, err
}

// adopting puts the plan into the table that is there. Chains that are none of ours go: those of another version of this
// program, and those that somebody has put in while nobody watched.
func (k *keeper) adopting() (text string, err error) {
	chains, err := k.kernel.chains()
	if err != nil {
		return "", fmt.Errorf("listing the chains of %s: %w", Table, err)
	}
	rules := k.plan.render(nil)
	strange := slices.DeleteFunc(chains, func(name string) bool { return strings.Contains(rules, "\tchain "+name+" {\n") })
	if len(strange) > 0 {
		k.f.log.Warn("removing chains that do not belong to this table", "table", Table, "chain", strange)
	}
	return k.plan.over(strange), nil
}

// members is everybody who is let through, as nft takes elements, by the name of their set.
func (k *keeper) members() map[string][]string {
	members := map[string][]string{}
	k.each(func(e *element) {
		if k.wants(e) {
			ch := k.adding(e.entry, e.owner, e)
			members[e.set.name] = append(members[e.set.name], fmt.Sprintf("%s timeout %dms comment %q", e.entry, ch.timeout.Milliseconds(), e.owner))
		}
	})
	return members
}

// restartAll notes that all elements are new, and that those that should not be there are gone.
func (k *keeper) restartAll(began time.Time) {
	k.each(func(e *element) {
		if !k.wants(e) {
			k.lose(e.entry)
			return
		}
		e.restart()
		e.timeout = k.adding(e.entry, e.owner, e).timeout
		e.expires = began.Add(e.timeout)
	})
}
