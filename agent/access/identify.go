package access

import (
	"context"
	"errors"

	"ideco-agent/agent"
)

// credentials are the result of the checks before Manager.change. They run without changeLock, because they may be slow.
type credentials struct {
	user        agent.User              // after a right password or ticket; zero with a token
	way         agent.Way               // likewise
	began       int                     // see pendingLogins.begin
	token       *token                  // a known token; nil with a password
	otherPerson func(agent.UserID) bool // see Manager.otherPerson; nil with a password
}

// person is an identified person.
type person struct {
	agent.User
	way     agent.Way // of the last full login
	resumed *resumed  // nil after a full login
}

// resumed is the session of a valid resume token.
type resumed struct {
	session agent.Session
	live    *session // nil if it has ended
	token   token
}

// checkCredentials checks the ticket or the password or, without them, looks up the token.
func (m *Manager) checkCredentials(ctx context.Context, a Attempt, began int) (credentials, error) {
	if len(a.Ticket) > 0 {
		user, err := m.gate.signInByTicket(ctx, TicketSignIn{Token: a.Ticket, Peer: a.Peer, DeviceID: a.Device.ID})
		return credentials{user: user, way: a.way(), began: began}, err
	}
	if a.resumes() {
		t, err := m.checkToken(ctx, a)
		if err != nil {
			return credentials{}, err
		}
		return credentials{token: t, otherPerson: m.otherPerson(ctx, a.Login)}, nil
	}
	user, err := m.gate.signIn(ctx, SignIn{Login: a.Login, Password: a.Password, Peer: a.Peer, DeviceID: a.Device.ID})
	return credentials{user: user, way: a.way(), began: began}, err
}

// checkToken returns the token if the gateway knows it, even if its session is over. Only unknown tokens count as wrong
// attempts. Known tokens are never throttled, because others behind the same address may have used up its attempts.
func (m *Manager) checkToken(ctx context.Context, a Attempt) (*token, error) {
	t, ok := parseToken(a.Resume)
	if !ok {
		return nil, agent.Refuse(agent.CodeSessionOver)
	}
	known, err := m.knowsChain(ctx, t.chain)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, m.unknownToken(ctx, a)
	}
	return &t, nil
}

// identify returns the person and, for a token, its session. Refusals: CodeSessionOver, those of rates.take and account.
func (c *change) identify(checked credentials, a Attempt) (person, error) {
	if checked.token == nil {
		if !c.pending.valid(checked.user.ID, checked.began) {
			return person{}, agent.Refuse(agent.CodeSessionOver)
		}
		user, err := c.account(checked.user.ID) // groups or rights may have changed since the check
		return person{User: user, way: checked.way}, err
	}
	s, live, err := c.findByToken(*checked.token)
	if errors.Is(err, agent.ErrNotFound) { // deleted since checkToken
		c.refusedToken(c.ctx, a, agent.Session{}, "unknown")
		return person{}, agent.Refuse(agent.CodeSessionOver)
	}
	if err != nil {
		return person{}, err
	}
	if err := c.checkSession(checked, s, live, a); err != nil {
		return person{}, err
	}
	if err := c.gate.resumes.take(s.UserID, s.Device.ID); err != nil {
		c.refusedToken(c.ctx, a, s, "too often")
		return person{}, err
	}
	user, err := c.account(s.UserID)
	return person{User: user, way: s.Way, resumed: &resumed{session: s, live: live, token: *checked.token}}, err
}

// knowsChain reports whether a token belongs to a live or ended session. It does not take changeLock, so guesses do not
// delay changes.
func (m *Manager) knowsChain(ctx context.Context, chain [32]byte) (bool, error) {
	m.mu.Lock()
	live := m.byChain[chain] != nil
	m.mu.Unlock()
	if live {
		return true, nil
	}
	_, err := m.store.SessionByResume(ctx, chain)
	if errors.Is(err, agent.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// unknownToken counts and refuses an unknown token.
func (m *Manager) unknownToken(ctx context.Context, a Attempt) error {
	leave, err := m.gate.throttle.enterResume(ctx, a.Peer)
	if err != nil {
		m.gate.logLimiter.warn(ctx, logKey{event: "resume_throttled", net: widestNetwork(a.Peer)}, "resume refused", "peer", a.Peer)
		return err
	}
	leave(wrong)
	m.refusedToken(ctx, a, agent.Session{}, "unknown")
	return agent.Refuse(agent.CodeSessionOver)
}

// otherPerson returns a function that reports whether login names another user than the given one. It reports false if
// login is empty or cannot be looked up.
func (m *Manager) otherPerson(ctx context.Context, login string) func(agent.UserID) bool {
	if login == "" || len(login) > agent.MaxLoginTyped {
		return func(agent.UserID) bool { return false }
	}
	user, known, err := m.gate.directory.Knows(ctx, login)
	return func(id agent.UserID) bool { return err == nil && known && id != user }
}

// findByToken returns the live or stored session of a token. Errors: agent.ErrNotFound; failures of the store.
func (c *change) findByToken(t token) (s agent.Session, live *session, err error) {
	if live := c.byChain[t.chain]; live != nil {
		err = c.reloadTokens(live)
		return live.Session, live, err
	}
	s, err = c.store.SessionByResume(c.ctx, t.chain)
	return s, nil, err
}

// checkSession checks that a token may resume its session. A used token means that somebody has a copy, who may hold the
// session now, so the session ends. Refusals: CodeSessionOver.
func (c *change) checkSession(checked credentials, s agent.Session, live *session, a Attempt) error {
	over := live == nil && (s.Ended.IsZero() || !s.Reason.Reconnects()) || s.Resume.Current == [32]byte{}
	why := ""
	switch {
	case over, s.Expired(c.now):
		why = "over"
	case s.Device.ID != a.Device.ID:
		why = "device"
	case checked.otherPerson(s.UserID):
		why = "user"
	case !checked.token.matches(s.Resume):
		why = "reused"
		c.endCopied(s, live)
	default:
		return nil
	}
	c.refusedToken(c.ctx, a, s, why)
	return agent.Refuse(agent.CodeSessionOver)
}

// endCopied ends a session whose token was copied and voids its tokens. After ReasonReplaced agents do not reconnect by
// themselves.
func (c *change) endCopied(s agent.Session, live *session) {
	if live != nil {
		c.end(live, agent.ReasonReplaced)
		return
	}
	s.Resume, s.Reason = agent.ResumeDigests{}, agent.ReasonReplaced
	if err := c.save(s); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a session were not voided", "session", s.ID, "error", err)
	}
}

// account reads an account from the store. Refusals: CodeSessionOver if it is deleted; User.Refusal.
func (c *change) account(id agent.UserID) (agent.User, error) {
	user, err := c.store.User(c.ctx, id)
	switch {
	case errors.Is(err, agent.ErrNotFound):
		return agent.User{}, agent.Refuse(agent.CodeSessionOver)
	case err != nil:
		return agent.User{}, err
	case user.Refusal() != "":
		return agent.User{}, agent.Refuse(user.Refusal())
	}
	return user, nil
}

// refusedToken logs a refused token as a security event.
func (m *Manager) refusedToken(ctx context.Context, a Attempt, s agent.Session, why string) {
	event := "resume_refused"
	if why == "reused" {
		event = "resume_reused"
	}
	m.gate.logLimiter.warn(ctx, logKey{event, why, widestNetwork(a.Peer), s.UserID}, "resume refused", "why", why,
		"session", s.ID, "account", s.Login, "peer", a.Peer, "device", a.Device.ID)
}
