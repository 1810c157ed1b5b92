package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

var errFake = errors.New("the disk is full")

// memoryStore is a Store, Directory and Devices in memory.
type memoryStore struct {
	mu                sync.Mutex
	users             map[agent.UserID]agent.User
	passwords         map[agent.UserID]string
	sessions          map[string]agent.Session
	devices           map[string]bool
	checks            []agent.Credentials // calls of Authenticate
	lookups           int                 // calls of Knows
	tickets           int                 // calls of VerifyTicket
	blockAuthenticate chan struct{}       // if set, Authenticate waits for a value
	refusal           error               // returned after a right password
	noChanges         bool                // passwords cannot be changed
	broken            string              // the method that fails
	newestFirst       bool                // whether open sessions come newest first
	onEnd             func()              // if set, called before an end is written
	refused           []agent.RefusedAttempt
	blockAddRefused   chan struct{} // if set, AddRefused waits for a value
	tree              agent.GroupTree
}

func newMemoryStore() *memoryStore {
	return &memoryStore{users: map[agent.UserID]agent.User{}, passwords: map[agent.UserID]string{},
		sessions: map[string]agent.Session{}, devices: map[string]bool{}}
}

func (m *memoryStore) add(id agent.UserID, login string, remote bool) agent.User {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := agent.User{ID: id, Login: login, Name: strings.ToUpper(login), Directory: agent.LocalDirectory, Enabled: true,
		RemoteAccess: remote}
	m.users[id], m.passwords[id] = u, "right"
	return u
}

func (m *memoryStore) change(id agent.UserID, change func(*agent.User)) agent.User {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[id]
	change(&u)
	m.users[id] = m.tree.Inherit(u)
	return m.users[id]
}

// setGroups replaces the groups and returns the accounts whose RemoteAccess or AdminByGroups changed.
func (m *memoryStore) setGroups(groups ...agent.Group) (changed []agent.User) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tree = agent.NewGroupTree(groups)
	for id, u := range m.users {
		updated := m.tree.Inherit(u)
		if m.users[id] = updated; updated.RemoteAccess != u.RemoteAccess || updated.AdminByGroups != u.AdminByGroups {
			changed = append(changed, updated)
		}
	}
	return changed
}

func (m *memoryStore) GroupTree(context.Context) (agent.GroupTree, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tree, m.fail("GroupTree")
}

func (m *memoryStore) RememberLogin(_ context.Context, id agent.UserID, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail("RememberLogin"); err != nil {
		return err
	}
	u := m.users[id]
	u.LastLogin = at
	m.users[id] = u
	return nil
}

