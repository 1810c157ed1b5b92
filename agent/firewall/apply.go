package firewall

import (
	"maps"
	"slices"
)

// apply puts a plan in force. A foreign flowtable past the rules is told in the end: rules beside one are better than none.
func (k *keeper) apply(p Plan) error {
	if p.Empty() {
		return k.clear(p)
	}
	past := k.wire.checkFlowtables(p)
	if !isFlowtable(past) && past != nil {
		return past
	}
	look, err := k.wire.lookAround(len(k.holders))
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
	if !was || !k.clean || !slices.Equal(former.local(), p.local()) {
		k.sweep()
	}
	k.f.log.Info("the firewall is in force", "lan", namesOf(p.LAN), "wan", namesOf(p.WAN), "tunnel", p.Tunnel)
	if err := k.replace(look); err != nil {
		return err
	}
	return past
}

// replace brings everybody to where they are under a new plan, at once with a full timeout.
func (k *keeper) replace(look *surroundings) error {
	var st settling
	k.placeAll(slices.Collect(maps.Values(k.holders)), look, everybody, &st)
	_, err := k.settle(st)
	for _, g := range k.grants {
		k.publish(g)
	}
	return err
}

// clear removes the table. Who is let through is remembered, in case there will be one again.
func (k *keeper) clear(p Plan) error {
	if err := k.wire.remove(Table); err != nil {
		return err
	}
	k.plan, k.loaded, k.gen = p, false, 0
	clear(k.elements)
	clear(k.sizes)
	clear(k.waiting)
	for _, h := range k.holders {
		h.placed = false
	}
	for _, g := range k.grants {
		g.rx, g.tx = 0, 0
		k.publish(g)
	}
	return nil
}
