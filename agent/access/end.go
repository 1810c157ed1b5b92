package access

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"ideco-agent/agent"
)

// Lost makes a session wait for the grace period because its connection is lost. It does nothing if the session has
// another connection, and during a shutdown.
func (m *Manager) Lost(id string, connection Connection) {
	m.always(func(c *change) {
		s := c.sessions[id]
		if s == nil || s.connection != connection || c.closed.Load() {
			return
		}
		c.attach(s, nil, c.now.Add(c.settings.Grace))
		s.tunnelDeadline = time.Time{}
		if c.settings.Grace <= 0 {
			c.end(s, agent.ReasonLost)
			return
		}
		c.event("session_waiting", s.Session)
		c.arm(s)
	})
}

// Logout ends the session of a connection at the person's request. It does not call Connection.Ended.
func (m *Manager) Logout(id string, connection Connection) {
	m.always(func(c *change) {
		if s := c.sessions[id]; s != nil && s.connection == connection {
			c.attach(s, nil, time.Time{})
			c.end(s, agent.ReasonLogout)
		}
	})
}

// End ends one session and its access. Errors: agent.ErrNotFound; ctx.Err.
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

// EndUser ends all sessions of a person, voids the person's tokens and cancels pending logins. With ReasonAdmin sessions of
// KindStatic stay, because their rules would begin them again. It returns the number of ended sessions. The caller has saved the
// change of the account before.
func (m *Manager) EndUser(ctx context.Context, user agent.UserID, reason agent.Reason) int {
	return m.endThose(ctx, reason, func(c *change) []*session {
		c.forgetUserTokens(user)
		c.writes = append(c.writes, func() {
			if err := c.store.VoidResume(c.ctx, user); err != nil {
				c.log.ErrorContext(c.ctx, "tokens were not voided", "user", user, "error", err)
			}
		})
		return slices.DeleteFunc(c.sessionsOf(user), func(s *session) bool {
			return reason == agent.ReasonAdmin && s.Kind == agent.KindStatic
		})
	})
}

// UserChanged ends the sessions that the changed account no longer permits: all if it may not log in (User.Refusal), those from
// outside if it has no remote access. It updates the remaining ones, see change.update. Call it after the store holds the change. It returns how
// many sessions ended.
func (m *Manager) UserChanged(ctx context.Context, user agent.User) int {
	if user.Refusal() != "" {
		return m.EndUser(ctx, user.ID, agent.ReasonDisabled)
	}
	n := m.endThose(ctx, agent.ReasonDisabled, func(c *change) (list []*session) {
		if user.RemoteAccess {
			return nil
		}
		c.pending.cancel(user.ID)
		for _, s := range c.sessionsOf(user.ID) {
			if !permits(user, s.located()) {
				list = append(list, s)
			}
		}
		return list
	})
	m.always(func(c *change) {
		n += c.update(user)
		c.noteMissingStatic(user.ID)
	})
	return n
}

// GroupsChanged applies a change of groups to the live sessions: UserChanged for the accounts whose RemoteAccess or AdminByGroups
// changed, and change.update for all. Call it after the store holds the change. It returns how many sessions ended.
func (m *Manager) GroupsChanged(ctx context.Context, changed []agent.User) (n int) {
	for _, user := range changed {
		n += m.UserChanged(ctx, user)
	}
	people := map[agent.UserID]bool{}
	for _, s := range m.located() {
		people[s.session.UserID] = true
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(people)), 100) { // other changes can run in between
		m.always(func(c *change) {
			for _, id := range some {
				c.renew()
				user, err := c.store.User(c.ctx, id)
				if err != nil {
					c.log.ErrorContext(c.ctx, "an account was not read", "user", id, "error", err)
					continue
				}
				n += c.update(user)
			}
		})
	}
	return n
}