func (m *memoryStore) AddRefused(ctx context.Context, r agent.RefusedAttempt) error {
	if m.blockAddRefused != nil {
		select {
		case <-m.blockAddRefused:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = append(m.refused, r)
	return m.fail("AddRefused")
}

// account returns an account as it is now.
func (m *memoryStore) account(id agent.UserID) agent.User { return m.change(id, func(*agent.User) {}) }

// failOn makes a method fail from now on, and the others work again. With an empty name all work.
func (m *memoryStore) failOn(method string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = method
}

func (m *memoryStore) fail(method string) error {
	if m.broken == method {
		return fmt.Errorf("%s: %w", method, errFake)
	}
	return nil
}

func (m *memoryStore) Knows(_ context.Context, login string) (agent.UserID, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	for id, u := range m.users {
		if spelling.Login(u.Login) == spelling.Login(login) {
			return id, true, m.fail("Knows")
		}
	}
	return 0, false, m.fail("Knows")
}

func (m *memoryStore) Find(ctx context.Context, login string) (agent.Account, error) {
	id, known, err := m.Knows(ctx, login)
	if err != nil {
		return agent.Account{}, err
	}
	account := agent.Account{Key: "local/" + spelling.Login(login), Known: known, UserID: id, Authenticate: m.Authenticate, ChangePassword: m.ChangePassword}
	if m.noChanges {
		account.ChangePassword = nil
	}
	if known {
		account.Key = m.users[id].AccountKey()
	}
	return account, nil
}

func (m *memoryStore) Authenticate(ctx context.Context, c agent.Credentials) (agent.User, error) {
	id, known, _ := m.Knows(ctx, c.Login)
	m.mu.Lock()
	m.checks = append(m.checks, c)
	block := m.blockAuthenticate
	m.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return agent.User{}, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !known || m.passwords[id] != c.Password {
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	return m.users[id], m.refusal
}

// VerifyTicket accepts the login of a known account as its token, and refuses other tokens as replays.
func (m *memoryStore) VerifyTicket(ctx context.Context, token []byte) (agent.User, error) {
	m.mu.Lock()
	m.tickets++
	m.mu.Unlock()
	id, known, _ := m.Knows(ctx, string(token))
	if !known {
		return agent.User{}, &agent.Error{Code: agent.CodeSSORefused, Err: errors.New("replay")}
	}
	return m.account(id), m.refusal
}

// ChangePassword refuses the new password "refused".
func (m *memoryStore) ChangePassword(ctx context.Context, c agent.Credentials, newPassword string) (agent.User, error) {
	user, err := m.Authenticate(ctx, c)
	if err != nil {
		return agent.User{}, err
	}
	if newPassword == "refused" {
		return agent.User{}, agent.Refuse(agent.CodePasswordRejected)
	}
	m.mu.Lock()
	m.passwords[user.ID] = newPassword
	m.mu.Unlock()
	return m.change(user.ID, func(u *agent.User) { u.MustChange = false }), nil
}

func (m *memoryStore) KnowsDevice(_ context.Context, id agent.UserID, device string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.devices[fmt.Sprint(id, device)], m.fail("KnowsDevice")
}

func (m *memoryStore) RememberDevice(_ context.Context, id agent.UserID, device string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices[fmt.Sprint(id, device)] = true
	return m.fail("RememberDevice")
}

func (m *memoryStore) User(_ context.Context, id agent.UserID) (agent.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.users[id]
	if !ok {
		return u, agent.ErrNotFound
	}
	return u, m.fail("User")
}

func (m *memoryStore) SaveSession(ctx context.Context, s agent.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.fail("SaveSession"), ctx.Err()); err != nil {
		return err
	}
	m.sessions[s.ID] = s
	return nil
}

func (m *memoryStore) EndSession(ctx context.Context, id string, end agent.SessionEnd) error {
	if m.onEnd != nil {
		m.onEnd()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.fail("EndSession"), ctx.Err()); err != nil {
		return err
	}
	s, ok := m.sessions[id]
	if !ok {
		return agent.ErrNotFound
	}
	if s.Ended.IsZero() {
		s.Ended, s.Reason = end.At, end.Reason
		s.RxStored, s.TxStored, s.MACStored = end.Rx, end.Tx, end.MAC
		m.sessions[id] = s
	}
	return nil
}

func (m *memoryStore) SaveCounts(_ context.Context, counts map[string]agent.SessionCounts) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, c := range counts {
		if s, ok := m.sessions[id]; ok && s.Ended.IsZero() {
			s.RxStored, s.TxStored, s.MACStored = c.Rx, c.Tx, c.MAC
			m.sessions[id] = s
		}
	}
	return m.fail("SaveCounts")
}

func (m *memoryStore) OpenSessions(context.Context) (open []agent.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Ended.IsZero() {
			open = append(open, s)
		}
	}
	slices.SortFunc(open, order)
	if m.newestFirst {
		slices.Reverse(open)
	}
	return open, m.fail("OpenSessions")
}

func (m *memoryStore) SessionByResume(_ context.Context, chain [32]byte) (agent.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if chain != [32]byte{} && s.Resume.Chain == chain {
			return s, m.fail("SessionByResume")
		}
	}
	return agent.Session{}, agent.ErrNotFound
}

func (m *memoryStore) VoidResume(_ context.Context, user agent.UserID) error {
	return m.void(func(s agent.Session) bool { return s.UserID == user })
}

func (m *memoryStore) VoidDevice(_ context.Context, user agent.UserID, device string) error {
	return m.void(func(s agent.Session) bool {
		return s.UserID == user && s.Device.ID == device && !s.Ended.IsZero()
	})
}

func (m *memoryStore) void(which func(agent.Session) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail("VoidResume"); err != nil {
		return err
	}
	for id, s := range m.sessions {
		if which(s) {
			s.Resume.Current, s.Resume.Previous = [32]byte{}, [32]byte{}
			m.sessions[id] = s
		}
	}
	return nil
}

func (m *memoryStore) session(id string) agent.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[id]
}

