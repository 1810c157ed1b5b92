package access

import (
	"time"

	"ideco-agent/agent"
)

// settle carries out what was decided about a place: the store first, because what it does not hold must not exist;
// then the losers go, and then the newcomer gets access. On an error nothing of the newcomer is left.
func (c *change) settle(p place, event string) (Grant, error) {
	if !c.inherit(&p) {
		if err := c.reserve(&p.next); err != nil {
			return Grant{}, err
		}
	}
	var token string
	if p.next.Device.ID != "" {
		if p.chain == (chainName{}) {
			p.chain = newChainName()
		}
		token, p.next.Resume = p.chain.next(p.next.Resume.Previous)
	}
	if err := c.save(p.next); err != nil {
		c.unsettle(p)
		return Grant{}, err
	}
	for _, l := range p.losers {
		c.lose(p, l)
	}
	if err := c.move(&p); err != nil {
		return Grant{}, c.fail(p, err)
	}
	s := c.install(p)
	c.event(event, s.Session)
	return c.grant(s, token, false), nil
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

// inherit makes the address in the tunnel of a session that ends for the newcomer, and is the same person's, the
// newcomer's, and tells whether there is one. It can be reserved when that session and its peer are gone: a person never
// stands in their own way when all addresses are in use.
func (c *change) inherit(p *place) bool {
	if p.next.Kind != agent.KindVPN || p.own != nil && p.own.Kind == agent.KindVPN {
		return false
	}
	for _, l := range p.losers {
		if l.Kind == agent.KindVPN && l.UserID == p.next.UserID && c.settings.InVPN(l.Address) {
			p.next.Address, p.heir = l.Address, true
			return true
		}
	}
	return false
}

// reserveLeft reserves what inherit has found. Where the tunnel could not remove the peer yet, it is another address.
func (c *change) reserveLeft(next *agent.Session) error {
	left := next.Address
	c.renew()
	if err := c.reserve(next); err != nil || next.Address == left {
		return err
	}
	return c.save(*next)
}

// unsettle undoes what came before a failed save. The store may have taken the session all the same.
func (c *change) unsettle(p place) {
	if p.own == nil {
		c.recordEnd(p.next, agent.ReasonLost)
	}
	if p.next.Kind == agent.KindVPN && (p.own == nil || p.own.Kind != agent.KindVPN) {
		c.tunnel.Release(c.ctx, p.next)
	}
}

// lose ends a session for the newcomer. Where both are the same person on the same address, that address stays let
// through, so that nothing is cut; the further addresses are the newcomer's to prove.
func (c *change) lose(p place, l loser) {
	if l.session == p.current { // its connection carries the newcomer from now on
		c.attach(l.session, nil, time.Time{})
	}
	keeps := p.next.Kind != agent.KindVPN && l.Kind != agent.KindVPN && l.Address == p.next.Address &&
		l.UserID == p.next.UserID
	if !keeps {
		c.withdraw(l.Session)
	} else {
		c.takeBack(l.session)
	}
	c.finish(l.session, l.reason)
}

// move takes away what the newcomer had elsewhere and gives it access in its place.
func (c *change) move(p *place) error {
	if p.own != nil {
		if p.own.Kind == p.next.Kind && p.own.Address == p.next.Address {
			return c.give(p.next) // has it; but the computer may have another network card by now
		}
		if p.own.Kind != agent.KindVPN || p.next.Kind != agent.KindVPN {
			c.withdraw(p.own.Session)
		}
	}
	if p.heir {
		return c.reserveLeft(&p.next)
	}
	return c.give(p.next)
}

// fail ends the newcomer, whose losers have gone already. The connection that lost its own session for nothing hears so:
// that session's end was not told.
func (c *change) fail(p place, err error) error {
	c.withdraw(p.next)
	if p.current != nil && p.current != p.own {
		c.later(p.link, agent.ReasonLost)
	}
	if p.own != nil {
		c.finish(p.own, agent.ReasonLost)
	} else {
		c.recordEnd(p.next, agent.ReasonLost)
	}
	return err
}

// install makes the session live on its connection.
func (c *change) install(p place) *session {
	s := p.own
	if s == nil {
		s = &session{}
	}
	c.mu.Lock()
	s.inside, s.through = p.inside, p.through
	c.mu.Unlock()
	c.put(s, p.next)
	c.doubtMore(s)
	s.chain, s.noticed, s.tunnelBy = p.chain, c.now, time.Time{}
	if s.Kind == agent.KindVPN {
		s.tunnelBy = c.now.Add(tunnelWait)
	}
	before := c.attach(s, p.link, time.Time{})
	if before != nil && before != p.link {
		c.later(before, agent.ReasonReplaced)
	}
	c.arm(s)
	return s
}

// give lets a session through.
func (c *change) give(s agent.Session) error {
	if s.Kind == agent.KindVPN || c.firewall == nil {
		return nil // its peer comes with TunnelUp
	}
	return c.firewall.Grant(c.ctx, s)
}

// withdraw takes away what a session was given, further addresses included. An address that another session has by now
// stays let through.
func (c *change) withdraw(s agent.Session) {
	c.renew()
	if s.Kind == agent.KindVPN {
		if c.tunnel != nil {
			c.tunnel.Release(c.ctx, s)
		}
		return
	}
	if c.firewall == nil {
		return
	}
	live := c.sessions[s.ID]
	if holder := c.byAddress[s.Address]; holder == nil || holder.ID == s.ID {
		c.firewall.Revoke(c.ctx, s)
	} else if live != nil {
		c.takeBack(live)
	}
	if live != nil {
		c.setMore(live, nil)
	}
}
