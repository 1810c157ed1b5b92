package access

import (
	"context"
	"errors"

	"ideco-agent/agent"
)

// credentials are the result of the checks that run before Manager.change, because they may be slow.
type credentials struct {
	user        agent.User              // whose password was right; zero with a token
	ticket      int                     // see cuts
	token       *token                  // which the gateway knows; nil with a password
	otherPerson func(agent.UserID) bool // whether the login sent with a token names somebody else; nil with a password
}

// person is who asks for access.
type person struct {
	agent.User
	resumed *resumed // nil after a password
}

// resumed is the session that a resume token brings back.
type resumed struct {
	session agent.Session
	live    *session // nil for one that has ended
	token   token
}

// checkCredentials checks a password, or whether the gateway knows a token.
func (m *Manager) checkCredentials(ctx context.Context, a Attempt, ticket int) (credentials, error) {
	if a.Password == "" && a.Resume != "" {
		t, err := m.checkToken(ctx, a)
		if err != nil {
			return credentials{}, err
		}
		return credentials{token: t, otherPerson: m.otherPerson(ctx, a.Login)}, nil
	}
	user, err := m.gate.signIn(ctx, SignIn{Login: a.Login, Password: a.Password, Peer: a.Peer, DeviceID: a.Device.ID})
	return credentials{user: user, ticket: ticket}, err
}

// checkToken returns the token if the gateway knows it, even if its session is over. Only unknown tokens are guesses and count as
// wrong attempts. Known tokens are never throttled, because others behind the same address may have used up its attempts. So
// every well-formed token costs one index lookup, as every password does, before it is counted.
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

// identify tells who the person is, and finds the session that a token brings back.
func (c *change) identify(checked credentials, a Attempt) (person, error) {
	if checked.token == nil {
		if !c.pending.valid(checked.user.ID, checked.ticket) {
			return person{}, agent.Refuse(agent.CodeSessionOver)
		}
		return person{User: checked.user}, nil
	}
	s, live, err := c.findByToken(*checked.token)
	if errors.Is(err, agent.ErrNotFound) { // gone just now
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
	return person{User: user, resumed: &resumed{session: s, live: live, token: *checked.token}}, err
}

// knowsChain tells whether a token belongs to a session that is live or was. It needs no turn, so guesses do not make others
// wait.
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

// unknownToken counts a token that never was and refuses it.
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

// otherPerson returns a function that reports whether a user is not the one whom the login names. It reports false for everybody
// if no login came with the token, or if the directory does not know it or cannot look it up now.
func (m *Manager) otherPerson(ctx context.Context, login string) func(agent.UserID) bool {
	if login == "" || len(login) > agent.MaxLoginTyped {
		return func(agent.UserID) bool { return false }
	}
	user, known, err := m.gate.directory.Knows(ctx, login)
	return func(id agent.UserID) bool { return err == nil && known && id != user }
}

// find returns the session of a token's chain from memory, which is live, or from the store. Errors: agent.ErrNotFound.
func (c *change) findByToken(t token) (s agent.Session, live *session, err error) {
	if live := c.byChain[t.chain]; live != nil {
		err = c.reloadTokens(live)
		return live.Session, live, err
	}
	s, err = c.store.SessionByResume(c.ctx, t.chain)
	if e, owed := c.unwrittenEnds[s.ID]; owed && err == nil {
		s.Ended, s.Reason = e.at, e.reason
	}
	return s, nil, err
}

// checkSession tells whether a token brings its session back. One that was used up before is a copy: whoever has the session
// now may be the thief, so it ends for both. Refusals: CodeSessionOver.
func (c *change) checkSession(checked credentials, s agent.Session, live *session, a Attempt) error {
	over := live == nil && (s.Ended.IsZero() || !s.Reason.Reconnects()) || s.Resume.Current == [32]byte{}
	why := ""
	switch {
	case over, !c.now.Before(s.Expires):
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

// distrust ends a session whose token has been copied, and makes all its tokens void. The reason makes the agents wait
// for a person.
func (c *change) endCopied(s agent.Session, live *session) {
	if live != nil {
		c.end(live, agent.ReasonReplaced)
		return
	}
	s.Resume, s.Reason = agent.ResumeDigests{}, agent.ReasonReplaced
	if err := c.save(s); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a session were not made void", "session", s.ID, "error", err)
	}
}

// account is a person as of the last check. Refusals: CodeSessionOver when there is none any more, CodeAccountDisabled.
func (c *change) account(id agent.UserID) (agent.User, error) {
	user, err := c.store.User(c.ctx, id)
	switch {
	case errors.Is(err, agent.ErrNotFound):
		return agent.User{}, agent.Refuse(agent.CodeSessionOver)
	case err != nil:
		return agent.User{}, err
	case !user.Enabled:
		return agent.User{}, agent.Refuse(agent.CodeAccountDisabled)
	}
	return user, nil
}

// refusedToken logs a token that brought nothing back, as a security event.
func (m *Manager) refusedToken(ctx context.Context, a Attempt, s agent.Session, why string) {
	event := "resume_refused"
	if why == "reused" {
		event = "resume_reused"
	}
	m.gate.logLimiter.warn(ctx, logKey{event, why, widestNetwork(a.Peer), s.UserID}, "resume refused", "why", why,
		"session", s.ID, "account", s.Login, "peer", a.Peer, "device", a.Device.ID)
}
