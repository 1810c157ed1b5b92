package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// owedRetry is how soon the store is asked again to take an end.
const endRetry = 5 * time.Second

// Lost says that the connection of a session is gone. The session waits for the grace period. From a connection that the
// session has no more it means nothing, and during a shutdown neither.
func (m *Manager) Lost(id string, connection Connection) {
	m.always(func(c *change) {
		s := c.sessions[id]
		if s == nil || s.connection != connection || c.closed.Load() {
			return
		}
		c.attach(s, nil, c.now.Add(c.settings.Grace))
		s.tunnelBy = time.Time{}
		if c.settings.Grace <= 0 {
			c.end(s, agent.ReasonLost)
			return
		}
		c.event("session_waiting", s.Session)
		c.arm(s)
	})
}

// Logout ends the session of a connection because its person wants it; the connection is not told.
func (m *Manager) Logout(id string, connection Connection) {
	m.always(func(c *change) {
		if s := c.sessions[id]; s != nil && s.connection == connection {
			c.attach(s, nil, time.Time{})
			c.end(s, agent.ReasonLogout)
		}
	})
}

// End ends one session. Access is gone when it returns. Errors: agent.ErrNotFound; ctx.Err.
func (m *Manager) End(ctx context.Context, id string, reason agent.Reason) error {
	return m.change(ctx, func(c *change) error {
		s := c.sessions[id]
		if s == nil {
			return agent.ErrNotFound
		}
		c.end(s, reason)
		return nil
	})
}

// EndUser ends all sessions of a person, makes the person's tokens void and turns away the logins that are under way.
// It is called after the store holds what changed, and tells how many sessions ended.
func (m *Manager) EndUser(ctx context.Context, user agent.UserID, reason agent.Reason) int {
	return m.endThose(ctx, reason, func(c *change) []*session {
		if err := c.voidTokens(user); err != nil {
			c.log.ErrorContext(c.ctx, "tokens were not made void", "user", user, "error", err)
		}
		return c.sessionsOf(user)
	})
}

// UserChanged ends the sessions that the changed account no longer permits: all when it is disabled, those from outside
// without remote access. The remaining ones show its present login and name. Call it after the store holds the change. It
// returns how many sessions ended.
func (m *Manager) UserChanged(ctx context.Context, user agent.User) int {
	if !user.Enabled {
		return m.EndUser(ctx, user.ID, agent.ReasonDisabled)
	}
	n := m.endThose(ctx, agent.ReasonDisabled, func(c *change) (list []*session) {
		if user.RemoteAccess {
			return nil
		}
		c.pending.cancel(user.ID)
		for _, s := range c.sessionsOf(user.ID) {
			if s.Kind == agent.KindVPN && !s.inside {
				list = append(list, s)
			}
		}
		return list
	})
	m.always(func(c *change) { c.rename(user) })
	return n
}

// rename gives the live sessions of an account its login and name.
func (c *change) rename(user agent.User) {
	for _, s := range c.sessionsOf(user.ID) {
		next := s.Session
		next.Login, next.Name = user.Login, user.Name
		if next.Login == s.Login && next.Name == s.Name {
			continue
		}
		c.put(s, next)
		c.renew()
		if err := c.save(next); err != nil { // a restart shows the login from before until the agent comes back
			c.log.ErrorContext(c.ctx, "the new login of a session was not written", "session", s.ID, "error", err)
		}
	}
}

// endThose ends a choice of sessions. It does so even for a caller who has gone: half of an act that takes access away
// must not stay undone.
func (m *Manager) endThose(ctx context.Context, reason agent.Reason, choose func(*change) []*session) (n int) {
	_ = m.change(context.WithoutCancel(ctx), func(c *change) error {
		n = c.endEach(choose(c), reason)
		return nil
	})
	return n
}

// endEach ends sessions and tells how many. All lose their access before the first end is written: a store that is slow
// takes its time for each.
func (c *change) endEach(list []*session, reason agent.Reason) int {
	for _, s := range list {
		c.withdraw(s.Session)
	}
	for _, s := range list {
		c.finish(s, reason)
	}
	return len(list)
}

// end takes back what a session was given and ends it. More are attributes for the log.
func (c *change) end(s *session, reason agent.Reason, more ...any) {
	c.withdraw(s.Session)
	c.finish(s, reason, more...)
}

// withdraw takes away what a session was given, further addresses included. An address that another session has by now
// stays let through. A tunnel address is closed before its peer goes, so that no peer has it without a session.
func (c *change) withdraw(s agent.Session) {
	c.renew()
	if s.Kind == agent.KindVPN {
		if c.firewall != nil {
			c.firewall.Revoke(c.ctx, s)
		}
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
		c.dropAllFurther(live)
	}
	if live != nil {
		c.setFurther(live, nil)
	}
}

// finish ends a session whose access is gone or has passed on.
func (c *change) finish(s *session, reason agent.Reason, more ...any) {
	s.stop()
	if connection := s.connection; connection != nil {
		c.notifyEnded(connection, reason)
	}
	c.remove(s)
	c.recordEnd(s.Session, reason)
	c.event("session_ended", s.Session, append([]any{"reason", string(reason)}, more...)...)
}

// later tells a connection about the end when the turn is over.
func (c *change) notifyEnded(connection Connection, reason agent.Reason) {
	c.notify = append(c.notify, func() { connection.Ended(reason) })
}

// recordEnd writes an end into the store. Where that fails the end is owed: until the store has it, a restart would take
// the session for an open one.
func (c *change) recordEnd(s agent.Session, reason agent.Reason) {
	c.writeEnd(s.ID, end{c.now, reason})
}

// pay writes an end that may have been owed.
func (c *change) writeEnd(id string, e end) {
	c.renew()
	err := c.store.EndSession(c.ctx, id, e.at, e.reason)
	if err == nil || errors.Is(err, agent.ErrNotFound) {
		delete(c.unwrittenEnds, id)
		return
	}
	c.log.ErrorContext(c.ctx, "the end of a session was not written", "session", id, "reason", string(e.reason), "error", err)
	c.unwrittenEnds[id] = e
	if c.unwrittenTimer == nil && !c.closed.Load() {
		c.unwrittenTimer = time.AfterFunc(endRetry, func() { c.Manager.always((*change).writeEnds) })
	}
}

// payAll writes what is owed, until the store fails again.
func (c *change) writeEnds() {
	c.unwrittenTimer = nil
	for id, e := range c.unwrittenEnds {
		if c.writeEnd(id, e); c.unwrittenEnds[id] == e {
			return
		}
	}
}

// save writes a session into the store.
func (c *change) save(s agent.Session) error {
	if err := c.store.SaveSession(c.ctx, s); err != nil {
		return err
	}
	delete(c.unwrittenEnds, s.ID)
	return nil
}

// event logs what happened to a session.
func (m *Manager) event(name string, s agent.Session, more ...any) {
	m.log.Info("session", append([]any{"event", name, "session", s.ID, "account", s.Login, "user", s.UserID,
		"kind", string(s.Kind), "address", s.Address, "peer", s.ExternalIP, "device", s.Device.ID}, more...)...)
}
