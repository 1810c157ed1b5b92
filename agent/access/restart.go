package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// restoredGrace is the shortest grace period after a restart. Agents need time to notice it and to reconnect.
const restoredGrace = 30 * time.Second

// Restore makes the open sessions of the former process live again. Sessions of agents are waiting, with a new grace period; the
// others are connected. A session that has expired or may not go on ends instead. It is called once, before Authorize. Errors: the
// store cannot be read; nothing was changed.
func (m *Manager) Restore(ctx context.Context) error {
	return m.change(ctx, func(c *change) error {
		open, err := c.store.OpenSessions(c.ctx)
		if err != nil {
			return err
		}
		graceEnds := c.now.Add(max(c.settings.Grace, restoredGrace))
		for _, s := range open {
			c.renew()
			restored := &session{Session: s, counters: countersOf(s, c.now)}
			restored.counters.paused = true
			if s.Kind.HasAgent() {
				restored.graceEnds = graceEnds
			}
			if reason := c.restoreSession(restored); reason != "" {
				c.withdraw(s)
				c.recordEnd(s, reason)
				c.event("session_ended", s, "reason", string(reason))
			}
		}
		c.adoptCounts()
		return nil
	})
}

// restoreSession makes an open session of the store a live one, or returns why it ends.
func (c *change) restoreSession(s *session) agent.Reason {
	s.inside, s.noticed = c.inside(c.settings, s.ExternalIP, s.iface), c.now
	if reason := c.endReason(s); reason != "" {
		return reason
	}
	for _, other := range c.conflicting(s) { // after a crash during a takeover
		if other.LoggedIn.After(s.LoggedIn) {
			return agent.ReasonReplaced
		}
		c.adoptCounts() // so that the record of its end has the counts
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

// endReason returns why a session of the former process ends; empty if it may go on. It shortens s.Expires to what the rights of the
// account now allow.
func (c *change) endReason(s *session) agent.Reason {
	if s.Expired(c.now) {
		return agent.ReasonExpired
	}
	user, err := c.account(s.UserID)
	switch {
	case errors.As(err, new(*agent.Error)), !c.settings.Enabled && s.Kind != agent.KindStatic:
		return agent.ReasonDisabled
	case err != nil:
		c.log.ErrorContext(c.ctx, "an account was not read", "session", s.ID, "error", err)
		return agent.ReasonLost // the agent may resume it once the store can be read
	case !permits(user, s.located()):
		return agent.ReasonDisabled
	case !c.fits(c.settings, s.located()):
		return c.unfitReason(s.Kind)
	}
	rights, err := c.rights(user)
	if err != nil {
		c.log.ErrorContext(c.ctx, "the groups were not read", "session", s.ID, "error", err)
		return agent.ReasonLost
	}
	s.Expires = shortenedEnd(s.Session, rights, s.Kind, false)
	c.setOwnLength(s, rights)
	if s.Expired(c.now) {
		return agent.ReasonExpired
	}
	return ""
}

// conflicting returns the restored sessions with the address or the device of s.
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

// restoreAccess readmits a restored session, or returns why it ends.
func (c *change) restoreAccess(s *session) agent.Reason {
	if s.Kind == agent.KindVPN {
		return c.restoreTunnel(s.Session)
	}
	if c.firewall == nil {
		return ""
	}
	readmit := c.firewall.Readmit
	if s.Kind == agent.KindStatic || s.Kind == agent.KindWeb && s.MACStored != "" {
		// Grant lets only the stored MAC through. A static session without one is open to any computer.
		readmit = c.firewall.Grant
	}
	if err := readmit(c.ctx, s.Session); err != nil {
		c.log.ErrorContext(c.ctx, "a restored session was not let through", "session", s.ID, "error", err)
		return agent.ReasonLost
	}
	return ""
}

// restoreTunnel reserves the session's tunnel address and lets it through, so that the firewall keeps its connections until
// the agent sends a new key. No packet comes from the address before that.
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

// Shutdown tells the agents at once that the gateway restarts, and refuses new sessions. The sessions stay open in the
// store and keep their access for the next process. Errors: ctx.Err if a change did not end in time.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.closed.Store(true)
	told := m.connections()
	for connection := range told {
		connection.Ended(agent.ReasonShutdown)
	}
	return m.change(ctx, func(c *change) error {
		for _, s := range c.allSessions() {
			s.stop()
			if connection := c.attach(s, nil, time.Time{}); connection != nil && !told[connection] {
				c.notifyEnded(connection, agent.ReasonShutdown)
			}
		}
		c.countNow(c.allSessions()...)
		c.writes = append(c.writes, func() { c.saveCounts(c.ctx) })
		return nil
	})
}

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
