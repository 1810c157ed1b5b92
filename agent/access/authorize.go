package access

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Attempt is an agent's request for access, with a ticket, with a login and password or with a resume token. If there are several of
// them, the first one in this order counts.
type Attempt struct {
	Ticket     []byte // the token
	Login      string
	Password   string
	Resume     string
	Peer       agent.Peer
	Device     agent.Device
	Connection Connection // of the request
	Current    string     // ID of the session that Connection has; empty for none
}

// Grant is the answer to an Attempt that succeeded.
type Grant struct {
	Session     agent.Session
	NeedTunnel  bool           // TunnelUp must follow within 15 s, unless the session was only extended
	Extended    bool           // the session of the connection has a new length
	ResumeToken string         // empty for an agent without a device ID, and when the token of a resume stays good
	Grace       time.Duration  // how long the session waits after its connection is lost
	ForwardNets []netip.Prefix // networks through the tunnel; empty = everything

	PasswordExpires time.Time // as agent.User has it; zero after a resume
}

var errClosed = errors.New("the gateway is shutting down")

// Authorize begins or resumes a session, or extends the one of the connection. After a Grant the caller must call Lost or
// Logout when the connection ends. After an error the connection's previous session goes on, unless Connection.Ended was
// called for it. A refusal is an *agent.Error and takes at least 300 ms. Other errors are ctx.Err and failures in the
// gateway.
func (m *Manager) Authorize(ctx context.Context, a Attempt) (Grant, error) {
	started := time.Now()
	a.Device = a.Device.Clean()
	tried := agent.RefusedAttempt{Login: a.Login, Peer: a.Peer, Device: a.Device, Way: a.way()}
	grant, err := m.authorize(ctx, a, &tried)
	if err == nil && ctx.Err() != nil { // the agent has gone
		m.Lost(grant.Session.ID, a.Connection)
		err = ctx.Err()
	}
	if err != nil {
		if tried.Way != agent.WayPassword || !(SignIn{Login: a.Login, Password: a.Password}).empty() {
			m.refused.add(tried, err)
		}
		holdBack(ctx, started)
		return Grant{}, err
	}
	return grant, nil
}

// way returns how an attempt proves the person; empty for a resume.
func (a Attempt) way() agent.Way {
	switch {
	case len(a.Ticket) > 0:
		return agent.WayTicket
	case a.resumes():
		return ""
	}
	return agent.WayPassword
}

func (a Attempt) resumes() bool { return a.Password == "" && a.Resume != "" }

// authorize identifies the person (identify.go), decides about the attempt (admission.go) and commits the decision
// (commit.go). It notes the identified person in tried.
func (m *Manager) authorize(ctx context.Context, a Attempt, tried *agent.RefusedAttempt) (grant Grant, err error) {
	if a.Connection == nil || !a.Peer.Addr.IsValid() {
		return Grant{}, errors.New("authorize without a connection")
	}
	if !m.settings().Enabled {
		return Grant{}, agent.Refuse(agent.CodeAgentDisabled)
	}
	began, done := m.pending.begin()
	defer done()
	checked, err := m.checkCredentials(ctx, a, began)
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
		tried.UserID, tried.Login, tried.Way = p.ID, p.Login, p.way
		admission, err := c.admit(p, a)
		if err != nil {
			return err
		}
		if grant, err = c.commit(admission); p.resumed == nil {
			grant.PasswordExpires = p.PasswordExpires
		}
		return err
	})
	return grant, err
}

// mayEnter refuses every attempt while the gateway shuts down or the agent is switched off.
func (c *change) mayEnter() error {
	switch {
	case c.closed.Load():
		return &agent.Error{Code: agent.CodeInternal, Ref: agent.NewSupportRef(), Wait: 3 * time.Second, Err: errClosed}
	case !c.settings.Enabled:
		return agent.Refuse(agent.CodeAgentDisabled)
	}
	return nil
}

// pendingLogins cancels logins that began before their person's sessions were ended or tokens were voided. Otherwise a login
// whose password was checked before the change would begin a session after it.
type pendingLogins struct {
	mu        sync.Mutex // guards the fields below
	logins    int        // number of pending logins
	count     int
	cancelled map[agent.UserID]int // the count at the person's last cancel
}

// begin adds a pending login; done removes it. began is for valid.
func (c *pendingLogins) begin() (began int, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins++
	return c.count, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.logins--; c.logins == 0 {
			c.cancelled = nil
		}
	}
}

// cancel cancels the person's pending logins.
func (c *pendingLogins) cancel(user agent.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logins == 0 {
		return
	}
	if c.cancelled == nil {
		c.cancelled = map[agent.UserID]int{}
	}
	c.count++
	c.cancelled[user] = c.count
}

// valid reports whether the person's logins were not cancelled since begin returned began.
func (c *pendingLogins) valid(user agent.UserID, began int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled[user] <= began
}