// fakeFirewall is a Firewall in memory.
type fakeFirewall struct {
	mu          sync.Mutex
	granted     map[netip.Addr]string    // session ID
	further     map[netip.Addr]string    // session ID of a further address
	other       map[netip.Addr]bool      // addresses of other computers
	cuts        map[netip.Addr]int       // how often the connections of an address were cut
	closed      map[string]bool          // sessions whose address had expired at Readmit
	grantedMACs map[netip.Addr]string    // Session.MACStored of Grant
	traffic     map[string]agent.Traffic // by session; Rx 3 and Tx 4 for the others
	recounts    []string                 // IDs of Recount
	reads       int                      // calls of Traffic
	uncounted   bool                     // Traffic returns nothing
	broken      bool

	macs    map[netip.Addr]string // in the neighbour table; for BrowserSessionOf
	lookups int                   // calls of BrowserSessionOf

	changed       []agent.MACChange // what ChangedMACs returns
	formerAnswers bool              // the former MAC still answers
	macChanges    []agent.MACChange // calls of ChangeMAC

	proofs, mostProofs int // calls of ProveMAC that run, and the most at the same time
}

func (w *fakeFirewall) ChangedMACs(context.Context) []agent.MACChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *fakeFirewall) ProveMAC(ctx context.Context, c agent.MACChange, ping func(context.Context) error) (bool, error) {
	w.countProofs(1)
	defer w.countProofs(-1)
	if err := ping(ctx); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.formerAnswers, nil
}

func (w *fakeFirewall) countProofs(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proofs += n
	w.mostProofs = max(w.mostProofs, w.proofs)
}

func (w *fakeFirewall) ChangeMAC(_ context.Context, c agent.MACChange) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errFake
	}
	w.macChanges = append(w.macChanges, c)
	maps.DeleteFunc(w.further, func(_ netip.Addr, id string) bool { return id == c.Session })
	return nil
}

func (w *fakeFirewall) Grant(_ context.Context, s agent.Session) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errFake
	}
	w.granted[s.Address] = s.ID
	w.grantedMACs[s.Address] = s.MACStored
	delete(w.closed, s.ID)
	return nil
}

func (w *fakeFirewall) Recount(_ context.Context, ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recounts = append(w.recounts, ids...)
}

func (w *fakeFirewall) Readmit(_ context.Context, s agent.Session) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errFake
	}
	if _, ok := w.granted[s.Address]; ok {
		w.granted[s.Address] = s.ID
	} else {
		if s.Kind == agent.KindWeb {
			return errFake
		}
		w.closed[s.ID] = true
	}
	return nil
}

func (w *fakeFirewall) GrantAddress(_ context.Context, session string, a netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errFake
	}
	if w.other[a] {
		return agent.Refuse(agent.CodeAddressRefused)
	}
	w.further[a] = session
	return nil
}

func (w *fakeFirewall) BrowserSessionOf(_ context.Context, a netip.Addr) (found string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookups++
	if w.broken {
		return "", errFake
	}
	if w.macs[a] == "" {
		return "", nil
	}
	for own, id := range w.granted {
		if w.macs[own] != w.macs[a] {
			continue
		}
		if found != "" {
			return "", nil
		}
		found = id
	}
	return found, nil
}

func (w *fakeFirewall) RevokeAddress(_ context.Context, _ string, a netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.further[a]; ok {
		w.cuts[a]++
	}
	delete(w.further, a)
}

func (w *fakeFirewall) Revoke(_ context.Context, s agent.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if holder, ok := w.granted[s.Address]; ok && (s.Kind != agent.KindVPN || holder == s.ID) {
		w.cuts[s.Address]++
		delete(w.granted, s.Address)
		delete(w.grantedMACs, s.Address)
	}
	for a, id := range w.further {
		if id == s.ID {
			w.cuts[a]++
			delete(w.further, a)
		}
	}
}

// Traffic returns counts of the sessions in the LAN.
func (w *fakeFirewall) Traffic() map[string]agent.Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	traffic := map[string]agent.Traffic{}
	for a, id := range w.granted {
		if traffic[id] = w.traffic[id]; traffic[id] == (agent.Traffic{}) {
			traffic[id] = agent.Traffic{Rx: 3, Tx: 4}
		}
		if w.uncounted || inTunnel.Contains(a) {
			delete(traffic, id)
		}
	}
	return traffic
}

