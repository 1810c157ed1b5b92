package firewall

import (
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// revoke does tasks that take sessions away.
func (k *keeper) revoke(tasks []*task) {
	var touched []netip.Addr
	for _, t := range tasks {
		if s := k.sessions[t.session]; s != nil && s.isAt(t.client) {
			touched = append(touched, k.end(s)...)
		}
		switch h := k.holders[t.addr]; {
		case t.kind == agent.KindVPN && h != nil: // another's by now
		case t.kind == agent.KindVPN:
			touched = append(touched, k.disown(t.session, t.addr)...)
		case h == nil:
			touched = append(touched, k.disown("", t.addr)...)
		default:
			touched = append(touched, k.withdraw(h)...)
		}
	}
	k.closeAddresses(touched)
}

// revokeAddresses does tasks that take further addresses away.
func (k *keeper) revokeAddresses(tasks []*task) {
	var touched []netip.Addr
	for _, t := range tasks {
		switch h := k.holders[t.addr]; {
		case h == nil:
			touched = append(touched, k.disown(t.session, t.addr)...)
		case h.of.session == t.session && !h.isOwn():
			touched = append(touched, k.withdraw(h)...)
		}
	}
	k.closeAddresses(touched)
}

// isAt tells whether a session is still where the one that ends was. It may have moved, with its ID.
func (s *granted) isAt(c client) bool {
	return s.client.addr == c.addr && (s.kind == agent.KindVPN) == (c.kind == agent.KindVPN)
}

// leave takes all addresses from a session, and returns them.
func (k *keeper) leave(s *granted) (addrs []netip.Addr) {
	for _, a := range s.addrs {
		delete(k.holders, a.addr)
		addrs = append(addrs, a.addr)
	}
	s.addrs = nil
	return addrs
}

// end ends a session, and returns the addresses that it had.
func (k *keeper) end(s *granted) []netip.Addr {
	delete(k.sessions, s.session)
	k.publish(s)
	return k.leave(s)
}

// withdraw takes an address from its session, which ends with its own. It returns what is nobody's by that.
func (k *keeper) withdraw(a *address) []netip.Addr {
	s := a.of
	if a.isOwn() {
		return k.end(s)
	}
	delete(k.holders, a.addr)
	s.addrs = slices.DeleteFunc(s.addrs, func(o *address) bool { return o == a })
	k.publish(s)
	return []netip.Addr{a.addr}
}

// disown has what a process before has left at an address removed, as far as it was a session's; of any without an ID.
func (k *keeper) disown(session string, a netip.Addr) []netip.Addr {
	if session != "" && !slices.ContainsFunc(k.elements[a], func(e *element) bool { return e.session == session }) {
		return nil
	}
	for _, e := range k.elements[a] {
		e.inherited = false
	}
	return []netip.Addr{a}
}

// closing is what complain calls it.
const closing = "closing addresses"

// closeAddresses removes what addresses have that should have nothing, now or later.
func (k *keeper) closeAddresses(addrs []netip.Addr) {
	d := k.compare(addrs)
	if len(d.before) == 0 {
		return
	}
	err := k.commit(d.before)
	if k.complain(closing, err); err != nil {
		return
	}
	if err := k.forget(d.forget); err != nil { // it is done again before the address goes to anybody
		k.f.log.Warn("the connections of closed addresses were not forgotten", "addresses", len(d.forget), "error", err)
	}
}
