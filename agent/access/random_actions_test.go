package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ideco-agent/agent"
)

// randomActions performs random actions of agents, people and administrators, and records what must not happen later.
type randomActions struct {
	*gateway
	granted []*testSession  // one for each grant, so a resumed session is in it more than once
	void    map[string]bool // resume tokens that must not work any more
	ended   map[string]bool // sessions that cannot be resumed
	tokens  []addressToken  // all address tokens
	faulty  bool            // faults were caused
}

// addressToken is an address token of a session.
type addressToken struct {
	token, session string
	connection     Connection
	spent          bool // shown from the LAN, so it must not work again
}

// TestRandomActions: after every random action the invariants hold (see checkInvariants). No session is resumed after a final
// end, no void token works, and an address token works for its session's connection only.
func TestRandomActions(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rapid.SyncTest(r, func(r *rapid.T) {
			m := &randomActions{gateway: newGateway(r), void: map[string]bool{}, ended: map[string]bool{}}
			defer m.kill()
			m.run(r)
		})
	})
}

// TestRandomActionsInTheLAN is TestRandomActions with two sessions in the LAN at the start and fewer kinds of action, mostly
// proofs of further addresses.
func TestRandomActionsInTheLAN(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rapid.SyncTest(r, func(r *rapid.T) {
			m := &randomActions{gateway: newGateway(r), void: map[string]bool{}, ended: map[string]bool{}}
			defer m.kill()
			own := rapid.SampledFrom([]string{lanPeer, "fd00::1", "fd00::ff"}).Draw(r, "own address")
			for _, a := range []Attempt{passwordAttempt("ivan", own, "a"), passwordAttempt("olga", "192.168.1.11", "b")} {
				m.authorize(r, a)
			}
			r.Repeat(map[string]func(*rapid.T){
				"":             m.check, // after every action
				"prove":        m.prove,
				"more":         m.prove, // twice as often
				"login":        m.login,
				"resume":       m.resume,
				"lost":         m.lost,
				"vary MAC":     m.macChange,
				"time":         m.time,
				"cause faults": m.faults,
			})
		})
	})
}

// TestRandomActionsOfBrowsers is TestRandomActions with browsers, rules of addresses and agents in the LAN.
func TestRandomActionsOfBrowsers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rapid.SyncTest(r, func(r *rapid.T) {
			m := &randomActions{gateway: newGateway(r), void: map[string]bool{}, ended: map[string]bool{}}
			defer m.kill()
			m.configure(func(s *agent.Settings) {
				s.DevicesPerUser = rapid.IntRange(1, 3).Draw(r, "devices")
				s.Grace = rapid.SampledFrom([]time.Duration{0, 30 * time.Second}).Draw(r, "grace")
			})
			r.Repeat(map[string]func(*rapid.T){
				"":             m.check,
				"browser":      m.browser,
				"join":         m.join,
				"sign out":     m.signOut,
				"rules":        m.rules,
				"idle":         m.idleTime,
				"login":        m.login,
				"resume":       m.resume,
				"extend":       m.loginAgain,
				"lost":         m.lost,
				"logout":       m.logout,
				"prove":        m.prove,
				"end":          m.end,
				"user":         m.userChanges,
				"networks":     m.browserNetworks,
				"settings":     m.settingsChange,
				"time":         m.time,
				"restart":      func(*rapid.T) { m.repairAndRestart() },
				"cause faults": m.faults,
			})
		})
	})
}