func (w *fakeFirewall) MACs() map[string]net.HardwareAddr {
	w.mu.Lock()
	defer w.mu.Unlock()
	macs := map[string]net.HardwareAddr{}
	for a, id := range w.granted {
		if !inTunnel.Contains(a) {
			macs[id] = net.HardwareAddr{2, 0, 0, 0, 0, a.AsSlice()[a.BitLen()/8-1]}
		}
	}
	return macs
}

var inTunnel = netip.MustParsePrefix("10.128.0.0/16")

// fakeTunnel is a Tunnel with a small pool.
type fakeTunnel struct {
	mu        sync.Mutex
	off       bool
	broken    bool // whether no peer can be added
	stuck     bool // whether a released session keeps its address
	size      int
	addresses map[string]netip.Addr // by session ID
	keys      map[string]agent.Key
	firewall  *fakeFirewall
	exposed   []string // sessions whose peer was removed while their address was let through
}

func (p *fakeTunnel) Available() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.off
}

func (p *fakeTunnel) Reserve(_ context.Context, s agent.Session) (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.addresses[s.ID]; ok {
		return a, nil
	}
	taken := map[netip.Addr]bool{}
	for _, a := range p.addresses {
		taken[a] = true
	}
	if inTunnel.Contains(s.Address) && !taken[s.Address] {
		p.addresses[s.ID] = s.Address
		return s.Address, nil
	}
	for i := range p.size {
		if a := netip.AddrFrom4([4]byte{10, 128, 0, byte(2 + i)}); !taken[a] {
			p.addresses[s.ID] = a
			return a, nil
		}
	}
	return netip.Addr{}, agent.Refuse(agent.CodePoolExhausted)
}

func (p *fakeTunnel) Up(_ context.Context, s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, k := range p.keys {
		if k == key && id != s.ID {
			return agent.TunnelConfig{}, agent.Refuse(agent.CodeBadMessage)
		}
	}
	if p.broken {
		delete(p.keys, s.ID)
		return agent.TunnelConfig{}, errFake
	}
	p.keys[s.ID] = key
	return agent.TunnelConfig{ServerPort: 3051, Address: netip.PrefixFrom(s.Address, 16)}, nil
}

func (p *fakeTunnel) Release(_ context.Context, s agent.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.firewall.mu.Lock()
	if p.firewall.granted[s.Address] == s.ID {
		p.exposed = append(p.exposed, s.ID)
	}
	p.firewall.mu.Unlock()
	if delete(p.keys, s.ID); !p.stuck {
		delete(p.addresses, s.ID)
	}
}

func (p *fakeTunnel) Recount(context.Context, []string) {}

func (p *fakeTunnel) Traffic() map[string]agent.Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	traffic := map[string]agent.Traffic{}
	for id := range p.keys {
		traffic[id] = agent.Traffic{Rx: 1, Tx: 2, Handshake: now()}
	}
	return traffic
}

// agentConnection is a Connection that records its calls.
type agentConnection struct {
	mu      sync.Mutex
	ended   []agent.Reason
	notices []time.Duration

	silent             bool          // Ping gets no answer
	pong               chan struct{} // Ping waits for it; nil = the agent answers at once
	pings, provesAgain int           // calls of Ping and ProveAgain
}

func (l *agentConnection) Ended(r agent.Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, r)
}

func (l *agentConnection) Expiring(left time.Duration, _ time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notices = append(l.notices, left)
}

func (l *agentConnection) Ping(ctx context.Context) error {
	l.mu.Lock()
	l.pings++
	silent, pong := l.silent, l.pong
	l.mu.Unlock()
	switch {
	case silent:
		return errFake
	case pong == nil:
		return nil
	}
	select {
	case <-pong:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *agentConnection) ProveAgain(string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.provesAgain++
}

func (l *agentConnection) endReasons() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprint(l.ended)
}

