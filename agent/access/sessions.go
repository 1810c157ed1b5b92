package access

import (
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// Sessions returns the live sessions with their counters, in the order of their start. It does not wait for changes.
func (m *Manager) Sessions() []agent.LiveSession {
	m.count()
	list := m.snapshot()
	slices.SortFunc(list, func(a, b agent.LiveSession) int { return order(a.Session, b.Session) })
	return list
}

// Counts returns how many sessions of each kind are live.
func (m *Manager) Counts() map[agent.Kind]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[agent.Kind]int{}
	for _, s := range m.sessions {
		counts[s.Kind]++
	}
	return counts
}

// SessionAt returns the live session that lets an address in the LAN through, of any kind but KindVPN. It returns none to another
// computer that has the address now: whose session it is, is not its business. The counters may be some seconds old. It does not wait for
// changes.
func (m *Manager) SessionAt(a netip.Addr) (agent.LiveSession, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byAddress[agent.Unmap(a)]
	if s == nil || m.hasLeft(s) {
		return agent.LiveSession{}, false
	}
	return s.live(), true
}

// IsConnected reports whether an address in the LAN has a connected session. A waiting session does not count: after a long
// restart it may not be let through. Neither does that of another computer, see SessionAt. It must be quick: hosts without a session make many requests.
func (m *Manager) IsConnected(a netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byAddress[agent.Unmap(a)]
	return s != nil && s.state() == agent.StateConnected && !m.hasLeft(s)
}

func (m *Manager) snapshot() []agent.LiveSession {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]agent.LiveSession, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s.live())
	}
	return list
}

// live returns a session with its counters. The caller holds mu.
func (s *session) live() agent.LiveSession {
	var p agent.SessionPeek
	s.peek(&p)
	l := agent.LiveSession{Session: s.Session, State: p.State, FurtherAddresses: p.FurtherAddresses, Handshake: p.Handshake, MAC: p.MAC}
	if p.Rx != nil {
		rx, tx := *p.Rx, *p.Tx
		l.Rx, l.Tx = &rx, &tx
	}
	return l
}

// peek sets p to the session, without copying it. The caller holds mu as long as it uses p.
func (s *session) peek(p *agent.SessionPeek) {
	*p = agent.SessionPeek{Session: &s.Session, State: s.state(), FurtherAddresses: s.furtherAddresses()}
	if c := &s.counters; c.counted || c.rx+c.tx > 0 {
		p.Rx, p.Tx, p.Handshake = &c.rx, &c.tx, c.last.Handshake
	}
	if s.Kind != agent.KindVPN {
		p.MAC = s.counters.mac
	}
}

// state returns the state of a session.
func (s *session) state() agent.State {
	if s.connection == nil && s.Kind.HasAgent() {
		return agent.StateWaiting
	}
	return agent.StateConnected
}
