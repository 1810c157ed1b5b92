package access

import (
	"cmp"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
)

// Config is what a Manager works with.
type Config struct {
	Gate     *Gate
	Store    Store
	Firewall Firewall              // nil = none here; sessions begin and end all the same
	Tunnel   Tunnel                // nil = none here; from outside nobody gets in
	Settings func() agent.Settings // must be quick and may not call the Manager
	// Inside tells whether a peer is in the LAN under some settings; see agent.Peer. The Manager asks it for sessions that
	// are there when settings change or the process starts, and under the settings by which a change is decided. Through is
	// Peer.Interface of the connection that a session came on; empty after a restart. Nil = Settings.InLocalNetworks. It must be
	// quick.
	Inside func(s agent.Settings, peer netip.Addr, through string) bool
	Log    *slog.Logger
}

// Manager holds the live sessions.
//
// There are two locks. Whoever changes anything takes the turn first, which may last as long as the store and the
// firewall take; so changes happen one after the other, and what a change has decided still holds when it is carried
// out. The mutex is held for moments, so that reading never waits for a disk.
type Manager struct {
	gate     *Gate
	store    Store
	firewall Firewall
	tunnel   Tunnel
	settings func() agent.Settings
	inside   func(s agent.Settings, peer netip.Addr, through string) bool
	log      *slog.Logger

	closed atomic.Bool // from Shutdown on

	changeLock chan struct{} // has one place, and whoever put something there has the turn

	mu        sync.Mutex // guards what follows. It is written with the turn and mu, and read with either.
	sessions  map[string]*session
	byAddress map[netip.Addr]*session // LAN and web, further addresses included
	byUser    map[agent.UserID][]*session
	byChain   map[[32]byte]*session
	byProof   map[[32]byte]*session // guarded by mu alone, as session.proof is: address tokens that were not used yet

	pending pendingLogins
	proofs  *counts[netip.Addr] // of wrong address tokens

	unwrittenEnds  map[string]end // guarded by the turn: ends that the store did not take yet, by session ID
	unwrittenTimer *time.Timer
}

// end is when and why a session ended.
type end struct {
	at     time.Time
	reason agent.Reason
}

// session is a live session. The Manager's locks guard it.
type session struct {
	agent.Session
	connection Connection // nil while waiting
	graceEnds  time.Time  // while waiting
	tunnelBy   time.Time  // when tunnel_wg must have come; zero when it has, or when none is needed
	noticed    time.Time  // notices that were due until then have been given
	inside     bool       // whether it came from the local networks
	iface      string     // Peer.Interface of the connection that it came on; empty after a restart
	chain      chainName  // zero until the agent has shown or been given a token in this process
	timer      *time.Timer
	further    []furtherAddress // the one that was proved longest ago first
	proof      proof            // guarded by mu alone
}

// NewManager makes a Manager without sessions; Restore brings back those of the process before.
func NewManager(c Config) *Manager {
	if c.Inside == nil {
		c.Inside = func(s agent.Settings, peer netip.Addr, _ string) bool { return s.InLocalNetworks(peer) }
	}
	return &Manager{
		inside: c.Inside,
		gate:   c.Gate, store: c.Store, firewall: c.Firewall, tunnel: c.Tunnel, settings: c.Settings, log: c.Log,
		changeLock:    make(chan struct{}, 1),
		sessions:      map[string]*session{},
		byAddress:     map[netip.Addr]*session{},
		byUser:        map[agent.UserID][]*session{},
		byChain:       map[[32]byte]*session{},
		byProof:       map[[32]byte]*session{},
		proofs:        newCounts[netip.Addr](proofLimit, maxAddressKeys),
		unwrittenEnds: map[string]end{},
	}
}

// put makes next what everybody sees of a session.
func (m *Manager) put(s *session, next agent.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unindex(s)
	s.Session = next
	m.sessions[s.ID] = s
	m.byUser[s.UserID] = append(m.byUser[s.UserID], s)
	if s.Kind != agent.KindVPN {
		m.byAddress[s.Address] = s
	}
	for _, f := range s.further {
		m.byAddress[f.addr] = s
	}
	if s.Resume.Chain != [32]byte{} {
		m.byChain[s.Resume.Chain] = s
	}
}

// remove makes a session unseen.
func (m *Manager) remove(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unindex(s)
	m.voidProof(s)
	s.connection = nil
}

// takeOut is remove for callers that have mu. It leaves alone what already belongs to another session.
func (m *Manager) unindex(s *session) {
	if m.sessions[s.ID] != s {
		return
	}
	delete(m.sessions, s.ID)
	if m.byAddress[s.Address] == s {
		delete(m.byAddress, s.Address)
	}
	m.unindexFurther(s)
	if m.byChain[s.Resume.Chain] == s {
		delete(m.byChain, s.Resume.Chain)
	}
	others := slices.DeleteFunc(m.byUser[s.UserID], func(o *session) bool { return o == s })
	if m.byUser[s.UserID] = others; len(others) == 0 {
		delete(m.byUser, s.UserID)
	}
}

// attach gives a session its connection and returns the one that it had, whose address token is void. Nil makes it a
// waiting session until graceEnds.
func (m *Manager) attach(s *session, connection Connection, graceEnds time.Time) (before Connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.voidProof(s)
	before, s.connection, s.graceEnds = s.connection, connection, graceEnds
	return before
}

// all are the live sessions, the oldest first. For whoever has the turn.
func (m *Manager) allSessions() []*session {
	list := make([]*session, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s)
	}
	slices.SortFunc(list, older)
	return list
}

// of are a person's live sessions, the oldest first. For whoever has the turn.
func (m *Manager) sessionsOf(user agent.UserID) []*session {
	list := slices.Clone(m.byUser[user])
	slices.SortFunc(list, older)
	return list
}

func older(a, b *session) int { return order(a.Session, b.Session) }

// order puts sessions in the order of their start.
func order(a, b agent.Session) int {
	if c := a.Started.Compare(b.Started); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}