// tester has the methods that testing.T and rapid.T share.
type tester interface {
	Helper()
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// gateway is a Manager with its fakes.
type gateway struct {
	*Manager
	t            tester
	memoryStore  *memoryStore
	fakeFirewall *fakeFirewall
	fakeTunnel   *fakeTunnel
	gate         *Gate
	events       *events

	mu  sync.Mutex
	set agent.Settings
}

// ivan and olga have remote access, petr has not.
const (
	ivan agent.UserID = 1 + iota
	olga
	petr
)

var lanNets = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/64")}

func newGateway(t tester) *gateway {
	g := &gateway{t: t, memoryStore: newMemoryStore(), events: &events{}, set: agent.DefaultSettings(),
		fakeFirewall: &fakeFirewall{granted: map[netip.Addr]string{}, further: map[netip.Addr]string{}, other: map[netip.Addr]bool{}, cuts: map[netip.Addr]int{},
			closed: map[string]bool{}, grantedMACs: map[netip.Addr]string{}, macs: map[netip.Addr]string{}, traffic: map[string]agent.Traffic{}},
		fakeTunnel: &fakeTunnel{size: 50, addresses: map[string]netip.Addr{}, keys: map[string]agent.Key{}}}
	g.fakeTunnel.firewall = g.fakeFirewall
	g.set.Enabled = true
	g.set.LocalNetworks, g.set.BrowserSignIn = lanNets, lanNets
	g.memoryStore.add(ivan, "ivan", true)
	g.memoryStore.add(olga, "olga", true)
	g.memoryStore.add(petr, "petr", false)
	g.start()
	return g
}

// start makes a new Manager with the same store, firewall and tunnel.
func (g *gateway) start() {
	log := slog.New(slog.NewJSONHandler(g.events, nil))
	g.gate = NewGate(g.memoryStore, g.memoryStore, log)
	g.Manager = NewManager(Config{Gate: g.gate, Store: g.memoryStore, Firewall: g.fakeFirewall, Tunnel: g.fakeTunnel, Refusals: g.memoryStore, Settings: g.Settings, Log: log})
}

// restart is a kill -9 and a new process. The tunnel is empty then, and further addresses have expired.
func (g *gateway) restart() {
	g.t.Helper()
	g.kill()
	g.fakeTunnel.mu.Lock()
	g.fakeTunnel.addresses, g.fakeTunnel.keys = map[string]netip.Addr{}, map[string]agent.Key{}
	g.fakeTunnel.mu.Unlock()
	g.fakeFirewall.mu.Lock()
	g.fakeFirewall.further = map[netip.Addr]string{}
	g.fakeFirewall.mu.Unlock()
	g.start()
	if err := g.Restore(context.Background()); err != nil {
		g.t.Fatalf("restore: %v", err)
	}
}

func (g *gateway) peer(a netip.Addr) agent.Peer {
	return agent.Peer{Addr: agent.Unmap(a), Inside: g.inside(g.Settings(), a, "")}
}

// Authorize is Manager.Authorize; the address decides about Peer.Inside.
func (g *gateway) Authorize(ctx context.Context, a Attempt) (Grant, error) {
	a.Peer.Addr, a.Peer.Inside = agent.Unmap(a.Peer.Addr), g.inside(g.Settings(), a.Peer.Addr, a.Peer.Interface)
	return g.Manager.Authorize(ctx, a)
}

func (g *gateway) ProveAddress(ctx context.Context, token string, a netip.Addr) error {
	return g.Manager.ProveAddress(ctx, token, g.peer(a))
}

// signInBrowser is Manager.AuthorizeBrowser with the right password; the address decides about Peer.Inside.
func (g *gateway) signInBrowser(login, peer string) (agent.Session, error) {
	return g.AuthorizeBrowser(context.Background(), BrowserAttempt{Login: login, Password: "right", Peer: g.peer(netip.MustParseAddr(peer)), Browser: "Firefox"})
}

// beginWeb signs a browser in, which must succeed.
func (g *gateway) beginWeb(login, peer string) testSession {
	g.t.Helper()
	s, err := g.signInBrowser(login, peer)
	if err != nil {
		g.t.Fatalf("%s from %v was refused: %v", login, peer, err)
	}
	g.checkInvariants()
	return testSession{Grant: Grant{Session: s}}
}

// wantCode checks that err is a refusal with this code.
func (g *gateway) wantCode(err error, code agent.Code) {
	g.t.Helper()
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		g.t.Errorf("%v, want %s", err, code)
	}
}

// setTraffic makes the firewall count bytes of a session.
func (g *gateway) setTraffic(id string, rx, tx uint64) {
	g.fakeFirewall.mu.Lock()
	defer g.fakeFirewall.mu.Unlock()
	g.fakeFirewall.traffic[id] = agent.Traffic{Rx: rx, Tx: tx}
}

// record runs Manager.Record until the returned function is called.
func (g *gateway) record() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Record(ctx) }()
	return func() { cancel(); <-done }
}

