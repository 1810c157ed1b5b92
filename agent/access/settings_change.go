package access

import (
	"context"

	"ideco-agent/agent"
)

// WouldEnd tells how many sessions would end with other settings.
func (m *Manager) WouldEnd(set agent.Settings) (n int) {
	for _, p := range m.located() {
		if !m.fits(set, p) {
			n++
		}
	}
	return n
}

// located is a session and where it came from.
type located struct {
	session agent.Session
	inside  bool
	iface   string
}

func (s *session) located() located { return located{s.Session, s.inside, s.iface} }

// located are the live sessions as of now.
func (m *Manager) located() []located {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]located, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s.located())
	}
	return list
}

// Apply ends the sessions that do not fit the settings, which Config.Settings returns by now, and tells how many. With
// the agent switched off the reason is disabled; otherwise it is shutdown, so that the agents come back and get the
// access that is right for them now, or hear why not.
func (m *Manager) Apply(ctx context.Context) (n int) {
	_ = m.change(context.WithoutCancel(ctx), func(c *change) error {
		reason := agent.ReasonShutdown
		if !c.settings.Enabled {
			reason = agent.ReasonDisabled
		}
		var misfits []*session
		for _, s := range c.allSessions() {
			if !c.fits(c.settings, s.located()) {
				misfits = append(misfits, s)
				continue
			}
			c.dropFurtherIf(s, func(f furtherAddress) bool { return !c.inside(c.settings, f.addr, "") })
		}
		n = c.endEach(misfits, reason)
		return nil
	})
	return n
}
