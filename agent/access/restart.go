package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// restoredGrace is how long a session waits after a restart at least: agents need time to notice and to come back.
const restoredGrace = 30 * time.Second

// Restore takes over the open sessions of the process before. Each begins a new grace now; what ran out meanwhile ends,
// and so does what the rules of today do not allow. It is called once, before anybody can authorise. Errors: the store
// cannot be read; nothing was changed then.
func (m *Manager) Restore(ctx context.Context) error {
	return m.change(ctx, func(c *change) error {
		open, err := c.store.OpenSessions(c.ctx)
		if err != nil {
			return err
		}
		graceEnds := c.now.Add(max(c.settings.Grace, restoredGrace))
		for _, s := range open {
			c.renew()
			if reason := c.restoreSession(&session{Session: s, graceEnds: graceEnds}); reason != "" {
				c.withdraw(s)
				c.recordEnd(s, reason)
				c.event("session_ended", s, "reason", string(reason))
			}
		}
		return nil
	})
}

// adopt makes an open session of the store a live one, or tells why it ends.
func (c *change) restoreSession(s *session) agent.Reason {
	s.inside, s.noticed = c.inside(c.settings, s.ExternalIP, s.iface), c.now
	if reason := c.endReason(s); reason != "" {
		return reason
	}
	for _, other := range c.conflicting(s) { // only a crash in the middle of a takeover leaves two
		if other.LoggedIn.After(s.LoggedIn) {
			return agent.ReasonReplaced
		}
		c.end(other, agent.ReasonReplaced)
	}
	if reason := c.restoreAccess(s); reason != "" {
		return reason
	}
	c.put(s, s.Session)
	c.arm(s)
	c.event("session_restored", s.Session)
	return ""
}

// over tells why a session of the process before cannot go on.
func (c *change) endReason(s *session) agent.Reason {
	if !c.now.Before(s.Expires) {
		return agent.ReasonExpired
	}
	user, err := c.account(s.UserID)
	var refusal *agent.Error
	switch {
	case errors.As(err, &refusal), !c.settings.Enabled:
		return agent.ReasonDisabled
	case err != nil:
		c.log.ErrorContext(c.ctx, "an account was not read", "session", s.ID, "error", err)
		return agent.ReasonLost // it may come back once the store can tell
	case s.Kind == agent.KindVPN && !s.inside && !user.RemoteAccess:
		return agent.ReasonDisabled
	case !c.fits(c.settings, s.located()):
		return agent.ReasonShutdown
	}
	return ""
}

// rivals are the adopted sessions beside which another one may not be.
func (c *change) conflicting(s *session) (list []*session) {
	if holder := c.byAddress[s.Address]; holder != nil && s.Kind != agent.KindVPN {
		list = append(list, holder)
	}
	for _, o := range c.sessionsOf(s.UserID) {
		if o.Device.ID != "" && o.Device.ID == s.Device.ID && (len(list) == 0 || list[0] != o) {
			list = append(list, o)
		}
	}
	return list
}

// regain gives an adopted session its access, which mostly it still has. Without it the agent comes back and finds out
// why.
func (c *change) restoreAccess(s *session) agent.Reason {
	if s.Kind == agent.KindVPN {
		return c.restoreTunnel(s.Session)
	}
	if c.firewall == nil {
		return ""
	}
	if err := c.firewall.Readmit(c.ctx, s.Session); err != nil {
		c.log.ErrorContext(c.ctx, "a restored session was not let through", "session", s.ID, "error", err)
		return agent.ReasonLost
	}
	return ""
}

// regainTunnel reserves the session's tunnel address and lets it through, so that no connection is forgotten until the agent
// comes back with a fresh key. Nothing passes there without a peer.
func (c *change) restoreTunnel(s agent.Session) agent.Reason {
	if c.tunnel == nil || !c.tunnel.Available() {
		return agent.ReasonLost
	}
	address, err := c.tunnel.Reserve(c.ctx, s)
	if err == nil && address == s.Address && c.firewall != nil {
		err = c.firewall.Grant(c.ctx, s)
	}
	if err != nil || address != s.Address {
		c.log.WarnContext(c.ctx, "a restored session lost its address", "session", s.ID, "address", s.Address, "error", err)
		return agent.ReasonLost
	}
	return ""
}

// Shutdown tells the agents that the gateway restarts, which does not wait for anything. The sessions stay open in the
// store and keep their access until the next process takes them over; nobody gets in any more. Then the store gets the
// ends that it is owed, for as long as ctx lets it. Errors: ctx.Err, when a change was still being made.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.closed.Store(true)
	told := m.connections()
	for connection := range told {
		connection.Ended(agent.ReasonShutdown)
	}
	err := m.change(ctx, func(c *change) error {
		c.detachAll(told)
		return nil
	})
	if err != nil {
		return err
	}
	return m.change(ctx, func(c *change) error {
		c.base = ctx
		c.writeEnds()
		return nil
	})
}

// connections are the connections of all sessions.
func (m *Manager) connections() map[Connection]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	connections := map[Connection]bool{}
	for _, s := range m.sessions {
		if s.connection != nil {
			connections[s.connection] = true
		}
	}
	return connections
}

// letGo takes the sessions off the clock and off their connections. A connection that a last change has brought is told
// too.
func (c *change) detachAll(told map[Connection]bool) {
	if c.unwrittenTimer != nil {
		c.unwrittenTimer.Stop()
		c.unwrittenTimer = nil
	}
	for _, s := range c.allSessions() {
		s.stop()
		if connection := c.attach(s, nil, time.Time{}); connection != nil && !told[connection] {
			c.notifyEnded(connection, agent.ReasonShutdown)
		}
	}
}