// browser signs a browser in. An error must be a refusal, ErrNotFound where browsers cannot sign in, or a caused fault.
func (m *randomActions) browser(r *rapid.T) {
	login, peer := rapid.SampledFrom([]string{"ivan", "olga", "petr"}).Draw(r, "login"), m.peer(r)
	before, held := m.SessionAt(netip.MustParseAddr(peer))
	s, err := m.signInBrowser(login, peer)
	var refusal *agent.Error
	switch {
	case err == nil:
		if s.Login != login || s.Kind == agent.KindVPN || !m.Settings().SignsInByBrowser(m.gateway.peer(netip.MustParseAddr(peer))) {
			r.Errorf("%s got %+v from %s", login, s, peer)
		}
		if held && before.UserID != s.UserID && before.State == agent.StateConnected {
			r.Errorf("%s took %s from %+v", login, peer, before)
		}
		if held && before.UserID == s.UserID && before.Kind != agent.KindWeb && s.ID != before.ID {
			r.Errorf("a browser replaced %+v", before)
		}
		if n, rights := m.devicesOf(s.UserID), m.rightsOf(s.UserID); n > rights.Devices && (!held || before.ID != s.ID) {
			r.Errorf("user %d has %d sessions", s.UserID, n)
		}
	case errors.Is(err, agent.ErrNotFound):
		if m.Settings().SignsInByBrowser(m.gateway.peer(netip.MustParseAddr(peer))) && !m.Settings().InVPN(netip.MustParseAddr(peer)) {
			r.Errorf("not found: %s", peer)
		}
	case errors.As(err, &refusal), errors.Is(err, errFake) && (m.memoryStore.broken != "" || m.fakeFirewall.broken):
	default:
		r.Errorf("%v", err)
	}
}

// join opens a page from an address that may have the same MAC as the address of a session.
func (m *randomActions) join(r *rapid.T) {
	var own []netip.Addr
	for _, s := range m.Sessions() {
		own = append(own, s.Address)
	}
	peer := m.gateway.peer(netip.MustParseAddr(m.peer(r)))
	if len(own) > 0 {
		m.setMAC(rapid.SampledFrom([]string{phoneMAC, otherMAC}).Draw(r, "MAC"), rapid.SampledFrom(own).Draw(r, "address with the MAC"))
	}
	m.setMAC(rapid.SampledFrom([]string{phoneMAC, otherMAC}).Draw(r, "MAC of the peer"), peer.Addr)
	advance(2 * lookupEvery)
	if !m.JoinSession(context.Background(), peer) {
		return
	}
	s, _ := m.SessionAt(peer.Addr)
	if s.Kind != agent.KindWeb || s.Address == peer.Addr || !m.Settings().SignsInByBrowser(peer) || m.fakeFirewall.macs[s.Address] != m.fakeFirewall.macs[peer.Addr] {
		r.Errorf("%v has joined session %s of kind %s on %v", peer, s.ID, s.Kind, s.Address)
	}
}

func (m *randomActions) signOut(r *rapid.T) {
	peer := m.gateway.peer(netip.MustParseAddr(m.peer(r)))
	before, held := m.SessionAt(peer.Addr)
	err := m.LogoutAddress(context.Background(), peer)
	if own := held && before.Kind == agent.KindWeb; (err == nil) != own {
		r.Errorf("%v at %+v", err, before)
	}
}

// rules replaces the set of static sessions.
func (m *randomActions) rules(r *rapid.T) {
	var set []StaticSession
	for _, peer := range []string{lanPeer, "192.168.1.11", "fd00::1", outsidePeer} {
		user := agent.UserID(rapid.IntRange(0, 3).Draw(r, "user"))
		if user != 0 {
			set = append(set, StaticSession{User: user, Address: netip.MustParseAddr(peer), MAC: rapid.SampledFrom([]string{"", "02:00:00:00:00:01"}).Draw(r, "MAC")})
		}
	}
	m.SetStatic(context.Background(), set)
	if m.memoryStore.broken != "" || m.fakeFirewall.broken {
		return
	}
	for _, want := range set {
		s, held := m.SessionAt(want.Address)
		user := m.memoryStore.account(want.User)
		if !held && user.Refusal() == "" && m.Settings().InLocalNetworks(want.Address) {
			r.Errorf("%+v gives no access", want)
		} else if held && s.Kind == agent.KindStatic && (s.UserID != want.User || user.Refusal() != "") {
			r.Errorf("%+v has %+v", want, s)
		}
	}
}

// idleTime advances the clock until sessions of browsers are idle, and ends them. One of them may have traffic, so it is not idle.
func (m *randomActions) idleTime(r *rapid.T) {
	busy := ""
	m.count()
	advance(14 * time.Minute)
	for _, s := range m.Sessions() {
		if busy == "" && rapid.Bool().Draw(r, "busy") {
			busy = s.ID
			m.setTraffic(s.ID, uint64(rapid.IntRange(1, 1<<30).Draw(r, "bytes")), 4)
		}
	}
	m.count()
	advance(2 * time.Minute)
	m.count()
	m.endWeb(m.idle, agent.ReasonIdle)
	m.endWeb(m.replacedByTunnel, agent.ReasonReplaced)
	for _, s := range m.Sessions() {
		if s.Kind == agent.KindWeb && s.ID != busy {
			r.Errorf("%+v is idle", s)
		}
	}
}

