package access

import (
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// commit carries out an admission: it saves the session, ends the displaced sessions and then gives access. On an error the
// new session does not exist.
func (c *change) commit(a admission) (Grant, error) {
	if a.extends {
		return c.extend(a)
	}
	if !c.inheritAddress(&a) {
		if err := c.reserve(&a.next); err != nil {
			return Grant{}, err
		}
	}
	token := a.newToken()
	if err := c.save(a.next); err != nil {
		if !a.staysAsStored(err) {
			c.undoReserve(a, err)
			return Grant{}, err
		}
		token, a.next.Resume, a.chain = "", a.live.Resume, a.live.chain // the agent's token stays good
	}
	ending := []*session{a.live}
	for _, d := range a.displaced {
		ending = append(ending, d.session)
	}
	c.countNow(ending...)
	for _, d := range a.displaced {
		c.endDisplaced(a, d)
	}
	if err := c.giveAccess(&a); err != nil {
		return Grant{}, c.abandon(a, err)
	}
	s := c.activate(a)
	if a.resumes {
		c.event("session_resumed", s.Session)
	} else {
		c.event("session_started", s.Session)
		c.voidDeviceTokens(s.UserID, s.Device.ID)
	}
	return c.grant(s, token, false, a.rights.ForwardNets), nil
}

// staysAsStored reports whether an admission may go on although the store is unavailable: a live session comes back to where it
// was, so the next process will know all that matters of it.
func (a admission) staysAsStored(err error) bool {
	return a.resumes && a.live != nil && a.live.Kind == a.next.Kind && a.live.Address == a.next.Address &&
		agent.AsError(err).Code == agent.CodeStoreUnavailable
}

// extend carries out an admission that extends a live session.
func (c *change) extend(a admission) (Grant, error) {
	token := a.newToken()
	if err := c.save(a.next); err != nil {
		return Grant{}, err
	}
	s := a.live
	c.put(s, a.next)
	s.chain, s.noticed = a.chain, c.now
	c.setOwnLength(s, a.rights)
	c.arm(s)
	c.event("session_extended", s.Session)
	return c.grant(s, token, true, a.rights.ForwardNets), nil
}

func (c *change) grant(s *session, token string, extended bool, forwardNets []netip.Prefix) Grant {
	return Grant{Session: s.Session, NeedTunnel: s.Kind == agent.KindVPN, Extended: extended, ResumeToken: token,
		Grace: c.settings.Grace, ForwardNets: forwardNets}
}

// newToken makes the session's next resume token, which is empty for a device without an ID.
func (a *admission) newToken() (token string) {
	if a.next.Device.ID == "" {
		return ""
	}
	if a.chain == (chainName{}) {
		a.chain = newChainName()
	}
	token, a.next.Resume = a.chain.next(a.previous)
	return token
}

// reserve reserves the address of a session of KindVPN. Refusals: CodePoolExhausted, CodeVPNUnavailable.
func (c *change) reserve(next *agent.Session) error {
	if next.Kind != agent.KindVPN {
		return nil
	}
	address, err := c.tunnel.Reserve(c.ctx, *next)
	if err != nil {
		return err
	}
	if !c.settings.InVPN(address) { // the tunnel does not have the new VPN network yet
		if c.sessions[next.ID] == nil {
			c.tunnel.Release(c.ctx, *next)
		}
		return &agent.Error{Code: agent.CodeVPNUnavailable, Wait: 5 * time.Second}
	}
	next.Address = address
	return nil
}

// inheritAddress gives the new session the tunnel address of a displaced session of the same person, if there is one. It
// reports whether it did. giveAccess reserves the address once the displaced session is removed, so a full pool is no
// obstacle.
func (c *change) inheritAddress(a *admission) bool {
	if a.next.Kind != agent.KindVPN || a.live != nil && a.live.Kind == agent.KindVPN {
		return false
	}
	for _, d := range a.displaced {
		if d.Kind == agent.KindVPN && d.UserID == a.next.UserID && c.settings.InVPN(d.Address) {
			a.next.Address, a.inherits = d.Address, true
			return true
		}
	}
	return false
}

// reserveInherited reserves an inherited address, or another one if the tunnel could not remove the old peer yet.
func (c *change) reserveInherited(next *agent.Session) error {
	inherited := next.Address
	c.renew()
	if err := c.reserve(next); err != nil || next.Address == inherited {
		return err
	}
	return c.save(*next)
}

// undoReserve undoes the reservation after a failed save. The store may have the session despite another error than
// CodeStoreUnavailable, so the end of a new session is recorded.
func (c *change) undoReserve(a admission, err error) {
	if a.live == nil && agent.AsError(err).Code != agent.CodeStoreUnavailable {
		c.recordEnd(a.next, agent.ReasonLost)
	}
	if a.next.Kind == agent.KindVPN && (a.live == nil || a.live.Kind != agent.KindVPN) {
		c.tunnel.Release(c.ctx, a.next)
	}
}

// endDisplaced ends a displaced session. If the new session has the same person and address, the address stays let through,
// so that no connection is cut; the further addresses must be proved again.
func (c *change) endDisplaced(a admission, d displaced) {
	if d.session == a.current { // its connection now belongs to the new session
		c.attach(d.session, nil, time.Time{})
	}
	keeps := a.next.Kind != agent.KindVPN && d.Kind != agent.KindVPN && d.Address == a.next.Address &&
		d.UserID == a.next.UserID && !a.moved[d.ID]
	if keeps {
		c.dropAllFurther(d.session)
	} else {
		c.withdraw(d.Session)
	}
	c.finish(d.session, d.reason)
}

// giveAccess revokes the session's former address, if kind or address changes, and grants the new one. For KindVPN, TunnelUp
// grants it.
func (c *change) giveAccess(a *admission) error {
	if s := a.live; s != nil && (s.Kind != a.next.Kind || s.Address != a.next.Address) &&
		(s.Kind != agent.KindVPN || a.next.Kind != agent.KindVPN) {
		c.pauseCount(s)
		c.withdraw(s.Session)
		if a.next.Kind != agent.KindVPN {
			defer c.unpauseCount(s)
		}
	}
	switch {
	case a.inherits:
		return c.reserveInherited(&a.next)
	case a.next.Kind == agent.KindVPN || c.firewall == nil:
		return nil
	}
	return c.firewall.Grant(c.ctx, a.next) // even if it is let through: the computer may have another MAC now
}

// abandon ends the new session when giveAccess failed. If the connection's previous session was displaced, the connection is
// told now, because endDisplaced detached it silently.
func (c *change) abandon(a admission, err error) error {
	c.withdraw(a.next)
	if a.current != nil && a.current != a.live {
		c.notifyEnded(a.connection, agent.ReasonLost)
	}
	if a.live != nil {
		c.finish(a.live, agent.ReasonLost)
	} else {
		c.recordEnd(a.next, agent.ReasonLost)
	}
	return err
}

// activate makes the session a live one on its connection.
func (c *change) activate(a admission) *session {
	s := a.live
	if s == nil {
		s = &session{counters: countersOf(a.next, c.now)}
	}
	c.mu.Lock()
	s.inside, s.iface = a.inside, a.iface
	c.mu.Unlock()
	c.put(s, a.next)
	c.setOwnLength(s, a.rights)
	c.reproveFurther(s)
	s.chain, s.noticed, s.tunnelDeadline = a.chain, c.now, time.Time{}
	if s.Kind == agent.KindVPN {
		s.tunnelDeadline = c.now.Add(tunnelWait)
	}
	before := c.attach(s, a.connection, time.Time{})
	if before != nil && before != a.connection {
		c.notifyEnded(before, agent.ReasonReplaced)
	}
	c.arm(s)
	return s
}
