package access

import (
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// Sessions returns the live sessions in the order of their start, with what went through their tunnels. It never waits
// for a change that is being made.
func (m *Manager) Sessions() []agent.LiveSession {
	list := m.snapshot()
	if m.tunnel != nil {
		traffic := m.tunnel.Traffic()
		for i := range list {
			if t, ok := traffic[list[i].ID]; ok {
				list[i].Rx, list[i].Tx, list[i].Handshake = &t.Rx, &t.Tx, t.Handshake
			}
		}
	}
	slices.SortFunc(list, func(a, b agent.LiveSession) int { return order(a.Session, b.Session) })
	return list
}

// Authorised tells whether a live session gives access to an address of the LAN. It is quick: closed hosts ask often.
func (m *Manager) Authorised(a netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byAddress[agent.Unmap(a)] != nil
}

func (m *Manager) snapshot() []agent.LiveSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]agent.LiveSession, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, agent.LiveSession{Session: s.Session, State: s.state(), More: s.addresses()})
	}
	return list
}

// state of a session; a browser has no connection to lose.
func (s *session) state() agent.State {
	if s.link == nil && s.Kind != agent.KindWeb {
		return agent.StateWaiting
	}
	return agent.StateConnected
}
