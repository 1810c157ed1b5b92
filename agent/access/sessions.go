package access

import (
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// Sessions returns the live sessions with their counters, in the order of their start. It does not wait for changes.
func (m *Manager) Sessions() []agent.LiveSession {
	m.count()
	list := m.snapshot()
	slices.SortFunc(list, func(a, b agent.LiveSession) int { return order(a.Session, b.Session) })
	return list
}

// Session returns a live session by its ID. The counters may be some seconds old. It does not wait for changes.
func (m *Manager) Session(id string) (agent.LiveSession, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	if s == nil {
		return agent.LiveSession{}, false
	}
	return s.live(), true
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

// SessionAt returns the live session of an address in the LAN, of any kind but KindVPN. If another computer has the address now, it
// returns none, because that computer must not learn whose session it is. The counters may be some seconds old. It does not wait for
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

// IsConnected reports whether an address in the LAN has a connected session. A waiting session does not count: after a long restart of the
// gateway the firewall may not let its address through. Neither does the session of another computer that had the address before, see
// SessionAt. It must be quick: hosts without a session make many requests.
func (m *Manager) IsConnected(a netip.Addr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byAddress[agent.Unmap(a)]
	return s != nil && s.State() == agent.StateConnected && !m.hasLeft(s)
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

// live returns a copy of a session with its counters. The caller holds mu.
func (s *session) live() agent.LiveSession {
	l := agent.LiveSession{Session: s.Session, State: s.State(), FurtherAddresses: s.FurtherAddresses(), MAC: s.MAC()}
	if rx, tx, handshake, counted := s.Counts(); counted {
		l.Rx, l.Tx, l.Handshake = &rx, &tx, handshake
	}
	return l
}

// The methods below are those of agent.SessionView. Their caller holds mu.

func (s *session) Record() *agent.Session { return &s.Session }

func (s *session) State() agent.State {
	if s.connection == nil && s.Kind.HasAgent() {
		return agent.StateWaiting
	}
	return agent.StateConnected
}

func (s *session) FurtherAddresses() []netip.Addr {
	var list []netip.Addr
	for _, f := range s.further {
		list = append(list, f.addr)
	}
	return list
}

func (s *session) Counts() (rx, tx uint64, handshake time.Time, counted bool) {
	c := &s.counters
	if !c.counted && c.rx+c.tx == 0 {
		return 0, 0, time.Time{}, false
	}
	return c.rx, c.tx, c.last.Handshake, true
}

func (s *session) MAC() string {
	if s.Kind == agent.KindVPN {
		return ""
	}
	return s.counters.mac
}
