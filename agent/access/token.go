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

// A resume token is base64url of a secret name and 256 random bits. All tokens of a session have the same name, so a token
// with a known name and wrong bits is an old token of that session.

// chainName is the secret name of a session's tokens.
type chainName [16]byte

// tokenBytes is the length of a token before base64url.
const tokenBytes = len(chainName{}) + 32

func newChainName() (n chainName) {
	rand.Read(n[:]) // never fails
	return n
}

// next makes a token and its digests. Previous is the digest of the former token.
func (n chainName) next(previous [32]byte) (token string, chain agent.ResumeDigests) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw[copy(raw, n[:]):])
	return base64.RawURLEncoding.EncodeToString(raw),
		agent.ResumeDigests{Chain: sha256.Sum256(n[:]), Current: sha256.Sum256(raw), Previous: previous}
}

// token is a received resume token.
type token struct {
	name   chainName
	chain  [32]byte // digest of name
	digest [32]byte // of the whole token
}

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

// matches reports whether the token is valid: the last one, or the one before it until the agent has the last one.
func (t token) matches(c agent.ResumeDigests) bool {
	return sameDigest(t.digest, c.Current) || sameDigest(t.digest, c.Previous)
}

// sameDigest compares digests in constant time. A zero digest matches nothing.
func sameDigest(digest, kept [32]byte) bool {
	return kept != [32]byte{} && subtle.ConstantTimeCompare(digest[:], kept[:]) == 1
}

// reloadTokens voids the tokens of a live session that another process has voided in the store, as the command for an
// administrator's password does. It must run before a session is saved with its present tokens.
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

// forgetTokens voids the tokens of a live session in memory.
func (c *change) forgetTokens(s *session) {
	next := s.Session
	next.Resume = agent.ResumeDigests{}
	c.put(s, next)
	s.chain = chainName{}
}

// ConfirmResume voids the previous token, because the agent has the last auth_state of the session: it has sent a frame or
// answered a later ping.
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
			c.log.ErrorContext(c.ctx, "a resume token was not voided", "session", id, "error", err)
		}
		c.put(s, next)
	})
}

// unconfirmed reports whether the session of a connection still has a previous token.
func (m *Manager) unconfirmed(id string, connection Connection) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	return s != nil && s.connection == connection && s.Resume.Previous != [32]byte{}
}

// VoidResume voids the tokens of a person, for instance after a change of the password. Live sessions go on, but cannot be
// resumed. After an error the store gets the change with the next save of each live session.
func (m *Manager) VoidResume(ctx context.Context, user agent.UserID) error {
	return m.change(ctx, func(c *change) error {
		c.forgetUserTokens(user)
		return c.store.VoidResume(c.ctx, user)
	})
}

// forgetUserTokens makes the tokens of a person's live sessions void in memory, and cancels the logins that are under way.
func (c *change) forgetUserTokens(user agent.UserID) {
	c.pending.cancel(user)
	for _, s := range c.sessionsOf(user) {
		c.forgetTokens(s)
	}
}

// voidDeviceTokens voids the tokens of the ended sessions of a device that has a new session.
func (c *change) voidDeviceTokens(user agent.UserID, device string) {
	if device == "" {
		return
	}
	if err := c.store.VoidDevice(c.ctx, user, device); err != nil {
		c.log.ErrorContext(c.ctx, "the tokens of a device were not voided", "user", user, "device", device, "error", err)
	}
}
