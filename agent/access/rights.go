package access

import (
	"time"

	"ideco-agent/agent"
)

// rights returns the rights that apply to an account.
func (c *change) rights(user agent.User) (agent.AppliedRights, error) {
	if c.tree == nil {
		tree, err := c.store.GroupTree(c.ctx)
		if err != nil {
			return agent.AppliedRights{}, err
		}
		c.tree = &tree
	}
	return c.tree.Apply(user, c.settings), nil
}

// ownLength reports whether a group or the account sets the length of a session, not the settings.
func ownLength(r agent.AppliedRights, k agent.Kind) bool {
	from := r.From.SessionVPN
	if k == agent.KindLAN {
		from = r.From.SessionLAN
	}
	return from.Kind != agent.SourceSettings
}

// setOwnLength sets ownLength of a session.
func (m *Manager) setOwnLength(s *session, r agent.AppliedRights) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.ownLength = ownLength(r, s.Kind)
}

// shortenedEnd returns the end of a session as this kind and with these rights. It is never later than before. A length in the settings
// does not shorten it, unless always is set, because shorter settings apply to new logins only.
func shortenedEnd(s agent.Session, r agent.AppliedRights, k agent.Kind, always bool) time.Time {
	end := s.LoggedIn.Add(r.Length(k))
	if (always || ownLength(r, k)) && end.Before(s.Expires) {
		return end
	}
	return s.Expires
}