func (m *randomActions) browserNetworks(r *rapid.T) {
	m.configure(func(s *agent.Settings) { s.BrowserSignIn = lanNets[:rapid.IntRange(0, 2).Draw(r, "networks")] })
	n := m.WouldEnd(m.Settings())
	if ended := m.Apply(context.Background()); ended != n {
		r.Errorf("%d ended, %d predicted", ended, n)
	}
}

// run performs random actions. The run recorded in testdata/rapid refers to them by the alphabetical order of their names.
func (m *randomActions) run(r *rapid.T) {
	m.configure(func(s *agent.Settings) {
		s.DevicesPerUser = rapid.IntRange(1, 3).Draw(r, "devices")
		s.DevicePolicy = rapid.SampledFrom([]agent.DevicePolicy{agent.DeviceEvict, agent.DeviceRefuse}).Draw(r, "policy")
		s.Grace = rapid.SampledFrom([]time.Duration{0, 30 * time.Second, time.Hour}).Draw(r, "grace")
	})
	m.fakeTunnel.size = rapid.IntRange(0, 3).Draw(r, "pool")
	r.Repeat(map[string]func(*rapid.T){
		"":             m.check,
		"login":        m.login,
		"resume":       m.resume,
		"extend":       m.loginAgain,
		"lost":         m.lost,
		"logout":       m.logout,
		"tunnel":       m.tunnelUp,
		"prove":        m.prove,
		"end":          m.end,
		"user":         m.userChanges,
		"password":     m.passwordChange,
		"settings":     m.settingsChange,
		"time":         m.time,
		"restart":      func(*rapid.T) { m.repairAndRestart() },
		"cause faults": m.faults,
		"vary MAC":     m.macChange,
		"vary groups":  m.groupsChange,
	})
}

// macChange makes a session follow its computer to another MAC address, if it may (see mayFollow).
func (m *randomActions) macChange(r *rapid.T) {
	list := m.Sessions()
	if len(list) == 0 {
		return
	}
	id := rapid.SampledFrom(list).Draw(r, "session").ID
	if s, connection := m.mayFollow(id); s != nil {
		m.followMAC(context.Background(), s, connection, agent.MACChange{Session: id})
		if s.Kind != agent.KindLAN || s.followed.Equal(now()) && len(s.further) > 0 {
			r.Errorf("session %s of kind %s has %v after its MAC changed", id, s.Kind, s.further)
		}
	}
}

func (m *randomActions) check(r *rapid.T) {
	synctest.Wait()
	m.t = r
	m.checkInvariants()
	for _, s := range m.Sessions() {
		rights := m.rightsOf(s.UserID)
		if s.Expires.After(s.LoggedIn.Add(rights.Length(s.Kind))) && (ownLength(rights, s.Kind) || !m.faulty) {
			r.Errorf("session %s of kind %s ends %v after its login, allowed are %v", s.ID, s.Kind, s.Expires.Sub(s.LoggedIn), rights.Length(s.Kind))
		}
		if !rights.RemoteAccess && s.Kind == agent.KindVPN && !m.Settings().InLocalNetworks(s.ExternalIP) {
			r.Errorf("session %s is there without remote access", s.ID)
		}
		if m.ended[s.ID] {
			r.Errorf("session %s is live after a final end", s.ID)
		}
		if s.Expired(now()) {
			r.Errorf("session %s outlived its length", s.ID)
		}
	}
	m.memoryStore.mu.Lock()
	defer m.memoryStore.mu.Unlock()
	for id, s := range m.memoryStore.sessions {
		if !s.Ended.IsZero() && !s.Reason.Reconnects() {
			m.ended[id] = true
		}
	}
}

func (m *randomActions) attempt(r *rapid.T) Attempt {
	return passwordAttempt(rapid.SampledFrom([]string{"ivan", "olga", "petr", "nobody"}).Draw(r, "login"), m.peer(r),
		rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(r, "device"))
}

