package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// Attempt is an agent's authorize: a login with a password, or a resume token. With a password the token is not looked
// at.
type Attempt struct {
	Login    string
	Password string
	Resume   string
	Peer     agent.Peer
	Device   agent.Device
	Link     Link   // the connection
	Current  string // the session that this connection already carries; empty for none
}

// Grant is the answer to an Attempt that succeeded.
type Grant struct {
	Session     agent.Session
	NeedTunnel  bool          // TunnelUp must follow within 15 s, unless the session was only extended
	Extended    bool          // the session of this connection goes on, with a new length
	ResumeToken string        // empty for an agent without a device ID
	Grace       time.Duration // how long the session outlives a lost connection
}

// errClosed is why nobody gets in during a restart.
var errClosed = errors.New("the gateway is shutting down")

// Authorize begins a session, or brings one back, or extends the one of this connection. After a Grant the caller owes
// Lost or Logout. After an error there is nothing to undo: the session that the connection carried before goes on, unless
// its link was told otherwise. A refusal is an *agent.Error and leaves no earlier than 300 ms after the call; other
// errors are ctx.Err and what failed in the gateway.
func (m *Manager) Authorize(ctx context.Context, a Attempt) (Grant, error) {
	started := time.Now()
	a.Device = a.Device.Clean()
	grant, err := m.authorize(ctx, a)
	if err == nil && ctx.Err() != nil { // nobody is there any more to be told
		m.Lost(grant.Session.ID, a.Link)
		err = ctx.Err()
	}
	if err != nil {
		holdBack(ctx, started)
		return Grant{}, err
	}
	return grant, nil
}

func (m *Manager) authorize(ctx context.Context, a Attempt) (Grant, error) {
	if a.Link == nil || !a.Peer.Addr.IsValid() {
		return Grant{}, errors.New("authorize without a connection")
	}
	if !m.settings().Enabled {
		return Grant{}, agent.Refuse(agent.CodeAgentDisabled)
	}
	if a.Password == "" && a.Resume != "" {
		return m.resume(ctx, a)
	}
	return m.logIn(ctx, a)
}

// logIn authorises with a password.
func (m *Manager) logIn(ctx context.Context, a Attempt) (grant Grant, err error) {
	ticket, done := m.cuts.begin()
	defer done()
	user, err := m.gate.signIn(ctx, SignIn{Login: a.Login, Password: a.Password, Peer: a.Peer, DeviceID: a.Device.ID})
	if err != nil {
		return Grant{}, err
	}
	err = m.change(ctx, func(c *change) error {
		if err := c.open(); err != nil {
			return err
		}
		if !m.cuts.passed(user.ID, ticket) {
			return agent.Refuse(agent.CodeSessionOver)
		}
		grant, err = c.letIn(user, a)
		return err
	})
	return grant, err
}

// open tells whether anybody gets in at all now.
func (c *change) open() error {
	switch {
	case c.closed.Load():
		return &agent.Error{Code: agent.CodeInternal, Ref: agent.NewRef(), Wait: 3 * time.Second, Err: errClosed}
	case !c.settings.Enabled:
		return agent.Refuse(agent.CodeAgentDisabled)
	}
	return nil
}

// letIn acts on a full login that was right.
func (c *change) letIn(user agent.User, a Attempt) (Grant, error) {
	current := c.carriedBy(a)
	if current != nil && current.UserID == user.ID && c.fits(c.settings, current.placed()) {
		return c.extend(current, user)
	}
	return c.begin(user, a, current)
}

// carriedBy is the live session of the connection that asks.
func (c *change) carriedBy(a Attempt) *session {
	if s := c.sessions[a.Current]; s != nil && s.link == a.Link {
		return s
	}
	return nil
}

// begin makes a new session.
func (c *change) begin(user agent.User, a Attempt, current *session) (Grant, error) {
	kind, inside, err := c.kind(user, a.Peer)
	if err != nil {
		return Grant{}, err
	}
	next := agent.Session{ID: agent.NewSessionID(), UserID: user.ID, Login: user.Login, Name: user.Name,
		Directory: user.Directory, Kind: kind, ExternalIP: a.Peer.Addr, Device: a.Device, Started: c.now, LoggedIn: c.now,
		Expires: c.now.Add(c.settings.Length(kind))}
	if kind != agent.KindVPN {
		next.Address = a.Peer.Addr
	}
	p := place{next: next, inside: inside, through: a.Peer.Interface, link: a.Link, current: current}
	if p.losers, err = c.losers(p); err != nil {
		return Grant{}, err
	}
	grant, err := c.settle(p, "session_started")
	if err == nil {
		c.voidDevice(user.ID, a.Device.ID)
	}
	return grant, err
}

// extend gives the session of a connection a new length, counted from now, and nothing else changes.
func (c *change) extend(s *session, user agent.User) (Grant, error) {
	if s.Kind == agent.KindVPN && !s.inside && !user.RemoteAccess {
		return Grant{}, agent.Refuse(agent.CodeVPNNotAllowed)
	}
	if err := c.heed(s); err != nil {
		return Grant{}, err
	}
	next, name, token := s.Session, s.chain, ""
	next.Login, next.Name = user.Login, user.Name
	next.LoggedIn, next.Expires = c.now, c.now.Add(c.settings.Length(s.Kind))
	if s.Device.ID != "" {
		if s.Resume.Chain == [32]byte{} {
			name = newChainName()
		}
		token, next.Resume = name.next(s.Resume.Current)
	}
	if err := c.save(next); err != nil {
		return Grant{}, err
	}
	c.put(s, next)
	s.chain, s.noticed = name, c.now
	c.arm(s)
	c.event("session_extended", s.Session)
	return c.grant(s, token, true), nil
}

// grant is the answer for a session.
func (c *change) grant(s *session, token string, extended bool) Grant {
	return Grant{Session: s.Session, NeedTunnel: s.Kind == agent.KindVPN, Extended: extended, ResumeToken: token,
		Grace: c.settings.Grace}
}
