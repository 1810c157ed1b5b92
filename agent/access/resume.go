package access

import (
	"context"
	"errors"

	"ideco-agent/agent"
)

// resume authorises with a token. Only tokens that never were are guesses and count; one of a session that is over is
// just late. No count holds back a token that the gateway knows: others behind the same address may have filled it. So every
// token of the right form costs one look at an index, as every password does before it is counted.
func (m *Manager) resume(ctx context.Context, a Attempt) (grant Grant, err error) {
	t, ok := parseToken(a.Resume)
	if !ok {
		return Grant{}, agent.Refuse(agent.CodeSessionOver)
	}
	known, err := m.knowsChain(ctx, t.chain)
	if err != nil {
		return Grant{}, err
	}
	if !known {
		return Grant{}, m.unknownToken(ctx, a)
	}
	stranger := m.otherPerson(ctx, a.Login)
	err = m.change(ctx, func(c *change) error {
		if err := c.open(); err != nil {
			return err
		}
		s, own, err := c.find(t)
		if errors.Is(err, agent.ErrNotFound) { // gone just now
			c.refusedToken(c.ctx, a, agent.Session{}, "unknown")
			return agent.Refuse(agent.CodeSessionOver)
		}
		if err != nil {
			return err
		}
		if err := c.check(t, s, own, a, stranger); err != nil {
			return err
		}
		if err := m.gate.resumes.take(s.UserID, s.Device.ID); err != nil {
			c.refusedToken(c.ctx, a, s, "too often")
			return err
		}
		grant, err = c.bringBack(t, s, own, a)
		return err
	})
	return grant, err
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
		m.gate.sparing.warn(ctx, sparingKey{event: "resume_throttled", net: widest(a.Peer)}, "resume refused", "peer", a.Peer)
		return err
	}
	leave(wrong)
	m.refusedToken(ctx, a, agent.Session{}, "unknown")
	return agent.Refuse(agent.CodeSessionOver)
}

// otherPerson returns a test for people whom a login, where one came with the token, does not mean. A login that the
// directory does not know or cannot look up now says nothing against the token.
func (m *Manager) otherPerson(ctx context.Context, login string) func(agent.UserID) bool {
	if login == "" || len(login) > agent.MaxLoginTyped {
		return func(agent.UserID) bool { return false }
	}
	user, known, err := m.gate.directory.Knows(ctx, login)
	return func(id agent.UserID) bool { return err == nil && known && id != user }
}

// find returns the session of a token's chain, live as own or from the store. Errors: agent.ErrNotFound.
func (c *change) find(t token) (s agent.Session, own *session, err error) {
	if own := c.byChain[t.chain]; own != nil {
		err = c.heed(own)
		return own.Session, own, err
	}
	s, err = c.store.SessionByResume(c.ctx, t.chain)
	if e, owed := c.owed[s.ID]; owed && err == nil {
		s.Ended, s.Reason = e.at, e.reason
	}
	return s, nil, err
}

// heed makes the tokens of a live session void when the store does not hold them any more: another process may have
// voided them there, as the command does that sets an administrator's password. Whoever writes a session with the tokens
// that it has asks first, so that they do not come back.
func (c *change) heed(s *session) error {
	if s.Resume.Chain == [32]byte{} {
		return nil
	}
	kept, err := c.store.SessionByResume(c.ctx, s.Resume.Chain)
	switch {
	case err != nil && !errors.Is(err, agent.ErrNotFound):
		return err
	case err != nil || kept.ID != s.ID || kept.Resume.Current != s.Resume.Current:
		c.forget(s)
	}
	return nil
}

// forget makes the tokens of a live session void in memory.
func (c *change) forget(s *session) {
	next := s.Session
	next.Resume = agent.ResumeChain{}
	c.put(s, next)
	s.chain = chainName{}
}

// check tells whether a token brings its session back. One that was used up before is a copy: whoever has the session
// now may be the thief, so it ends for both. Refusals: CodeSessionOver.
func (c *change) check(t token, s agent.Session, own *session, a Attempt, stranger func(agent.UserID) bool) error {
	over := own == nil && (s.Ended.IsZero() || !s.Reason.Returns()) || s.Resume.Current == [32]byte{}
	why := ""
	switch {
	case over, !c.now.Before(s.Expires):
		why = "over"
	case s.Device.ID != a.Device.ID:
		why = "device"
	case stranger(s.UserID):
		why = "user"
	case !t.opens(s.Resume):
		why = "reused"
		c.distrust(s, own)
	default:
		return nil
	}
	c.refusedToken(c.ctx, a, s, why)
	return agent.Refuse(agent.CodeSessionOver)
}

