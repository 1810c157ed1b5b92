package firewall

import (
	"errors"
	"fmt"
	"net/netip"

	"ideco-agent/agent"
)

// grantAddress lets a further address of a session through.
func (k *keeper) grantAddress(t *task) error {
	g := k.grants[t.session.ID]
	if g == nil || g.session.Kind == agent.KindVPN {
		return ErrNoSession
	}
	main := g.addrs[0]
	if !main.placed || main.addr == t.address {
		return nil // the rules do not look at it, or it is there
	}
	if other := k.holders[t.address]; other != nil && other.of != g {
		return ErrAddressTaken
	}
	look, err := lookAround(0)
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	at, ok := k.plan.locate(look, g.session.Kind, t.address)
	if !ok || at.routed || at.waits() || at.name != main.at.name || at.mac != main.at.mac {
		return ErrNotSameHost
	}
	var st settling
	h := k.holders[t.address]
	if h == nil {
		if err := k.makeRoom(g, t.address, &st); err != nil {
			return err
		}
		h = &held{of: g, addr: t.address}
		k.holders[t.address], g.addrs = h, append(g.addrs, h)
	}
	k.put(h, at, true, &st)
	err = errors.Join(k.settle(st), k.arrived(h))
	if err != nil {
		k.drop(h)
	}
	k.publish(g)
	return err
}

// makeRoom drops the oldest of too many addresses.
func (k *keeper) makeRoom(g *granted, a netip.Addr, st *settling) error {
	var like []*held
	for _, h := range g.addrs {
		if h.addr.Is4() == a.Is4() {
			like = append(like, h)
		}
	}
	switch {
	case a.Is4() && len(like) > 0:
		return ErrTooMany
	case len(like) < maxIPv6:
		return nil
	}
	oldest := like[0]
	if oldest == g.addrs[0] {
		oldest = like[1]
	}
	st.clear(k, oldest.addr)
	k.drop(oldest)
	return nil
}
