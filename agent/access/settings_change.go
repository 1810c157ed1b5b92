package access

import (
	"context"

	"ideco-agent/agent"
)

// WouldEnd returns how many sessions would end under the settings.
func (m *Manager) WouldEnd(set agent.Settings) (n int) {
	for _, p := range m.located() {
		if !m.fits(set, p) {
			n++
		}
	}
	return n
}

// EndingUnder returns how many live sessions of each account would end at once if the accounts and the groups became like these.
func (m *Manager) EndingUnder(tree agent.GroupTree, users []agent.User) map[agent.UserID]int {
	sessions := map[agent.UserID][]located{}
	for _, s := range m.located() {
		sessions[s.session.UserID] = append(sessions[s.session.UserID], s)
	}
	ending, settings, now := map[agent.UserID]int{}, m.settings(), now()
	for _, u := range users {
		if live := sessions[u.ID]; len(live) > 0 {
			u = tree.Inherit(u)
			ending[u.ID], _ = endedBy(u, tree.Apply(u, settings), live, now)
		}
	}
	return ending
}

// located is a session with its source.
type located struct {
	session   agent.Session
	inside    bool
	iface     string
	ownLength bool
}

func (s *session) located() located { return located{s.Session, s.inside, s.iface, s.ownLength} }

func (m *Manager) located() []located {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]located, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s.located())
	}
	return list
}

// Apply ends the sessions that do not fit the settings from Config.Settings and returns their number. For the reasons see
// unfitReason.
func (m *Manager) Apply(ctx context.Context) (n int) {
	_ = m.change(context.WithoutCancel(ctx), func(c *change) error {
		ending := map[agent.Reason][]*session{}
		for _, s := range c.allSessions() {
			if !c.fits(c.settings, s.located()) {
				reason := c.unfitReason(s.Kind)
				ending[reason] = append(ending[reason], s)
				continue
			}
			c.dropFurtherIf(s, func(f furtherAddress) bool {
				peer := agent.Peer{Addr: f.addr, Inside: c.inside(c.settings, f.addr, "")}
				return !peer.Inside || s.Kind == agent.KindWeb && mayUseBrowser(c.settings, peer) != nil
			})
		}
		for reason, list := range ending {
			n += c.endEach(list, reason)
		}
		return nil
	})
	return n
}

// unfitReason returns why sessions of a kind that do not fit the settings end. After ReasonShutdown agents reconnect under the new
// settings.
func (c *change) unfitReason(k agent.Kind) agent.Reason {
	switch {
	case k == agent.KindStatic, k == agent.KindWeb && c.settings.Enabled:
		return agent.ReasonAdmin
	case !c.settings.Enabled:
		return agent.ReasonDisabled
	}
	return agent.ReasonShutdown
}
