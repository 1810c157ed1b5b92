package firewall

import (
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

func (r *reconciler) revoke(tasks []*task) {
	var touched []netip.Addr
	for _, t := range tasks {
		if s := r.sessions[t.session]; s != nil && s.isAt(t.sessionInfo) {
			touched = append(touched, r.end(s)...)
		}
		switch cur := r.addresses[t.addr]; {
		case t.kind == agent.KindVPN && cur != nil: // another session has the address by now
		case t.kind == agent.KindVPN:
			touched = append(touched, r.markForRemoval(t.session, t.addr)...)
		case cur == nil:
			touched = append(touched, r.markForRemoval("", t.addr)...)
		default:
			touched = append(touched, r.removeAddress(cur)...)
		}
	}
	r.closeAddresses(touched)
}

func (r *reconciler) revokeAddresses(tasks []*task) {
	var touched []netip.Addr
	for _, t := range tasks {
		switch cur := r.addresses[t.addr]; {
		case cur == nil:
			touched = append(touched, r.markForRemoval(t.session, t.addr)...)
		case cur.of.session == t.session && !cur.isOwn():
			touched = append(touched, r.removeAddress(cur)...)
		}
	}
	r.closeAddresses(touched)
}

// isAt reports whether a session still has the address and kind that it is revoked with. It may have moved meanwhile.
func (s *grantedSession) isAt(c sessionInfo) bool {
	return s.sessionInfo.addr == c.addr && (s.kind == agent.KindVPN) == (c.kind == agent.KindVPN)
}

// removeAddresses removes all addresses from a session and returns them.
func (r *reconciler) removeAddresses(s *grantedSession) (addrs []netip.Addr) {
	for _, a := range s.addrs {
		delete(r.addresses, a.addr)
		addrs = append(addrs, a.addr)
	}
	s.addrs = nil
	return addrs
}

func (r *reconciler) end(s *grantedSession) []netip.Addr {
	delete(r.sessions, s.session)
	r.publish(s)
	return r.removeAddresses(s)
}

// removeAddress removes an address from its session, or the whole session if the address is its own. It returns the removed
// addresses.
func (r *reconciler) removeAddress(a *address) []netip.Addr {
	s := a.of
	if a.isOwn() {
		return r.end(s)
	}
	delete(r.addresses, a.addr)
	s.addrs = slices.DeleteFunc(s.addrs, func(o *address) bool { return o == a })
	r.publish(s)
	return []netip.Addr{a.addr}
}

// markForRemoval marks the elements of an address from the previous process for removal if the session has one of them; an empty
// ID means any session. It returns the addresses to reconcile.
func (r *reconciler) markForRemoval(session string, a netip.Addr) []netip.Addr {
	if session != "" && !slices.ContainsFunc(r.elements[a], func(e *element) bool { return e.session == session }) {
		return nil
	}
	for _, e := range r.elements[a] {
		e.inherited = false
	}
	return []netip.Addr{a}
}

// updating is the name of closeAddresses and retry in the log: removals and, in retry, additions too.
const updating = "updating addresses"

// closeAddresses removes the elements that addresses should not have. If it fails, retry repeats it.
func (r *reconciler) closeAddresses(addrs []netip.Addr) {
	d := r.compare(addrs)
	if len(d.before) == 0 {
		return
	}
	err := r.commit(d.before)
	if r.logResult(updating, err); err != nil {
		return
	}
	if err := r.disconnect(d.disconnect); err != nil { // the next grant of the address repeats it
		r.f.log.Warn("the connections of closed addresses were not deleted", "addresses", len(d.disconnect), "error", err)
	}
}
