package access

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
)

// Config has the dependencies of a Manager.
type Config struct {
	Gate     *Gate
	Store    Store
	Firewall Firewall              // nil = none; sessions begin and end without it
	Tunnel   Tunnel                // nil = none; access from outside is refused
	Refusals Refusals              // nil = refused attempts are not stored
	WebIdle  time.Duration         // how long a session of KindWeb may send and receive nothing; 0 = DefaultWebIdle
	Settings func() agent.Settings // must not block or call the Manager
	// Inside reports whether a peer is in the LAN under the settings, see agent.Peer. Iface is Peer.Interface of a session's
	// connection; empty after a restart. It must not block. Nil = Settings.InLocalNetworks.
	Inside func(s agent.Settings, peer netip.Addr, iface string) bool
	Log    *slog.Logger
}

// Manager keeps the live sessions.
//
// It has two main locks. A change takes changeLock and holds it while it waits for the store, the firewall and the tunnel, so
// changes run one after the other. It takes mu only to write memory, so reading never waits for a disk.
type Manager struct {
	gate     *Gate
	store    Store
	firewall Firewall
	tunnel   Tunnel
	settings func() agent.Settings
	inside   func(s agent.Settings, peer netip.Addr, iface string) bool
	webIdle  time.Duration
	refused  *refusedAttempts
	log      *slog.Logger

	closed atomic.Bool // since Shutdown

	changeLock chan struct{} // of capacity 1: a lock that can be waited for with a context

	mu        sync.Mutex // guards what follows. Writers hold changeLock and mu, readers one of them.
	sessions  map[string]*session
	byAddress map[netip.Addr]*session // LAN and web, further addresses included
	byUser    map[agent.UserID][]*session
	byChain   map[[32]byte]*session
	byProof   map[[32]byte]*session // unused address tokens; guarded by mu alone, as is session.proof

	scratch []sorted // an empty list for Select; guarded by mu alone

	static        map[netip.Addr]StaticSession // of the last SetStatic; guarded by changeLock alone
	staticMissing map[netip.Addr]bool          // addresses of static that get a session once no other has them; likewise

	moved map[string]bool // IDs of sessions at whose addresses another computer is, see ChangedMACs; guarded by mu alone

	counting sync.Mutex // held from reading the counters until the sessions have their values; locked before mu
	counted  time.Time  // when that was last; guarded by counting
	pending  pendingLogins
	proofs   *counts[netip.Addr] // wrong address tokens
	lookups  *lookups            // of JoinSession
}

// session is a live session, guarded by the Manager's locks.
type session struct {
	agent.Session
	connection     Connection // nil while waiting
	graceEnds      time.Time  // while waiting
	tunnelDeadline time.Time  // deadline for tunnel_wg; zero = none
	tunnelUp       time.Time  // when TunnelUp succeeded last; guarded by mu
	noticed        time.Time  // notices due until then were sent or left out
	inside         bool       // see agent.Peer
	iface          string     // agent.Peer.Interface of its connection; empty after a restart
	ownLength      bool       // a group or the account sets its length, not the settings
	chain          chainName  // zero until this process has received or made a token
	timer          *time.Timer
	further        []furtherAddress // in the order of their proofs, the oldest first
	proof          proof            // guarded by mu alone
	followed       time.Time        // when its MAC was changed last
	following      bool             // followMAC runs; guarded by mu alone
	counters       counters         // guarded by mu alone
}

// NewManager makes a Manager without sessions. Restore adds those of the former process.
func NewManager(c Config) *Manager {
	if c.Inside == nil {
		c.Inside = func(s agent.Settings, peer netip.Addr, _ string) bool { return s.InLocalNetworks(peer) }
	}
	if c.WebIdle == 0 {
		c.WebIdle = DefaultWebIdle
	}
	return &Manager{
		inside: c.Inside, webIdle: c.WebIdle, refused: newRefusedAttempts(c.Refusals, c.Log),
		gate: c.Gate, store: c.Store, firewall: c.Firewall, tunnel: c.Tunnel, settings: c.Settings, log: c.Log,
		changeLock: make(chan struct{}, 1),
		sessions:   map[string]*session{},
		byAddress:  map[netip.Addr]*session{},
		byUser:     map[agent.UserID][]*session{},
		byChain:    map[[32]byte]*session{},
		byProof:    map[[32]byte]*session{},
		static:     map[netip.Addr]StaticSession{}, staticMissing: map[netip.Addr]bool{},
		proofs:  newCounts[netip.Addr](proofLimit, maxAddressKeys, time.Now),
		lookups: newLookups(),
	}
}

// put makes next the data of a session and adds it to the indexes.
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

// remove removes a session from the indexes.
func (m *Manager) remove(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unindex(s)
	m.voidProof(s)
	s.connection = nil
}

// unindex is remove for callers that hold mu. It keeps entries that already belong to another session.
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

// attach sets the connection of a session and returns the former one, whose address token it voids. With a nil connection
// the session waits until graceEnds.
func (m *Manager) attach(s *session, connection Connection, graceEnds time.Time) (before Connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.voidProof(s)
	before, s.connection, s.graceEnds = s.connection, connection, graceEnds
	return before
}

// allSessions returns the live sessions, the oldest first. The caller holds changeLock.
func (m *Manager) allSessions() []*session {
	return slices.SortedFunc(maps.Values(m.sessions), older)
}

// sessionsOf returns a person's live sessions, the oldest first. The caller holds changeLock.
func (m *Manager) sessionsOf(user agent.UserID) []*session {
	list := slices.Clone(m.byUser[user])
	slices.SortFunc(list, older)
	return list
}

func older(a, b *session) int { return order(a.Session, b.Session) }

// order compares sessions by their start.
func order(a, b agent.Session) int {
	if c := a.Started.Compare(b.Started); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// changeTimeout is the deadline of a change. Taking something back begins a new one, see renew. Changes run one after the
// other, so a disk that hangs must not delay the others for long.
const changeTimeout = 10 * time.Second

// change is a running change of the live sessions. Its methods need changeLock.
type change struct {
	*Manager
	base     context.Context // without the caller's cancellation: a begun change is finished or undone
	ctx      context.Context // base with a deadline
	cancel   context.CancelFunc
	now      time.Time        // in UTC and whole microseconds, as the store keeps it
	settings agent.Settings   // at the beginning of the change
	tree     *agent.GroupTree // nil = not read yet
	notify   []func()         // messages to connections, sent when do has returned
	writes   []func()         // into the store, after that
}

// change runs do with changeLock. Then it begins the static sessions whose addresses became free, tells the connections, and at last
// writes the ends, so that no agent waits for the store to hear that access is gone. Errors: ctx.Err, before do was called; the error
// of do.
func (m *Manager) change(ctx context.Context, do func(*change) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case m.changeLock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	c := &change{Manager: m, base: context.WithoutCancel(ctx), cancel: func() {}, now: now(), settings: m.settings()}
	c.renew()
	defer func() {
		c.beginMissingStatic()
		for _, tell := range c.notify {
			tell()
		}
		for _, write := range c.writes {
			c.renew()
			write()
		}
		c.cancel()
		<-m.changeLock
	}()
	return do(c)
}

// renew restarts the deadline, so that taking something back does not fail because an earlier step was slow.
func (c *change) renew() {
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.base, changeTimeout)
}

// always runs a change that cannot fail. It waits for changeLock without a deadline.
func (m *Manager) always(do func(*change)) {
	_ = m.change(context.Background(), func(c *change) error {
		do(c)
		return nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
