package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// Limits of address tokens: a burst for all addresses of an agent, then one a second.
const (
	proofTTL   = time.Minute
	proofEvery = time.Second
	proofBurst = agent.MaxIPv6 + 4
)

// proofLimit is how many wrong tokens one address may send in the window. It limits noise, as 256 bits cannot be guessed.
// The count is by exact address, because the hosts of a LAN share a /64.
const proofLimit = 30

// proof is a session's address token. A session has one at a time, and it can be used once.
type proof struct {
	digest [32]byte // SHA-256; zero = none
	until  time.Time
	paid   time.Time // rate limit, see payProof: every proof moves it on by proofEvery, at most proofBurst ahead of now
}

// furtherAddress is an address of a session beside Session.Address.
type furtherAddress struct {
	addr    netip.Addr
	proved  time.Time // when it was last proved
	proveBy time.Time // when it is dropped unless it is proved on the present connection; zero = it is proved
}

// AddressToken makes a token to prove one further address. It replaces an unused token. Refusals: CodeBadMessage for a session
// without further addresses; CodeTooManyAttempts with the time to wait. Errors: agent.ErrNotFound if the connection has no
// such session.
func (m *Manager) AddressToken(id string, connection Connection) (token string, ttl time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	switch {
	case s == nil || s.connection != connection:
		return "", 0, agent.ErrNotFound
	case s.Kind != agent.KindLAN || m.firewall == nil:
		return "", 0, agent.Refuse(agent.CodeBadMessage)
	}
	at := now()
	if wait := s.payProof(at); wait > 0 {
		return "", 0, &agent.Error{Code: agent.CodeTooManyAttempts, Wait: wait}
	}
	m.voidProof(s)
	raw := make([]byte, 32)
	rand.Read(raw) // never fails
	token = base64.RawURLEncoding.EncodeToString(raw)
	s.proof.digest, s.proof.until = sha256.Sum256([]byte(token)), at.Add(proofTTL)
	m.byProof[s.proof.digest] = s
	return token, proofTTL, nil
}

// payProof counts a proof of a further address against the session's rate limit. Above the limit it counts nothing and returns how
// long to wait. The caller holds mu.
func (s *session) payProof(at time.Time) (wait time.Duration) {
	paid := s.proof.paid
	if paid.Before(at) {
		paid = at
	}
	if ahead := paid.Sub(at); ahead > (proofBurst-1)*proofEvery {
		return ahead - (proofBurst-1)*proofEvery
	}
	s.proof.paid = paid.Add(proofEvery)
	return 0
}

// voidProof voids a session's address token. The caller holds mu.
func (m *Manager) voidProof(s *session) {
	if m.byProof[s.proof.digest] == s {
		delete(m.byProof, s.proof.digest)
	}
	s.proof.digest = [32]byte{}
}

// redeem voids a token and returns its session and connection. It returns nil for an unknown or expired token.
func (m *Manager) redeem(token string) (*session, Connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byProof[sha256.Sum256([]byte(token))]
	if s == nil {
		return nil, nil
	}
	live := now().Before(s.proof.until)
	m.voidProof(s)
	if !live {
		return nil, nil
	}
	return s, s.connection
}

// ProveAddress adds the address of a peer that sent an address token to the token's session. Refusals: CodeAddressRefused;
// CodeAddressBusy if another session has the address; CodeTooManyAttempts. Errors: ctx.Err; failures in the gateway.
func (m *Manager) ProveAddress(ctx context.Context, token string, from agent.Peer) error {
	peer := from.Addr
	if !from.Inside {
		return m.refuseAddress(from, agent.Session{}, "not in the LAN")
	}
	e, err := m.proofs.enter(ctx, peer, "")
	if err != nil {
		m.gate.logLimiter.warn(ctx, logKey{event: "address_throttled", net: widestNetwork(from)}, "address refused", "peer", from)
		return err
	}
	s, connection := m.redeem(token)
	if s == nil {
		m.proofs.leave(peer, e, wrong)
		return m.refuseAddress(from, agent.Session{}, "token")
	}
	m.proofs.leave(peer, e, uncounted)
	return m.change(ctx, func(c *change) error { return c.prove(s, connection, from) })
}

// refuseAddress refuses an address and logs the cause.
func (m *Manager) refuseAddress(peer agent.Peer, s agent.Session, why string) error {
	m.gate.logLimiter.warn(context.Background(), logKey{"address_refused", why, widestNetwork(peer), s.UserID}, "address refused",
		"why", why, "peer", peer, "session", s.ID, "account", s.Login)
	return &agent.Error{Code: agent.CodeAddressRefused, Err: errors.New(why)}
}

