package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// ticketLimit is how many tickets from one address may be refused within the throttle's window. It is large because many people may share
// an address, for instance that of a terminal server.
const ticketLimit = 300

// originTicket is the origin of sign-ins by ticket. The throttle counts them separately from passwords.
const originTicket agent.Origin = "ticket"

// TicketSignIn is a request to sign in with a Kerberos ticket.
type TicketSignIn struct {
	Token    []byte
	Peer     agent.Peer
	DeviceID string // of the agent; empty from a browser
}

// SignInByTicket verifies a ticket and returns the account. If the peer is outside the LAN, it refuses with CodeSSOUnavailable before it
// reads the token. A refusal is an *agent.Error and takes at least 300 ms. Other errors are ctx.Err and failures in the gateway.
func (g *Gate) SignInByTicket(ctx context.Context, s TicketSignIn) (agent.User, error) {
	started := time.Now()
	user, err := g.signInByTicket(ctx, s)
	if err != nil {
		holdBack(ctx, started)
	}
	return user, err
}

// signInByTicket is SignInByTicket without the wait.
func (g *Gate) signInByTicket(ctx context.Context, s TicketSignIn) (agent.User, error) {
	if !s.Peer.Inside {
		return agent.User{}, agent.Refuse(agent.CodeSSOUnavailable)
	}
	s.DeviceID = agent.Clean(s.DeviceID, agent.MaxDeviceIDLen)
	key := addressKey{net: network(s.Peer), origin: originTicket}
	leave, err := enterAddress(ctx, g.throttle.tickets, key, "")
	if err != nil {
		g.logTicket(ctx, "login_throttled", s, err)
		return agent.User{}, err
	}
	user, err := g.directory.VerifyTicket(ctx, s.Token)
	leave(ticketOutcome(err))
	if code := user.Refusal(); err == nil && code != "" {
		err = agent.Refuse(code)
	}
	if err != nil {
		g.logTicket(ctx, "login_failed", s, err)
		return agent.User{}, withWait(err)
	}
	if err := g.logins.take(user.ID, s.DeviceID); err != nil {
		g.logTicket(ctx, "login_too_often", s, err)
		return agent.User{}, err
	}
	g.remember(ctx, user, s.DeviceID)
	g.log.InfoContext(ctx, "security", "event", "ticket_accepted", "account", user.Login, "user", user.ID, "directory", user.Directory,
		"peer", s.Peer, "device", s.DeviceID)
	return user, nil
}

// ticketOutcome returns how the throttle counts a result of VerifyTicket. Refused tickets count as wrong. Refused accounts and failures
// do not count.
func ticketOutcome(err error) outcome {
	if err == nil {
		return right
	}
	switch agent.AsError(err).Code {
	case agent.CodeSSORefused, agent.CodeSSONTLM, agent.CodeSSOClock, agent.CodeSSOStale, agent.CodeTooManyAttempts:
		return wrong
	}
	return uncounted
}

// logTicket logs a refused ticket as a security event, with the cause.
func (g *Gate) logTicket(ctx context.Context, event string, s TicketSignIn, err error) {
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code == agent.CodeStoreUnavailable {
		return // failures in the gateway are logged elsewhere
	}
	cause := ""
	if refusal.Err != nil {
		cause = agent.Clean(refusal.Err.Error(), 300)
	}
	g.logLimiter.warn(ctx, logKey{event, string(refusal.Code) + " " + cause, widestNetwork(s.Peer), 0}, "sign-in by ticket refused",
		"peer", s.Peer, "origin", string(originTicket), "device", s.DeviceID, "code", string(refusal.Code), "cause", cause)
}
