package access

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// Sessions returns the live sessions with their counters, in the order of their start. It does not wait for changes.
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

// counted returns traffic and MACs by session ID. Counts of the tunnel replace those of the firewall.
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

// IsConnected reports whether an address in the LAN has a connected session. A waiting session does not count: after a long
// restart it may not be let through. It must be quick: hosts without a session make many requests.
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

// state returns the state of a session. KindWeb has no connection and is always connected.
func (s *session) state() agent.State {
	if s.connection == nil && s.Kind != agent.KindWeb {
		return agent.StateWaiting
	}
	return agent.StateConnected
}