// kill stops the timers of the Manager.
func (g *gateway) kill() {
	g.always(func(c *change) {
		c.closed.Store(true)
		for _, s := range c.sessions {
			s.stop()
		}
	})
}

func (g *gateway) Settings() agent.Settings {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.set
}

func (g *gateway) configure(change func(*agent.Settings)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.set)
}

func passwordAttempt(login, peer, device string) Attempt {
	return Attempt{Login: login, Password: "right", Peer: agent.Peer{Addr: netip.MustParseAddr(peer)}, Device: agent.Device{ID: device},
		Connection: &agentConnection{}}
}

// withToken returns the attempt with a resume token instead of the password, on a new connection.
func (a Attempt) withToken(token string) Attempt {
	a.Password, a.Resume, a.Connection = "", token, &agentConnection{}
	return a
}

// fromPeer returns the attempt from another address, on a new connection.
func (a Attempt) fromPeer(peer string) Attempt {
	a.Peer.Addr, a.Connection = netip.MustParseAddr(peer), &agentConnection{}
	return a
}

// testSession is a session with the attempt by which it began.
type testSession struct {
	Grant
	Attempt
}

func (e testSession) endReasons() string { return e.Connection.(*agentConnection).endReasons() }

// begin authorizes, which must succeed.
func (g *gateway) begin(a Attempt) testSession {
	g.t.Helper()
	grant, err := g.Authorize(context.Background(), a)
	if err != nil {
		g.t.Fatalf("%s from %v was refused: %v", a.Login, a.Peer, err)
	}
	g.checkInvariants()
	return testSession{grant, a}
}

// wantRefusal authorizes, which must be refused.
func (g *gateway) wantRefusal(a Attempt, code agent.Code) *agent.Error {
	g.t.Helper()
	_, err := g.Authorize(context.Background(), a)
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		g.t.Fatalf("%s from %v: %v, want %s", a.Login, a.Peer, err, code)
	}
	g.checkInvariants()
	return refusal
}

// wantLive checks that exactly these sessions live.
func (g *gateway) wantLive(sessions ...testSession) {
	g.t.Helper()
	live := map[string]bool{}
	for _, s := range g.Sessions() {
		live[s.ID] = true
	}
	for _, e := range sessions {
		if !live[e.Session.ID] {
			g.t.Errorf("session of %s from %v on %q does not live", e.Session.Login, e.Session.ExternalIP, e.Session.Device.ID)
		}
	}
	if len(live) != len(sessions) {
		g.t.Errorf("%d sessions live, want %d", len(live), len(sessions))
	}
	g.checkInvariants()
}

// reason returns the reason of a session's end in the store.
func (g *gateway) reason(e testSession) agent.Reason {
	return g.memoryStore.session(e.Session.ID).Reason
}