// prove adds a further address to a session.
func (c *change) prove(s *session, connection Connection, from agent.Peer) error {
	peer := from.Addr
	holder := c.byAddress[peer]
	switch {
	case c.closed.Load(), c.sessions[s.ID] != s, s.connection != connection, s.Kind != agent.KindLAN:
		return c.refuseAddress(from, s.Session, "the session has moved on")
	case peer == s.Address:
		return nil
	case holder != nil && holder != s && holder.UserID == s.UserID && holder.Kind == agent.KindStatic:
		return nil // a rule lets it through
	case holder != nil && holder != s && (holder.UserID != s.UserID || holder.Kind != agent.KindWeb):
		next := s.Session
		next.ExternalIP = peer
		return c.refuseBusy(next, holder.Session)
	case !c.inside(c.settings, peer, from.Interface), peer.IsLinkLocalUnicast(), peer.Is4() && s.Address.Is4():
		return c.refuseAddress(from, s.Session, "no further address")
	}
	if holder != nil && holder != s { // the same person's browser
		c.end(holder, agent.ReasonReplaced)
	}
	return c.grantFurther(s, from)
}

// grantFurther lets a further address of a session through. An address that the firewall refuses is closed.
func (c *change) grantFurther(s *session, from agent.Peer) error {
	peer := from.Addr
	if err := c.firewall.GrantAddress(c.ctx, s.ID, peer); err != nil {
		c.dropFurther(s, peer)
		c.setFurther(s, without(s.further, peer))
		c.log.WarnContext(c.ctx, "address refused", "event", "address_refused", "why", "firewall", "peer", peer,
			"session", s.ID, "account", s.Login, "error", err)
		return err
	}
	c.addFurther(s, peer)
	c.event("address_proved", s.Session, "further", peer)
	return nil
}

// addFurther adds an address that was let through. Above the limit of its family it drops the one that was proved longest
// ago: computers change their temporary addresses.
func (c *change) addFurther(s *session, addr netip.Addr) {
	most := 1
	if addr.Is6() {
		most = agent.MaxIPv6
	}
	list, room := []furtherAddress{{addr: addr, proved: c.now}}, most-1
	if s.Address.Is4() == addr.Is4() {
		room--
	}
	for _, f := range slices.Backward(without(s.further, addr)) {
		if f.addr.Is4() != addr.Is4() {
			list = append(list, f)
		} else if room > 0 {
			list, room = append(list, f), room-1
		} else {
			c.dropFurther(s, f.addr)
		}
	}
	slices.Reverse(list)
	c.setFurther(s, list)
	c.arm(s)
}

// reproveFurther gives the further addresses one minute to be proved on a new connection. Addresses that already have
// a deadline keep it.
func (c *change) reproveFurther(s *session) {
	list := slices.Clone(s.further)
	for i := range list {
		if list[i].proveBy.IsZero() {
			list[i].proveBy = c.now.Add(proofTTL)
		}
	}
	c.setFurther(s, list)
}

// proveBy is the earliest deadline of the further addresses; zero for none.
func (s *session) proveBy() (first time.Time) {
	for _, f := range s.further {
		if !f.proveBy.IsZero() && (first.IsZero() || f.proveBy.Before(first)) {
			first = f.proveBy
		}
	}
	return first
}

func (c *change) dropFurtherIf(s *session, which func(furtherAddress) bool) {
	var rest []furtherAddress
	for _, f := range s.further {
		if which(f) {
			c.dropFurther(s, f.addr)
		} else {
			rest = append(rest, f)
		}
	}
	if len(rest) != len(s.further) {
		c.setFurther(s, rest)
	}
}

func (c *change) dropAllFurther(s *session) {
	c.dropFurtherIf(s, func(furtherAddress) bool { return true })
}

func (c *change) dropFurther(s *session, addr netip.Addr) {
	c.renew()
	c.firewall.RevokeAddress(c.ctx, s.ID, addr)
}

// setFurther replaces the further addresses of a session.
func (c *change) setFurther(s *session, list []furtherAddress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unindexFurther(s)
	s.further = list
	if c.sessions[s.ID] != s {
		return
	}
	for _, f := range list {
		c.byAddress[f.addr] = s
	}
}

// unindexFurther removes the further addresses from byAddress. The caller holds mu.
func (m *Manager) unindexFurther(s *session) {
	for _, f := range s.further {
		if m.byAddress[f.addr] == s {
			delete(m.byAddress, f.addr)
		}
	}
}

func without(list []furtherAddress, addr netip.Addr) []furtherAddress {
	return slices.DeleteFunc(slices.Clone(list), func(f furtherAddress) bool { return f.addr == addr })
}
