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

// apply puts a plan in force. A foreign flowtable does not prevent that; its error is returned at the end.
func (r *reconciler) apply(p Plan) error {
	if p.Empty() {
		return r.clear(p)
	}
	bypass := r.kernel.checkFlowtables(p)
	if !isFlowtable(bypass) && bypass != nil {
		return bypass
	}
	now, err := r.kernel.snapshot(len(r.addresses))
	if err != nil {
		return err
	}
	former, was := r.plan, r.loaded
	r.plan = p
	if err := r.load(false); err != nil { // existing sets or chains may not fit
		if again := r.load(true); again != nil {
			r.plan, r.loaded = former, was
			return err
		}
		r.f.log.Warn("the table of the previous process could not be adopted and was created again", "error", err)
	}
	if !was || !r.swept || !slices.Equal(former.local(), p.local()) {
		r.sweep()
	}
	r.f.log.Info("the firewall is in force", "lan", namesOf(p.LAN), "wan", namesOf(p.WAN), "tunnel", p.Tunnel)
	var touched []netip.Addr
	r.placeAll(slices.Collect(maps.Values(r.addresses)), now, keepAllMACs, &touched)
	_, err = r.reconcile(touched)
	r.logResult(updating, err) // retry makes up for it: the rules are in force
	r.publishAll()
	return bypass
}

// clear removes the table. The sessions stay known, in case a later plan creates it again.
func (r *reconciler) clear(p Plan) error {
	if err := r.kernel.remove(Table); err != nil {
		return err
	}
	r.plan, r.loaded, r.gen = p, false, 0
	clear(r.elements)
	for _, a := range r.addresses {
		a.at = place{}
	}
	for _, s := range r.sessions {
		s.rx, s.tx = 0, 0
	}
	r.publishAll()
	return nil
}

// restore loads the table again if it is not as it was loaded.
func (r *reconciler) restore() error {
	sum, there, err := r.kernel.fingerprint()
	if r.logResult("reading its table back", err); err != nil || there && sum == r.sum {
		return err
	}
	i := Incident{What: TableChanged}
	if !there {
		i.What = TableRemoved
	}
	switch i.Err = r.load(true); {
	case i.Err != nil:
		r.swept = false // nothing is filtered without the table
	case !there || !r.swept:
		r.sweep()
	}
	r.incident(i)
	return i.Err
}

// loadTries limits how often a table is loaded again because others changed nftables meanwhile.
const loadTries = 5

// load loads the plan in one transaction, into the existing table or, with anew, into a new one with all elements. If others
// change nftables meanwhile, the fingerprint may include their changes: then it loads again, and after loadTries makes
// watch check the table.
func (r *reconciler) load(anew bool) error {
	before, err := r.kernel.generation()
	if err != nil {
		return err
	}
	disturbed := r.loaded && before != r.gen
	for range loadTries {
		alone, there, err := r.loadOnce(anew)
		if err != nil {
			return err
		}
		if alone {
			if disturbed {
				r.gen-- // so that watch checks the sets
			}
			return nil
		}
		disturbed, anew = true, anew || !there
	}
	r.gen--
	r.sum = [sha256.Size]byte{}
	return nil
}

// loadOnce reports whether nobody else changed nftables meanwhile, and whether our table exists.
func (r *reconciler) loadOnce(anew bool) (alone, there bool, err error) {
	before, err := r.kernel.generation()
	if err != nil {
		return false, false, err
	}
	text := ""
	if anew {
		text = r.plan.recreate(r.members())
	} else if text, err = r.adoptionText(); err != nil {
		return false, false, err
	}
	began := time.Now()
	if err := r.nft.load(text); err != nil {
		return false, false, fmt.Errorf("loading the table %s: %w", Table, err)
	}
	r.loaded = true
	if anew {
		r.restartAll(began)
	}
	if r.sum, there, err = r.kernel.fingerprint(); err != nil {
		return false, false, err
	}
	delete(r.failed, TableRemoved)
	delete(r.failed, TableChanged)
	delete(r.failed, SetsChanged)
	r.gen, err = r.kernel.generation()
	return r.gen == before+1, there, err
}

// adoptionText returns the text that loads the plan into the existing table and deletes unknown chains: those of another
// version of this program, and those that somebody has added.
func (r *reconciler) adoptionText() (text string, err error) {
	chains, err := r.kernel.chains()
	if err != nil {
		return "", fmt.Errorf("listing the chains of %s: %w", Table, err)
	}
	rules := r.plan.render(nil)
	unknown := slices.DeleteFunc(chains, func(name string) bool { return strings.Contains(rules, "\tchain "+name+" {\n") })
	if len(unknown) > 0 {
		r.f.log.Warn("removing chains that do not belong to this table", "table", Table, "chain", unknown)
	}
	return r.plan.replaceRules(unknown), nil
}

// members returns the wanted elements in nft's syntax, by name of their set.
func (r *reconciler) members() map[string][]string {
	members := map[string][]string{}
	r.each(func(e *element) {
		if r.wants(e) {
			ch := r.addition(e.entry, e.owner, e)
			members[e.set.name] = append(members[e.set.name], fmt.Sprintf("%s timeout %dms comment %q", e.entry, ch.timeout.Milliseconds(), e.owner))
		}
	})
	return members
}

// restartAll records that the table was created again with all wanted elements.
func (r *reconciler) restartAll(began time.Time) {
	r.each(func(e *element) {
		if !r.wants(e) {
			r.recordRemoved(e.entry)
			return
		}
		e.restart()
		e.timeout = r.addition(e.entry, e.owner, e).timeout
		e.expires = began.Add(e.timeout)
	})
}
