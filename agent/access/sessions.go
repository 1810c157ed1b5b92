package access

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// Sessions returns the live sessions in the order of their start, with what went through the firewall and their tunnels.
// It never waits for a change that is being made.
func (m *Manager) Sessions() []agent.LiveSession {
	list := m.snapshot()
	traffic, macs := m.counted()
	for i := range list {
		s := &list[i]
		if t, ok := traffic[s.ID]; ok {
			s.Rx, s.Tx, s.Handshake = &t.Rx, &t.Tx, t.Handshake
		}
		if mac := macs[s.ID]; len(mac) > 0 && s.Kind != agent.KindVPN {
			s.MAC = mac.String()
		}
	}
	slices.SortFunc(list, func(a, b agent.LiveSession) int { return order(a.Session, b.Session) })
	return list
}

// counted is what firewall and tunnel know of sessions, by session ID. What peers count is what went through a tunnel.
func (m *Manager) counted() (map[string]agent.Traffic, map[string]net.HardwareAddr) {
	traffic, macs := map[string]agent.Traffic{}, map[string]net.HardwareAddr{}
	if m.firewall != nil {
		maps.Copy(traffic, m.firewall.Traffic())
		macs = m.firewall.MACs()
	}
	if m.tunnel != nil {
		maps.Copy(traffic, m.tunnel.Traffic())
	}
	return traffic, macs
}

// IsConnected tells whether an address of the LAN has a session whose agent is there. In its grace a session may be let
// through or, after a restart that took long, not yet. It is quick: closed hosts ask often.
func (m *Manager) IsConnected(a netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byAddress[agent.Unmap(a)]
	return s != nil && s.state() == agent.StateConnected
}

func (m *Manager) snapshot() []agent.LiveSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]agent.LiveSession, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, agent.LiveSession{Session: s.Session, State: s.state(), FurtherAddresses: s.furtherAddresses()})
	}
	return list
}

// state of a session; a browser has no connection to lose.
func (s *session) state() agent.State {
	if s.connection == nil && s.Kind != agent.KindWeb {
		return agent.StateWaiting
	}
	return agent.StateConnected
}
