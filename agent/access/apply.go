package access

import (
	"context"

	"ideco-agent/agent"
)

// Misfits tells how many sessions would end with other settings.
func (m *Manager) Misfits(set agent.Settings) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if !fits(set, s) {
			n++
		}
	}
	return n
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
		for _, s := range c.all() {
			if !fits(c.settings, s) {
				c.end(s, reason)
				n++
				continue
			}
			c.dropMore(s, func(f further) bool { return !c.settings.InLAN(f.addr) })
		}
		return nil
	})
	return n
}