func (m *randomActions) peer(r *rapid.T) string {
	return rapid.SampledFrom([]string{lanPeer, "192.168.1.11", "192.168.1.12", outsidePeer, "10.128.0.2", "2001:db8::1", "fd00::1", "fd00::2"}).Draw(r, "peer")
}

// authorize authorizes and records the session. An error must be a refusal or a failure of the store or the firewall.
func (m *randomActions) authorize(r *rapid.T, a Attempt) (testSession, bool) {
	grant, err := m.Authorize(context.Background(), a)
	var refusal *agent.Error
	switch {
	case err == nil:
		if a.Connection.(*agentConnection).endReasons() != "[]" {
			r.Errorf("a connection with a session was told %s", a.Connection.(*agentConnection).endReasons())
		}
		if n, rights := m.devicesOf(grant.Session.UserID), m.rightsOf(grant.Session.UserID); n > rights.Devices && !grant.Extended {
			r.Errorf("user %d has %d sessions", grant.Session.UserID, n)
		} else if !slices.Equal(grant.ForwardNets, rights.ForwardNets) {
			r.Errorf("%v through the tunnel, want %v", grant.ForwardNets, rights.ForwardNets)
		}
		e := testSession{grant, a}
		m.granted = append(m.granted, &e)
		return e, true
	case errors.As(err, &refusal), errors.Is(err, errFake) && (m.memoryStore.broken != "" || m.fakeFirewall.broken):
		return testSession{}, false
	}
	r.Errorf("%v", err)
	return testSession{}, false
}

// devicesOf counts a person's sessions that count as devices.
func (m *randomActions) devicesOf(user agent.UserID) (n int) {
	for _, s := range m.Sessions() {
		if s.UserID == user && s.Kind != agent.KindStatic {
			n++
		}
	}
	return n
}

func (m *randomActions) login(r *rapid.T) { m.authorize(r, m.attempt(r)) }

func (m *randomActions) anySession(r *rapid.T) *testSession {
	if len(m.granted) == 0 {
		r.Skip("no session yet")
	}
	return rapid.SampledFrom(m.granted).Draw(r, "agent")
}

func (m *randomActions) resume(r *rapid.T) {
	e := m.anySession(r)
	a := e.Attempt.withToken(e.ResumeToken)
	if rapid.Bool().Draw(r, "moves") {
		a.Peer.Addr = netip.MustParseAddr(m.peer(r))
	}
	if a.Resume == "" {
		return
	}
	back, ok := m.authorize(r, a)
	if !ok {
		return
	}
	if m.void[a.Resume] {
		r.Errorf("a void resume token works")
	}
	if back.Session.ID != e.Session.ID || back.Session.Expires.After(e.Session.LoggedIn.Add(365*24*time.Hour)) {
		r.Errorf("%+v came back as %+v", e.Session, back.Session)
	}
	if rapid.Bool().Draw(r, "confirmed") && m.memoryStore.broken == "" {
		m.ConfirmResume(back.Session.ID, back.Connection)
		m.void[a.Resume] = true
	}
}

// loginAgain logs in over the connection of a session, which extends that session or replaces it with another person's.
func (m *randomActions) loginAgain(r *rapid.T) {
	e := m.anySession(r)
	a := e.Attempt
	for _, later := range m.granted {
		if later.Connection == a.Connection {
			a.Current = later.Session.ID
		}
	}
	a.Resume, a.Password = "", "right"
	a.Login = rapid.SampledFrom([]string{"ivan", "olga", "petr"}).Draw(r, "login")
	if e.endReasons() != "[]" {
		return // this connection is over
	}
	m.authorize(r, a)
}

func (m *randomActions) lost(r *rapid.T) {
	e := m.anySession(r)
	m.Lost(e.Session.ID, e.Connection)
}

func (m *randomActions) logout(r *rapid.T) {
	e := m.anySession(r)
	m.Logout(e.Session.ID, e.Connection)
}

func (m *randomActions) tunnelUp(r *rapid.T) {
	e := m.anySession(r)
	_, _ = m.TunnelUp(context.Background(), e.Session.ID, e.Connection, agent.Key{byte(rapid.IntRange(0, 3).Draw(r, "key"))})
}