// checkInvariants checks what must hold between changes: exactly the live sessions have access, each index has exactly
// them, no limit is exceeded, and the store has the same sessions.
func (g *gateway) checkInvariants() {
	g.t.Helper()
	g.always(func(c *change) {
		g.fakeFirewall.mu.Lock()
		defer g.fakeFirewall.mu.Unlock()
		g.fakeTunnel.mu.Lock()
		defer g.fakeTunnel.mu.Unlock()
		lan, vpn, opened, chains, users, further, proofs := 0, 0, 0, 0, 0, 0, 0
		devices := map[string]bool{}
		for id, s := range c.sessions {
			if s.Kind == agent.KindVPN {
				vpn++
				if g.fakeTunnel.addresses[id] != s.Address {
					g.t.Errorf("session %s has %v, the tunnel gave %v", id, s.Address, g.fakeTunnel.addresses[id])
				}
				if g.fakeFirewall.granted[s.Address] == id {
					opened++
				}
			} else {
				lan++
				if c.byAddress[s.Address] != s {
					g.t.Errorf("address %v of session %s has another session in the index", s.Address, id)
				}
				if open := g.fakeFirewall.granted[s.Address] != ""; open {
					opened++
				} else if !g.fakeFirewall.closed[id] {
					g.t.Errorf("session %s on %v is not let through", id, s.Address)
				}
			}
			further += g.checkFurther(c, s)
			if s.proof.digest != [32]byte{} {
				if proofs++; c.byProof[s.proof.digest] != s || s.connection == nil {
					g.t.Errorf("the address token of session %s has another session in the index", id)
				}
			}
			if s.Resume.Chain != [32]byte{} {
				chains++
			}
			if device := fmt.Sprint(s.UserID, s.Device.ID); s.Device.ID != "" && devices[device] {
				g.t.Errorf("device %s of user %d has two sessions", s.Device.ID, s.UserID)
			} else {
				devices[device] = true
			}
			if kept := g.memoryStore.session(id); !kept.Ended.IsZero() || kept.Address != s.Address || kept.Kind != s.Kind {
				g.t.Errorf("the store says of live session %s: %+v", id, kept)
			}
			if s.timer == nil && s.Kind != agent.KindStatic || s.State() == agent.StateWaiting && s.graceEnds.IsZero() {
				g.t.Errorf("session %s has no timer or no end of its grace", id)
			}
			if s.Expires.IsZero() != (s.Kind == agent.KindStatic) {
				g.t.Errorf("session %s of kind %s ends at %v", id, s.Kind, s.Expires)
			}
			if want, is := c.static[s.Address]; s.Kind == agent.KindStatic && len(c.static) > 0 && (!is || want.User != s.UserID || want.MAC != s.MACStored) {
				g.t.Errorf("session %s on %v of user %d has no rule", id, s.Address, s.UserID)
			}
		}
		for user, list := range c.byUser {
			users += len(list)
			if len(list) == 0 {
				g.t.Errorf("the index by user has user %d without sessions", user)
			}
		}
		for _, n := range []struct {
			of        string
			got, want int
		}{
			{"addresses in the index", len(c.byAddress), lan + further},
			{"address tokens in the index", len(c.byProof), proofs},
			{"resume chains in the index", len(c.byChain), chains},
			{"sessions in the index by user", users, len(c.sessions)},
			{"addresses let through", len(g.fakeFirewall.granted), opened},
			{"further addresses let through", len(g.fakeFirewall.further), further},
			{"addresses reserved in the tunnel", len(g.fakeTunnel.addresses), vpn},
		} {
			if n.got != n.want {
				g.t.Errorf("%d %s, want %d", n.got, n.of, n.want)
			}
		}
		if len(g.fakeTunnel.exposed) > 0 {
			g.t.Errorf("the peers of sessions %v were removed while their addresses were let through", g.fakeTunnel.exposed)
		}
		for address := range c.staticMissing {
			if c.byAddress[address] == nil && !c.closed.Load() {
				g.t.Errorf("the rule of %v gives no access, and nobody has the address", address)
			}
		}
		for id := range g.fakeTunnel.keys {
			if c.sessions[id] == nil {
				g.t.Errorf("a peer is left of session %s", id)
			}
		}
		open, _ := g.memoryStore.OpenSessions(context.Background())
		if len(open) != len(c.sessions) {
			g.t.Errorf("%d sessions are open in the store, %d live", len(open), len(c.sessions))
		}
	})
}

// checkFurther checks a session's further addresses and returns their number.
func (g *gateway) checkFurther(c *change, s *session) int {
	g.t.Helper()
	count := map[bool]int{s.Address.Is4(): 1}
	for _, f := range s.further {
		count[f.addr.Is4()]++
		if c.byAddress[f.addr] != s || g.fakeFirewall.further[f.addr] != s.ID || f.addr == s.Address || !c.settings.InLocalNetworks(f.addr) {
			g.t.Errorf("further address %v of session %s: %v in the index, let through for %q", f.addr, s.ID, c.byAddress[f.addr], g.fakeFirewall.further[f.addr])
		}
		if !f.proveBy.IsZero() && c.now.After(f.proveBy) {
			g.t.Errorf("further address %v of session %s should be gone", f.addr, s.ID)
		}
	}
	if len(s.further) > 0 && (s.Kind == agent.KindVPN || s.Kind == agent.KindStatic || count[true] > 1 || count[false] > agent.MaxIPv6) {
		g.t.Errorf("session %s of kind %s has %d addresses of IPv4 and %d of IPv6", s.ID, s.Kind, count[true], count[false])
	}
	return len(s.further)
}

// events is a log in memory.
type events struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (e *events) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(b)
}

// find returns the log lines of an event.
func (e *events) find(event string) (lines []map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for line := range strings.Lines(e.text.String()) {
		fields := map[string]any{}
		if json.Unmarshal([]byte(line), &fields) == nil && fields["event"] == event {
			lines = append(lines, fields)
		}
	}
	return lines
}

func (e *events) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// advance advances the fake clock and waits for the timers.
func advance(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}