// update gives the live sessions of an account its login and name, and an earlier end if a group or the account now sets a shorter
// length. It returns how many sessions ended.
func (c *change) update(user agent.User) (n int) {
	rights, err := c.rights(user)
	if err != nil {
		c.log.ErrorContext(c.ctx, "the groups were not read", "user", user.ID, "error", err)
	}
	for _, s := range c.sessionsOf(user.ID) {
		next := s.Session
		next.Login, next.Name = user.Login, user.Name
		if err == nil {
			next.Expires = shortenedEnd(s.Session, rights, s.Kind, s.ownLength)
			c.setOwnLength(s, rights)
		}
		switch {
		case next.Expired(c.now):
			c.end(s, agent.ReasonExpired)
			n++
			continue
		case next.Login == s.Login && next.Name == s.Name && next.Expires.Equal(s.Expires):
			continue
		}
		c.put(s, next)
		c.arm(s)
		c.renew()
		if err := c.save(next); err != nil { // after a restart the session has the old values until the agent resumes it
			c.log.ErrorContext(c.ctx, "a changed session was not written", "session", s.ID, "error", err)
		}
	}
	return n
}

// endThose ends the sessions that choose returns. It ignores the cancellation of ctx, because the caller has already saved a
// change that takes access away.
func (m *Manager) endThose(ctx context.Context, reason agent.Reason, choose func(*change) []*session) (n int) {
	_ = m.change(context.WithoutCancel(ctx), func(c *change) error {
		n = c.endEach(choose(c), reason)
		return nil
	})
	return n
}

// endEach ends sessions and returns their number. All lose access before the first end is written, because the store may
// be slow.
func (c *change) endEach(list []*session, reason agent.Reason) int {
	c.countNow(list...)
	for _, s := range list {
		c.withdraw(s.Session)
	}
	for _, s := range list {
		c.finish(s, reason)
	}
	return len(list)
}

// end withdraws a session's access and ends it. More are attributes for the log.
func (c *change) end(s *session, reason agent.Reason, more ...any) {
	c.countNow(s)
	c.withdraw(s.Session)
	c.finish(s, reason, more...)
}

// withdraw revokes the session's addresses and releases its tunnel address. An address that now belongs to another session
// stays let through. A tunnel address is revoked before it is released, so that no other peer gets it while it is open.
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

// finish ends a session whose access is withdrawn or was taken over, and whose traffic was counted before.
func (c *change) finish(s *session, reason agent.Reason, more ...any) {
	s.stop()
	if connection := s.connection; connection != nil {
		c.notifyEnded(connection, reason)
	}
	c.remove(s)
	if c.static[s.Address].User == s.UserID && s.Kind == agent.KindStatic {
		c.staticMissing[s.Address] = true
	}
	c.recordEnd(c.withCounts(s), reason)
	c.event("session_ended", s.Session, append([]any{"reason", string(reason)}, more...)...)
}

// notifyEnded tells a connection about the end, before that is written.
func (c *change) notifyEnded(connection Connection, reason agent.Reason) {
	c.notify = append(c.notify, func() { connection.Ended(reason) })
}

// recordEnd writes an end after the connections were told. What the database does not take now, the store keeps.
func (c *change) recordEnd(s agent.Session, reason agent.Reason) {
	c.writes = append(c.writes, func() {
		err := c.store.EndSession(c.ctx, s.ID, agent.SessionEnd{At: c.now, Reason: reason, Rx: s.RxStored, Tx: s.TxStored, MAC: s.MACStored})
		if err != nil && !errors.Is(err, agent.ErrNotFound) {
			c.log.ErrorContext(c.ctx, "the end of a session was not written", "session", s.ID, "reason", string(reason), "error", err)
		}
	})
}

// event logs what happened to a session.
func (m *Manager) event(name string, s agent.Session, more ...any) {
	m.log.Info("session", append([]any{"event", name, "session", s.ID, "account", s.Login, "user", s.UserID,
		"kind", string(s.Kind), "address", s.Address, "peer", s.ExternalIP, "device", s.Device.ID}, more...)...)
}
