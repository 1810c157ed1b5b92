package access

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// StaticSession is an address in the LAN that an AuthRule authorises as a user.
type StaticSession struct {
	User    agent.UserID
	Address netip.Addr
	Rule    agent.RuleID
	MAC     string // only the computer with this MAC, in lower case with colons; empty = any computer that has the address
	Silent  bool   // the computer does not answer: there must be no session, and a live one ends with idle
}

// staticAtOnce is how many sessions of KindStatic one change begins, or gives another MAC, so that logins do not wait for all of them.
const staticAtOnce = 50

// SetStatic replaces the set of sessions of KindStatic: it begins the missing ones and ends the others: with disabled if the account is
// disabled or deleted, with idle if the set has them as Silent, else with admin. If two have the same address, the first counts. A static session begins when its address is
// free and its account may have access. What failed is tried again by the next call. The end of ctx stops nothing, because the rules are
// saved already.
func (m *Manager) SetStatic(ctx context.Context, set []StaticSession) {
	var changed []*session
	_ = m.change(context.WithoutCancel(ctx), func(c *change) error {
		changed = c.setStatic(set)
		return nil
	})
	for part := range slices.Chunk(changed, staticAtOnce) { // other changes can run in between
		m.always(func(c *change) { c.changeStaticMACs(part) })
	}
	for more := true; more; {
		m.always(func(c *change) { more = c.staticIsDue() })
	}
}

// setStatic ends the sessions of KindStatic that are not in the set, and notes the missing ones. It returns those whose MAC differs.
func (c *change) setStatic(set []StaticSession) (changed []*session) {
	clear(c.static)
	clear(c.staticMissing)
	silent := map[netip.Addr]bool{}
	for _, want := range set {
		want.Address = agent.Unmap(want.Address)
		if silent[want.Address] = want.Silent; want.Silent {
			continue
		}
		if _, known := c.static[want.Address]; !known && want.Address.IsValid() {
			c.static[want.Address], c.staticMissing[want.Address] = want, true
		}
	}
	ending := map[agent.Reason][]*session{}
	for _, s := range c.allSessions() {
		if s.Kind != agent.KindStatic {
			continue
		}
		want, ok := c.static[s.Address]
		if !ok || want.User != s.UserID {
			reason := c.staticReason(s)
			if reason == agent.ReasonAdmin && silent[s.Address] {
				reason = agent.ReasonIdle
			}
			ending[reason] = append(ending[reason], s)
			continue
		}
		delete(c.staticMissing, s.Address)
		if s.MACStored != want.MAC {
			changed = append(changed, s)
		}
	}
	for reason, list := range ending {
		c.endEach(list, reason)
	}
	return changed
}

// staticReason returns why a session ends that no rule authorises any more.
func (c *change) staticReason(s *session) agent.Reason {
	c.renew()
	if _, err := c.account(s.UserID); errors.As(err, new(*agent.Error)) {
		return agent.ReasonDisabled
	}
	return agent.ReasonAdmin
}

// changeStaticMACs gives sessions the MACs of their rules. A session whose new MAC is not stored or not let through ends with lost.
func (c *change) changeStaticMACs(list []*session) {
	for _, s := range list {
		want, ok := c.static[s.Address]
		if c.sessions[s.ID] != s || !ok || want.User != s.UserID || c.closed.Load() {
			continue
		}
		c.renew()
		next := s.Session
		next.MACStored = want.MAC
		c.put(s, next)
		c.mu.Lock()
		s.counters.mac = want.MAC
		c.mu.Unlock()
		err := c.save(next)
		if err == nil && c.firewall != nil {
			err = c.firewall.Grant(c.ctx, next)
		}
		if err != nil {
			c.log.ErrorContext(c.ctx, "a rule's address was not let through", "session", s.ID, "rule", want.Rule, "error", err)
			c.end(s, agent.ReasonLost)
		}
	}
}

// noteMissingStatic adds the static sessions of a changed account that are not live to staticMissing.
func (c *change) noteMissingStatic(user agent.UserID) {
	for address, want := range c.static {
		if holder := c.byAddress[address]; want.User == user && (holder == nil || holder.Kind != agent.KindStatic) {
			c.staticMissing[address] = true
		}
	}
}

// staticIsDue reports whether a missing static session can begin, because its address is free.
func (c *change) staticIsDue() bool {
	if c.closed.Load() {
		return false
	}
	for address := range c.staticMissing {
		if c.byAddress[address] == nil {
			return true
		}
	}
	return false
}

// beginMissingStatic begins the missing static sessions whose addresses are free, at most staticAtOnce. One that fails is
// tried again by the next SetStatic.
func (c *change) beginMissingStatic() {
	if c.closed.Load() {
		return
	}
	n := 0
	for address := range c.staticMissing {
		if c.byAddress[address] != nil {
			continue
		}
		if n++; n > staticAtOnce {
			return
		}
		want := c.static[address]
		delete(c.staticMissing, address)
		c.renew()
		if err := c.beginStatic(want); err != nil {
			c.log.ErrorContext(c.ctx, "a rule gave no access", "rule", want.Rule, "user", want.User, "address", address, "error", err)
		}
	}
}

// beginStatic begins a static session. It does nothing if the account may have no access or the address is not in the LAN.
func (c *change) beginStatic(want StaticSession) error {
	user, err := c.account(want.User)
	if errors.As(err, new(*agent.Error)) || err == nil && (c.settings.InVPN(want.Address) || !c.inside(c.settings, want.Address, "")) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := c.rights(user); err != nil { // reads the groups
		return err
	}
	next := agent.Session{ID: agent.NewSessionID(), UserID: user.ID, Login: user.Login, Name: user.Name, Directory: user.Directory,
		Kind: agent.KindStatic, Address: want.Address, ExternalIP: want.Address, Inside: true, Started: c.now, LoggedIn: c.now,
		Way: agent.WayRule, Group: c.tree.Names(user), MACStored: want.MAC}
	if err := c.save(next); err != nil {
		return err
	}
	if c.firewall != nil {
		if err := c.firewall.Grant(c.ctx, next); err != nil {
			c.withdraw(next)
			c.recordEnd(next, agent.ReasonLost)
			return err
		}
	}
	s := &session{inside: true, counters: countersOf(next, c.now)}
	c.put(s, next)
	c.event("session_started", s.Session, "rule", want.Rule)
	return nil
}
