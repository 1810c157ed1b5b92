package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// Attempt is an agent's request for access, with a login and password or with a resume token. If there is a password, the token
// is ignored.
type Attempt struct {
	Login      string
	Password   string
	Resume     string
	Peer       agent.Peer
	Device     agent.Device
	Connection Connection // on which the request came
	Current    string     // the session that this connection already carries; empty for none
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

// Authorize begins a session, or brings one back, or extends the one of this connection. After a Grant the caller must later call
// Lost or Logout. After an error there is nothing to undo: the connection's previous session goes on, unless Connection.Ended
// was called for it. A refusal is an *agent.Error and is returned no earlier than 300 ms after the call. Other errors are
// ctx.Err and failures in the gateway.
func (m *Manager) Authorize(ctx context.Context, a Attempt) (Grant, error) {
	started := time.Now()
	a.Device = a.Device.Clean()
	grant, err := m.authorize(ctx, a)
	if err == nil && ctx.Err() != nil { // nobody is there any more to be told
		m.Lost(grant.Session.ID, a.Connection)
		err = ctx.Err()
	}
	if err != nil {
		holdBack(ctx, started)
		return Grant{}, err
	}
	return grant, nil
}

// authorize takes three steps: it identifies the person (identify.go), decides whether and how that person is admitted
// (admission.go), and commits the decision (commit.go). A login with a password and a resume differ in the first step only.
func (m *Manager) authorize(ctx context.Context, a Attempt) (grant Grant, err error) {
	if a.Connection == nil || !a.Peer.Addr.IsValid() {
		return Grant{}, errors.New("authorize without a connection")
	}
	if !m.settings().Enabled {
		return Grant{}, agent.Refuse(agent.CodeAgentDisabled)
	}
	ticket, done := m.pending.begin()
	defer done()
	checked, err := m.checkCredentials(ctx, a, ticket)
	if err != nil {
		return Grant{}, err
	}
	err = m.change(ctx, func(c *change) error {
		if err := c.mayEnter(); err != nil {
			return err
		}
		p, err := c.identify(checked, a)
		if err != nil {
			return err
		}
		admission, err := c.admit(p, a)
		if err != nil {
			return err
		}
		grant, err = c.commit(admission)
		return err
	})
	return grant, err
}

// mayEnter tells whether anybody gets in at all now.
func (c *change) mayEnter() error {
	switch {
	case c.closed.Load():
		return &agent.Error{Code: agent.CodeInternal, Ref: agent.NewSupportRef(), Wait: 3 * time.Second, Err: errClosed}
	case !c.settings.Enabled:
		return agent.Refuse(agent.CodeAgentDisabled)
	}
	return nil
}
