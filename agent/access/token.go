package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"

	"ideco-agent/agent"
)

// A resume token is base64url of a name and 256 bits that are new in every token. The name is the same in all tokens of
// a session. It lets nobody in, but nobody can know it who never had one of these tokens: so a token with a right name
// and wrong bits is an old one, however often the session was resumed since.

// chainName is the secret name of a session's tokens.
type chainName [16]byte

// tokenBytes is how long a token is before it becomes text.
const tokenBytes = len(chainName{}) + 32

func newChainName() (n chainName) {
	rand.Read(n[:]) // never fails
	return n
}

// next makes a token, and what is kept of it beside the digest of the one before.
func (n chainName) next(previous [32]byte) (token string, chain agent.ResumeDigests) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw[copy(raw, n[:]):])
	return base64.RawURLEncoding.EncodeToString(raw),
		agent.ResumeDigests{Chain: sha256.Sum256(n[:]), Current: sha256.Sum256(raw), Previous: previous}
}

// token is a resume token as it came in.
type token struct {
	name   chainName
	chain  [32]byte
	digest [32]byte
}

// parseToken reads a token.
func parseToken(text string) (t token, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return token{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tokenBytes {
		return token{}, false
	}
	copy(t.name[:], raw)
	t.chain, t.digest = sha256.Sum256(t.name[:]), sha256.Sum256(raw)
	return t, true
}

// opens tells whether the token is the one handed out last, or the one before while it is not certain that the agent
// has the last one.
func (t token) matches(c agent.ResumeDigests) bool {
	return sameDigest(t.digest, c.Current) || sameDigest(t.digest, c.Previous)
}

// same compares digests; a zero one is equal to none.
func sameDigest(digest, kept [32]byte) bool {
	return kept != [32]byte{} && subtle.ConstantTimeCompare(digest[:], kept[:]) == 1
}

// reloadTokens makes the tokens of a live session void when the store does not hold them any more: another process may have
// voided them there, as the command does that sets an administrator's password. Whoever writes a session with the tokens
// that it has asks first, so that they do not come back.
func (c *change) reloadTokens(s *session) error {
	if s.Resume.Chain == [32]byte{} {
		return nil
	}
	kept, err := c.store.SessionByResume(c.ctx, s.Resume.Chain)
	switch {
	case err != nil && !errors.Is(err, agent.ErrNotFound):
		return err
	case err != nil || kept.ID != s.ID || kept.Resume.Current != s.Resume.Current:
		c.forgetTokens(s)
	}
	return nil
}

// forget makes the tokens of a live session void in memory.
func (c *change) forgetTokens(s *session) {
	next := s.Session
	next.Resume = agent.ResumeDigests{}
	c.put(s, next)
	s.chain = chainName{}
}

// ConfirmResume says that the agent has heard the last auth_state of a session: a frame of its, or a pong to a ping sent
// later, has come. The token before is void from now on.
func (m *Manager) ConfirmResume(id string, connection Connection) {
	if !m.unconfirmed(id, connection) {
		return
	}
	m.always(func(c *change) {
		if !m.unconfirmed(id, connection) {
			return
		}
		s := c.sessions[id]
		err := c.reloadTokens(s)
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

// unconfirmed tells whether a session on a connection still has a previous token.
func (m *Manager) unconfirmed(id string, connection Connection) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	return s != nil && s.connection == connection && s.Resume.Previous != [32]byte{}
}

// VoidResume makes the tokens of a person void, as a change of the password does. The live sessions go on; once their
// connection is lost, the person logs in again.
func (m *Manager) VoidResume(ctx context.Context, user agent.UserID) error {
	return m.change(ctx, func(c *change) error { return c.voidTokens(user) })
}

// void is VoidResume. What the store did not take, it gets with the next save of each session.
func (c *change) voidTokens(user agent.UserID) error {
	c.pending.cancel(user)
	for _, s := range c.sessionsOf(user) {
		c.forgetTokens(s)
	}
	return c.store.VoidResume(c.ctx, user)
}

// voidDevice makes void what a device left behind that could be resumed, once it has a new session.
func (c *change) voidDeviceTokens(user agent.UserID, device string) {
	if device == "" {
		return
	}
	if err := c.store.VoidDevice(c.ctx, user, device); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a device were not made void", "user", user, "device", device, "error", err)
	}
}