// newToken asks for an address token on the connection of a random agent.
func (m *randomActions) newToken(r *rapid.T) {
	e := m.anySession(r)
	if token, _, err := m.AddressToken(e.Session.ID, e.Connection); err == nil {
		m.tokens = append(m.tokens, addressToken{token: token, session: e.Session.ID, connection: e.Connection})
	}
}

// prove uses random tokens, old and new, from random addresses.
func (m *randomActions) prove(r *rapid.T) {
	for range rapid.IntRange(1, 12).Draw(r, "proofs") {
		if rapid.IntRange(0, 3).Draw(r, "new") > 0 {
			m.newToken(r)
		}
		if len(m.tokens) == 0 {
			r.Skip("no address token yet")
		}
		// One of the last three tokens.
		m.useToken(r, len(m.tokens)-1-min(rapid.IntRange(0, 2).Draw(r, "token"), len(m.tokens)-1))
		m.check(r)
	}
}

// useToken shows an address token. It may work only if it is the last one of its session and not spent.
func (m *randomActions) useToken(r *rapid.T, i int) {
	t, last := &m.tokens[i], true
	for _, later := range m.tokens[i+1:] {
		last = last && later.session != t.session
	}
	peer := netip.AddrFrom16([16]byte{0xfd, 15: byte(rapid.IntRange(1, 12).Draw(r, "host"))})
	if rapid.IntRange(0, 3).Draw(r, "any") == 0 {
		peer = netip.MustParseAddr(m.peer(r))
	}
	otherComputer := rapid.IntRange(0, 5).Draw(r, "other computer") == 0
	m.fakeFirewall.mu.Lock()
	m.fakeFirewall.other = map[netip.Addr]bool{peer: otherComputer}
	m.fakeFirewall.mu.Unlock()
	err := m.ProveAddress(context.Background(), t.token, peer)
	if holder, held := m.SessionAt(peer); held && holder.Kind == agent.KindStatic {
		if s := m.sessions[t.session]; err == nil && holder.UserID != s.UserID {
			r.Errorf("session %s of another person has %v of a rule", t.session, peer)
		}
	} else if err == nil {
		if t.spent || !last || !m.holds(t.session, peer) || !m.Settings().InLocalNetworks(peer) {
			r.Errorf("%v was given to session %s, token spent before: %v, the last one: %v", peer, t.session, t.spent, last)
		}
		if s := m.sessions[t.session]; s == nil || s.connection != t.connection || otherComputer && s.Address != peer {
			r.Errorf("%v was given to session %s, of another computer: %v", peer, t.session, otherComputer)
		}
	}
	throttled := err != nil && agent.AsError(err).Code == agent.CodeTooManyAttempts
	t.spent = t.spent || m.Settings().InLocalNetworks(peer) && !throttled
}

// holds reports whether the session has the address.
func (m *randomActions) holds(session string, addr netip.Addr) bool {
	for _, s := range m.Sessions() {
		if s.ID == session {
			return s.Address == addr || slices.Contains(s.FurtherAddresses, addr)
		}
	}
	return false
}

func (m *randomActions) end(r *rapid.T) {
	var live []string
	for _, s := range m.Sessions() {
		live = append(live, s.ID)
	}
	if len(live) == 0 {
		r.Skip("no session")
	}
	reason := rapid.SampledFrom(agent.Reasons).Draw(r, "reason")
	if err := m.End(context.Background(), rapid.SampledFrom(live).Draw(r, "session"), reason); err != nil {
		r.Errorf("%v", err)
	}
}

func (m *randomActions) userChanges(r *rapid.T) {
	id := rapid.SampledFrom([]agent.UserID{ivan, olga, petr}).Draw(r, "user")
	enabled, remote := rapid.Bool().Draw(r, "enabled"), rapid.Bool().Draw(r, "remote")
	byGroups, group := rapid.Bool().Draw(r, "by groups"), agent.GroupID(rapid.IntRange(0, 2).Draw(r, "group"))
	u := m.memoryStore.change(id, func(u *agent.User) {
		u.Enabled, u.RemoteAccess, u.RemoteByGroups, u.Group = enabled, remote, byGroups, group
	})
	remote = u.RemoteAccess
	m.UserChanged(context.Background(), u)
	for _, s := range m.Sessions() {
		if s.UserID == id && (!enabled || !remote && s.Kind == agent.KindVPN && !m.Settings().InLocalNetworks(s.ExternalIP)) {
			r.Errorf("%+v is still there", s)
		}
	}
}

