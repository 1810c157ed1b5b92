package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// grantAddress lets a further address of a session through.
func (k *keeper) grantAddress(t *task) error {
	g := k.grants[t.session]
	if g == nil || g.kind == agent.KindVPN {
		return ErrNoSession
	}
	main := g.addrs[0]
	if !main.placed || main.addr == t.addr {
		return nil // the rules do not look at it, or it is there
	}
	if other := k.holders[t.addr]; other != nil && other.of != g {
		return ErrAddressTaken
	}
	look, err := k.wire.lookAround(0)
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	at, ok := k.plan.locate(look, g.kind, t.addr)
	if !ok || at.routed || at.waits() || at.name != main.at.name || at.mac != main.at.mac {
		return ErrNotSameHost
	}
	var st settling
	h := k.holders[t.addr]
	if h == nil {
		if err := k.makeRoom(g, t.addr, &st); err != nil {
			return err
		}
		h = &held{of: g, addr: t.addr}
		k.holders[t.addr] = h
	}
	g.addrs = append(slices.DeleteFunc(g.addrs, func(o *held) bool { return o == h }), h) // the one that was proved last
	k.put(h, at, true, &st)
	if _, err = k.settle(st); err == nil {
		err = k.arrived(h)
	}
	if err != nil {
		k.drop(h)
	}
	k.publish(g)
	return err
}

// makeRoom drops the address that was granted longest ago when there are too many, but not the session's own.
func (k *keeper) makeRoom(g *granted, a netip.Addr, st *settling) error {
	var further []*held
	count, most := 0, maxIPv6
	if a.Is4() {
		most = 1
	}
	for i, h := range g.addrs {
		if h.addr.Is4() != a.Is4() {
			continue
		}
		if count++; i > 0 {
			further = append(further, h)
		}
	}
	switch {
	case count < most:
		return nil
	case len(further) == 0:
		return ErrTooMany
	}
	st.clear(k, further[0].addr)
	k.drop(further[0])
	return nil
}
