package firewall

import "ideco-agent/agent"

// revoke does tasks that take away.
func (k *keeper) revoke(tasks []*task) {
	var st settling
	for _, t := range tasks {
		if g := k.grants[t.session.ID]; g != nil && g.isAt(t.session) {
			k.empty(g, &st)
			delete(k.grants, t.session.ID)
			k.publish(g)
		}
		if a := t.session.Address; k.holders[a] == nil && len(k.elements[a]) > 0 { // of the process before
			st.clear(k, a)
		}
	}
	k.takeAway(st)
}

// isAt tells whether a session is still where the one that ends was. It may have moved, with its ID.
func (g *granted) isAt(s agent.Session) bool {
	return len(g.addrs) > 0 && g.addrs[0].addr == s.Address && (g.session.Kind == agent.KindVPN) == (s.Kind == agent.KindVPN)
}

// takeAway removes elements now or later. They are not refreshed any more in any case.
func (k *keeper) takeAway(st settling) {
	for _, ch := range st.before {
		if e := k.elements[ch.addr][ch.entry]; e != nil {
			e.live = false
		}
	}
	if err := k.commit(st.before); err != nil {
		k.f.log.Error("addresses were not closed; trying again", "addresses", len(st.forget), "error", err)
		for _, a := range st.forget {
			k.leaving[a] = true
		}
		return
	}
	if err := k.forget(st.forget); err != nil { // it is done again before the address goes to anybody
		k.f.log.Warn("the connections of closed addresses were not forgotten", "addresses", len(st.forget), "error", err)
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
	k.takeAway(st)
}
