package access

import (
	"time"

	"ideco-agent/agent"
)

// commit carries an admission out: the store first, because what it does not hold must not exist; then the displaced
// sessions end, and then the newcomer gets access. On an error nothing of the newcomer is left.
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
		c.undoReserve(a)
		return Grant{}, err
	}
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
	return c.grant(s, token, false), nil
}

// extend carries out an admission that only gives a live session a new length.
func (c *change) extend(a admission) (Grant, error) {
	token := a.newToken()
	if err := c.save(a.next); err != nil {
		return Grant{}, err
	}
	s := a.live
	c.put(s, a.next)
	s.chain, s.noticed = a.chain, c.now
	c.arm(s)
	c.event("session_extended", s.Session)
	return c.grant(s, token, true), nil
}

// grant is the answer for a session.
func (c *change) grant(s *session, token string, extended bool) Grant {
	return Grant{Session: s.Session, NeedTunnel: s.Kind == agent.KindVPN, Extended: extended, ResumeToken: token,
		Grace: c.settings.Grace}
}

// newToken makes the session's next resume token; empty for a device without an ID.
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

// reserve gives a session with a tunnel its address. Refusals: CodePoolExhausted, CodeVPNUnavailable.
func (c *change) reserve(next *agent.Session) error {
	if next.Kind != agent.KindVPN {
		return nil
	}
	address, err := c.tunnel.Reserve(c.ctx, *next)
	if err != nil {
		return err
	}
	if !c.settings.InVPN(address) { // the tunnel has not taken over a new VPN network yet
		if c.sessions[next.ID] == nil {
			c.tunnel.Release(c.ctx, *next)
		}
		return &agent.Error{Code: agent.CodeVPNUnavailable, Wait: 5 * time.Second}
	}
	next.Address = address
	return nil
}

// inheritAddress gives the new session the tunnel address of a displaced session of the same person. It reports whether
// it did. giveAccess reserves the address after that session and its peer are removed, so the person needs only one address of
// a pool that may be full.
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

// reserveInherited reserves an inherited address. Where the tunnel could not remove the peer yet, it is another address.
func (c *change) reserveInherited(next *agent.Session) error {
	inherited := next.Address
	c.renew()
	if err := c.reserve(next); err != nil || next.Address == inherited {
		return err
	}
	return c.save(*next)
}

// undoReserve undoes the reservation after a failed save. The store may hold the session despite the error, so the end of a
// new one is recorded.
func (c *change) undoReserve(a admission) {
	if a.live == nil {
		c.recordEnd(a.next, agent.ReasonLost)
	}
	if a.next.Kind == agent.KindVPN && (a.live == nil || a.live.Kind != agent.KindVPN) {
		c.tunnel.Release(c.ctx, a.next)
	}
}

// endDisplaced ends a session for the newcomer. Where both are the same person on the same address, that address stays let
// through, so that no connection is cut; the further addresses have to be proved anew.
func (c *change) endDisplaced(a admission, d displaced) {
	if d.session == a.current { // its connection carries the newcomer from now on
		c.attach(d.session, nil, time.Time{})
	}
	keeps := a.next.Kind != agent.KindVPN && d.Kind != agent.KindVPN && d.Address == a.next.Address &&
		d.UserID == a.next.UserID
	if keeps {
		c.dropAllFurther(d.session)
	} else {
		c.withdraw(d.Session)
	}
	c.finish(d.session, d.reason)
}

// giveAccess revokes the session's former address, if kind or address changes, and grants the new one. With a tunnel, TunnelUp
// grants it.
func (c *change) giveAccess(a *admission) error {
	if s := a.live; s != nil && (s.Kind != a.next.Kind || s.Address != a.next.Address) &&
		(s.Kind != agent.KindVPN || a.next.Kind != agent.KindVPN) {
		c.withdraw(s.Session)
	}
	switch {
	case a.inherits:
		return c.reserveInherited(&a.next)
	case a.next.Kind == agent.KindVPN || c.firewall == nil:
		return nil
	}
	return c.firewall.Grant(c.ctx, a.next) // also when it is let through: the computer may have another network card by now
}

// abandon ends the newcomer after its displaced sessions have ended. If the connection's previous session was one of them, the
// connection is told now: endDisplaced detached it without telling it.
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

// goLive makes the session a live one on its connection.
func (c *change) activate(a admission) *session {
	s := a.live
	if s == nil {
		s = &session{}
	}
	c.mu.Lock()
	s.inside, s.iface = a.inside, a.iface
	c.mu.Unlock()
	c.put(s, a.next)
	c.reproveFurther(s)
	s.chain, s.noticed, s.tunnelBy = a.chain, c.now, time.Time{}
	if s.Kind == agent.KindVPN {
		s.tunnelBy = c.now.Add(tunnelWait)
	}
	before := c.attach(s, a.connection, time.Time{})
	if before != nil && before != a.connection {
		c.notifyEnded(before, agent.ReasonReplaced)
	}
	c.arm(s)
	return s
}