// distrust ends a session whose token has been copied, and makes all its tokens void. The reason makes the agents wait
// for a person.
func (c *change) distrust(s agent.Session, own *session) {
	if own != nil {
		c.end(own, agent.ReasonReplaced)
		return
	}
	s.Resume, s.Reason = agent.ResumeChain{}, agent.ReasonReplaced
	if err := c.save(s); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a session were not made void", "session", s.ID, "error", err)
	}
}

// bringBack applies every rule anew and gives the session the connection that asks. It keeps its ID and, where the kind
// of access stays the same, its end; resuming never moves the end later.
func (c *change) bringBack(t token, s agent.Session, own *session, a Attempt) (Grant, error) {
	user, err := c.account(s.UserID)
	if err != nil {
		return Grant{}, err
	}
	kind, inside, err := c.kind(user, a.Peer)
	if err != nil {
		return Grant{}, err
	}
	next := s
	next.Login, next.Name, next.Kind, next.ExternalIP = user.Login, user.Name, kind, a.Peer.Addr
	next.Device.Name, next.Device.OS = a.Device.Name, a.Device.OS
	next.Ended, next.Reason, next.Resume.Previous = agent.Session{}.Ended, "", t.digest
	if end := s.LoggedIn.Add(c.settings.Length(kind)); kind != s.Kind && end.Before(s.Expires) {
		next.Expires = end
	}
	if !c.now.Before(next.Expires) {
		c.refusedToken(c.ctx, a, s, "over")
		return Grant{}, agent.Refuse(agent.CodeSessionOver)
	}
	if kind != agent.KindVPN {
		next.Address = a.Peer.Addr
	}
	p := place{next: next, own: own, current: c.carriedBy(a), inside: inside, through: a.Peer.Interface, link: a.Link, chain: t.name}
	if p.losers, err = c.losers(p); err != nil {
		return Grant{}, err
	}
	return c.settle(p, "session_resumed")
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
	m.gate.sparing.warn(ctx, sparingKey{event, why, widest(a.Peer), s.UserID}, "resume refused", "why", why,
		"session", s.ID, "account", s.Login, "peer", a.Peer, "device", a.Device.ID)
}

// ConfirmResume says that the agent has heard the last auth_state of a session: a frame of its, or a pong to a ping sent
// later, has come. The token before is void from now on.
func (m *Manager) ConfirmResume(id string, link Link) {
	if !m.unconfirmed(id, link) {
		return
	}
	m.always(func(c *change) {
		if !m.unconfirmed(id, link) {
			return
		}
		s := c.sessions[id]
		err := c.heed(s)
		next := s.Session
		next.Resume.Previous = [32]byte{}
		if err == nil {
			err = c.save(next)
		}
		if err != nil {
			c.log.ErrorContext(c.ctx, "a resume token was not made void", "session", id, "error", err)
		}
		c.put(s, next)
	})
}

// unconfirmed tells whether a session on a link still has a previous token.
func (m *Manager) unconfirmed(id string, link Link) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	return s != nil && s.link == link && s.Resume.Previous != [32]byte{}
}

// VoidResume makes the tokens of a person void, as a change of the password does. The live sessions go on; once their
// connection is lost, the person logs in again.
func (m *Manager) VoidResume(ctx context.Context, user agent.UserID) error {
	return m.change(ctx, func(c *change) error { return c.void(user) })
}

// void is VoidResume. What the store did not take, it gets with the next save of each session.
func (c *change) void(user agent.UserID) error {
	c.cuts.cut(user)
	for _, s := range c.of(user) {
		c.forget(s)
	}
	return c.store.VoidResume(c.ctx, user)
}

// voidDevice makes void what a device left behind that could be resumed, once it has a new session.
func (c *change) voidDevice(user agent.UserID, device string) {
	if device == "" {
		return
	}
	if err := c.store.VoidDevice(c.ctx, user, device); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a device were not made void", "user", user, "device", device, "error", err)
	}
}
