package access

import (
	"context"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// BrowserAttempt is the request of a browser in the LAN for access.
type BrowserAttempt struct {
	Login    string
	Password string
	Peer     agent.Peer
	DeviceID string // for the throttle; empty without cookies
	Browser  string // its name, such as "Firefox", for Device.Name of the session
}

// AuthorizeBrowser begins a session of KindWeb, or extends the one that the person has at the address. If the person's agent or a
// rule already gives access there, it returns that session. A refusal is an *agent.Error and takes at least 300 ms. Other errors
// are agent.ErrNotFound if hosts at the peer's address do not sign in by a browser (see agent.Settings.SignsInByBrowser), ctx.Err,
// and failures in the gateway.
func (m *Manager) AuthorizeBrowser(ctx context.Context, a BrowserAttempt) (agent.Session, error) {
	started := time.Now()
	tried := agent.RefusedAttempt{Login: a.Login, Peer: a.Peer, Device: agent.Device{Name: a.Browser}.Clean(), Way: agent.WayBrowser}
	s, err := m.authorizeBrowser(ctx, a, &tried)
	if err != nil {
		if !(SignIn{Login: a.Login, Password: a.Password}).empty() {
			m.refused.add(tried, err)
		}
		holdBack(ctx, started)
	}
	return s, err
}

// authorizeBrowser is AuthorizeBrowser without the delay and the journal. It notes the identified person in tried.
func (m *Manager) authorizeBrowser(ctx context.Context, a BrowserAttempt, tried *agent.RefusedAttempt) (s agent.Session, err error) {
	if err := mayUseBrowser(m.settings(), a.Peer); err != nil {
		return agent.Session{}, err
	}
	began, done := m.pending.begin()
	defer done()
	user, err := m.gate.signIn(ctx, SignIn{Login: a.Login, Password: a.Password, Peer: a.Peer, DeviceID: a.DeviceID})
	if err != nil {
		return agent.Session{}, err
	}
	if live, ok := m.SessionAt(a.Peer.Addr); ok && live.Kind == agent.KindWeb && live.Address != a.Peer.Addr {
		m.join(ctx, a.Peer) // another computer may have this further address now
	}
	moved := m.movedSessions(ctx)
	err = m.change(ctx, func(c *change) error {
		if err := c.mayEnter(); err != nil {
			return err
		}
		a.Peer.Inside = c.inside(c.settings, a.Peer.Addr, a.Peer.Interface) // the settings may have changed since the check
		if err := mayUseBrowser(c.settings, a.Peer); err != nil {
			return err
		}
		p, err := c.identify(credentials{user: user, way: agent.WayBrowser, began: began}, Attempt{})
		if err != nil {
			return err
		}
		tried.UserID, tried.Login = p.ID, p.Login
		if own := c.ownAt(p, a.Peer.Addr); own != nil && own.Kind != agent.KindWeb && own.State() == agent.StateConnected {
			s = own.Session
			return nil
		}
		adm, err := c.admitBrowser(p, a, moved)
		if err != nil {
			return err
		}
		grant, err := c.commit(adm)
		s = grant.Session
		return err
	})
	return s, err
}

// mayUseBrowser checks that browser sign-in is possible for a peer. Refusals: CodeAgentDisabled while the agent is switched off. Errors:
// agent.ErrNotFound if hosts at its address do not sign in by a browser.
func mayUseBrowser(set agent.Settings, peer agent.Peer) error {
	switch {
	case set.InVPN(peer.Addr), !set.SignsInByBrowser(peer):
		return agent.ErrNotFound
	case !set.Enabled:
		return agent.Refuse(agent.CodeAgentDisabled)
	}
	return nil
}

// ownAt returns a person's session at an address, or nil.
func (c *change) ownAt(p person, addr netip.Addr) *session {
	if s := c.byAddress[addr]; s != nil && s.UserID == p.ID {
		return s
	}
	return nil
}

// movedSessions returns the IDs of the sessions whose address has another MAC now: it has moved to another computer.
func (m *Manager) movedSessions(ctx context.Context) map[string]bool {
	if m.firewall == nil {
		return nil
	}
	return m.setMoved(m.firewall.ChangedMACs(ctx))
}

// setMoved remembers what ChangedMACs returned, for hasLeft, and returns the IDs of the sessions.
func (m *Manager) setMoved(changes []agent.MACChange) map[string]bool {
	moved := map[string]bool{}
	for _, change := range changes {
		moved[change.Session] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moved = moved
	return moved
}

// hasLeft reports whether another computer has the address of a session without an agent, as of the last ChangedMACs. The firewall does
// not let that computer through. The caller holds mu.
func (m *Manager) hasLeft(s *session) bool { return !s.Kind.HasAgent() && m.moved[s.ID] }

// admitBrowser decides about the attempt of an identified person by a browser. It extends the person's session of KindWeb at the
// address, but replaces one in moved, so that the present MAC gets access. Refusals: those of displacedBy.
func (c *change) admitBrowser(p person, a BrowserAttempt, moved map[string]bool) (admission, error) {
	rights, err := c.rights(p.User)
	if err != nil {
		return admission{}, err
	}
	adm := admission{rights: rights, inside: true, iface: a.Peer.Interface, moved: moved}
	if own := c.ownAt(p, a.Peer.Addr); own != nil && own.Kind == agent.KindWeb && !moved[own.ID] {
		adm.live, adm.extends, adm.next = own, true, own.Session
	} else {
		adm.next = agent.Session{ID: agent.NewSessionID(), UserID: p.ID, Directory: p.Directory, Kind: agent.KindWeb,
			Address: a.Peer.Addr, ExternalIP: a.Peer.Addr, Inside: true, Started: c.now}
	}
	next := &adm.next
	next.Login, next.Name, next.Way, next.Group = p.Login, p.Name, p.way, c.tree.Names(p.User)
	next.Device = agent.Device{Name: a.Browser}.Clean() // no ID: browsers resume nothing
	next.LoggedIn, next.Expires = c.now, c.now.Add(rights.Length(agent.KindWeb))
	if !adm.extends {
		adm.displaced, err = c.displacedBy(adm)
	}
	return adm, err
}

// left is hasLeft for changes.
func (c *change) left(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hasLeft(s)
}

// LogoutAddress ends the session of KindWeb at a peer's address with ReasonLogout. Errors: agent.ErrNotFound if there is none, if
// another computer has the address, or if the peer is not in the LAN; ctx.Err.
func (m *Manager) LogoutAddress(ctx context.Context, peer agent.Peer) error {
	return m.change(ctx, func(c *change) error {
		s := c.byAddress[peer.Addr]
		if s == nil || s.Kind != agent.KindWeb || !peer.Inside || c.left(s) {
			return agent.ErrNotFound
		}
		c.end(s, agent.ReasonLogout)
		return nil
	})
}
