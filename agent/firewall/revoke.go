package firewall

import (
	"net/netip"

	"ideco-agent/agent"
)

// revoke does tasks that take sessions away.
func (k *keeper) revoke(tasks []*task) {
	var st settling
	for _, t := range tasks {
		if g := k.grants[t.session]; g != nil && g.isAt(t.client) {
			k.depart(g, &st)
		}
		if t.kind != agent.KindVPN {
			k.vacate(t.addr, &st)
		} else if k.holders[t.addr] == nil {
			k.clearLeft(t.session, t.addr, &st)
		}
	}
	k.takeAway(st)
}

// revokeAddresses does tasks that take further addresses away.
func (k *keeper) revokeAddresses(tasks []*task) {
	var st settling
	for _, t := range tasks {
		switch h := k.holders[t.addr]; {
		case h == nil: // what could not be let through after all, or is of the process before
			k.clearLeft(t.session, t.addr, &st)
		case h.of.session == t.session && !h.isOwn():
			st.clear(k, h.addr)
			k.drop(h)
			k.publish(h.of)
		}
	}
	k.takeAway(st)
}

// depart ends a session.
func (k *keeper) depart(g *granted, st *settling) {
	k.empty(g, st)
	delete(k.grants, g.session)
	k.publish(g)
}

// vacate closes an address of the LAN, whoever has it: a session whose own it is ends, and so does what a process before
// has left there.
func (k *keeper) vacate(a netip.Addr, st *settling) {
	switch h := k.holders[a]; {
	case h == nil:
		st.clear(k, a)
	case h.isOwn():
		k.depart(h.of, st)
	default:
		st.clear(k, a)
		k.drop(h)
		k.publish(h.of)
	}
}

// clearLeft closes an address that nobody has, as far as it was a session's.
func (k *keeper) clearLeft(session string, a netip.Addr, st *settling) {
	for _, e := range k.elements[a] {
		if e.session == session {
			st.clear(k, a)
			return
		}
	}
}

// isAt tells whether a session is still where the one that ends was. It may have moved, with its ID.
func (g *granted) isAt(c client) bool {
	return len(g.addrs) > 0 && g.addrs[0].addr == c.addr && (g.kind == agent.KindVPN) == (c.kind == agent.KindVPN)
}

// closing is what complain calls it.
const closing = "closing addresses"

// takeAway removes elements now or later.
func (k *keeper) takeAway(st settling) {
	if len(st.before) == 0 {
		return
	}
	err := k.commit(st.before)
	if k.complain(closing, err); err != nil {
		k.later(st.before)
		return
	}
	if err := k.forget(st.forget); err != nil { // it is done again before the address goes to anybody
		k.f.log.Warn("the connections of closed addresses were not forgotten", "addresses", len(st.forget), "error", err)
	}
}

// later has removals tried again.
func (k *keeper) later(removals []change) {
	for _, ch := range removals {
		k.leaving[ch.addr] = true
	}
}

// retry closes what could not be closed before.
func (k *keeper) retry() {
	if len(k.leaving) == 0 {
		return
	}
	var st settling
	for a := range k.leaving {
		delete(k.leaving, a)
		if k.holders[a] == nil {
			st.clear(k, a)
		}
	}
	if len(st.before) == 0 { // somebody has the addresses again, or nothing is left there
		k.complain(closing, nil)
	}
	k.takeAway(st)
}