// groupsChange replaces the two groups of the tree.
func (m *randomActions) groupsChange(r *rapid.T) {
	m.memoryStore.failOn("")
	var groups []agent.Group
	for id := range agent.GroupID(2) {
		g := agent.Group{ID: id + 1, Parent: id, Rights: agent.Rights{
			Devices:    rapid.IntRange(0, 3).Draw(r, "devices"),
			SessionLAN: rapid.SampledFrom([]time.Duration{0, time.Minute, 30 * time.Hour}).Draw(r, "LAN"),
			SessionVPN: rapid.SampledFrom([]time.Duration{0, 2 * time.Hour, 30 * time.Hour}).Draw(r, "VPN")}}
		if rapid.Bool().Draw(r, "sets remote access") {
			g.Rights.RemoteAccess = new(bool)
			*g.Rights.RemoteAccess = rapid.Bool().Draw(r, "remote")
		}
		if rapid.Bool().Draw(r, "sets networks") {
			g.Rights.ForwardNets = lanNets
		}
		groups = append(groups, g)
	}
	predicted := 0
	for _, n := range m.EndingUnder(agent.NewGroupTree(groups), []agent.User{m.memoryStore.account(ivan), m.memoryStore.account(olga), m.memoryStore.account(petr)}) {
		predicted += n
	}
	if n := m.GroupsChanged(context.Background(), m.memoryStore.setGroups(groups...)); n != predicted && !m.faulty {
		r.Errorf("%d sessions ended, %d predicted", n, predicted)
	}
}

// rightsOf returns the rights that apply to an account now.
func (m *randomActions) rightsOf(id agent.UserID) agent.AppliedRights {
	u := m.memoryStore.account(id)
	m.memoryStore.mu.Lock()
	defer m.memoryStore.mu.Unlock()
	return m.memoryStore.tree.Apply(u, m.Settings())
}

func (m *randomActions) passwordChange(r *rapid.T) {
	id := rapid.SampledFrom([]agent.UserID{ivan, olga, petr}).Draw(r, "user")
	if err := m.VoidResume(context.Background(), id); err != nil {
		return
	}
	for _, e := range m.granted {
		if e.Session.UserID == id {
			m.void[e.ResumeToken] = true
		}
	}
}

func (m *randomActions) settingsChange(r *rapid.T) {
	m.configure(func(s *agent.Settings) {
		s.Enabled = rapid.IntRange(0, 4).Draw(r, "enabled") > 0
		s.LocalTunnel = rapid.Bool().Draw(r, "local tunnel")
		s.LocalNetworks = nil
		if rapid.Bool().Draw(r, "LAN") {
			s.LocalNetworks = lanNets[:rapid.IntRange(1, 2).Draw(r, "networks")]
		}
	})
	n := m.WouldEnd(m.Settings())
	if ended := m.Apply(context.Background()); ended != n {
		r.Errorf("%d ended, %d predicted", ended, n)
	}
}

func (m *randomActions) time(r *rapid.T) {
	advance(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, time.Hour, 13 * time.Hour}).Draw(r, "time"))
}

// faults makes the store and the firewall fail, or repairs them.
func (m *randomActions) faults(r *rapid.T) {
	m.faulty = true
	m.memoryStore.failOn(rapid.SampledFrom([]string{"", "", "SaveSession", "User"}).Draw(r, "broken"))
	m.fakeFirewall.mu.Lock()
	m.fakeFirewall.broken = rapid.IntRange(0, 5).Draw(r, "firewall") == 0
	m.fakeFirewall.mu.Unlock()
}

// repairAndRestart repairs the store and restarts the gateway.
func (m *randomActions) repairAndRestart() {
	m.memoryStore.failOn("")
	m.restart()
}

// GoString is for reports of rapid.
func (e *testSession) GoString() string {
	return fmt.Sprintf("%s on %q from %v", e.Session.ID, e.Session.Device.ID, e.Peer)
}
