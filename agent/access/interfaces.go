package access

import (
	"context"
	"net"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// Directory says who a login is and whether the password is right.
type Directory interface {
	// Authenticate checks a password. It does the same work for an unknown login. A refusal is an *agent.Error;
	// CodeBadCredentials only when the password really was compared.
	Authenticate(context.Context, agent.Credentials) (agent.User, error)
	// Knows tells which account a login would mean, without any check. A login that means none, or none that is known
	// yet, is not an error.
	Knows(ctx context.Context, login string) (agent.UserID, bool, error)
}

// Devices remembers on which devices a person has logged in.
type Devices interface {
	KnowsDevice(ctx context.Context, user agent.UserID, deviceID string) (bool, error)
	RememberDevice(ctx context.Context, user agent.UserID, deviceID string, at time.Time) error
}

// Store keeps sessions for a restart and for the journal, and is asked each time whether a token still holds: another
// process may make tokens void there. Its methods are called one at a time, but for SessionByResume, which may be called
// beside the others.
type Store interface {
	// User returns an account as of the last check. Errors: agent.ErrNotFound.
	User(context.Context, agent.UserID) (agent.User, error)
	// SaveSession writes a session over what is there under its ID; a zero Ended opens it again.
	SaveSession(context.Context, agent.Session) error
	// EndSession closes a session; one that is closed keeps its end. Errors: agent.ErrNotFound.
	EndSession(ctx context.Context, id string, at time.Time, reason agent.Reason) error
	// OpenSessions returns the sessions without an end.
	OpenSessions(context.Context) ([]agent.Session, error)
	// SessionByResume returns the session, open or ended, whose Resume.Chain is chain; the zero chain is nobody's.
	// Errors: agent.ErrNotFound.
	SessionByResume(ctx context.Context, chain [32]byte) (agent.Session, error)
	// VoidResume clears Resume.Current and Resume.Previous of every session of a person.
	VoidResume(context.Context, agent.UserID) error
	// VoidDevice does that for the person's sessions that have ended on one device.
	VoidDevice(ctx context.Context, user agent.UserID, deviceID string) error
}

// Firewall lets the addresses of sessions through. All but Traffic and MACs are called one at a time.
type Firewall interface {
	// Grant lets Session.Address through, or keeps it so when it already is.
	Grant(context.Context, agent.Session) error
	// Readmit keeps Session.Address let through after a restart, as far as it still is. What has run out of time meanwhile
	// stays closed until Grant, because somebody else may have the address by now.
	Readmit(context.Context, agent.Session) error
	// GrantAddress lets a further address of a session through, or keeps it so. The address must have the MAC and the
	// interface of Session.Address in the neighbour table. Refusals: agent.CodeAddressRefused.
	GrantAddress(ctx context.Context, sessionID string, a netip.Addr) error
	// RevokeAddress closes one further address and cuts its connections. An address that is not let through is no error.
	// The firewall logs and repeats what fails, here and in Revoke.
	RevokeAddress(ctx context.Context, sessionID string, a netip.Addr)
	// Revoke does that for all addresses of the session: Session.Address, whichever session it was granted to last, and
	// all further ones that were granted to this session. An address that is not let through is no error.
	//
	// The process after a restart does not know which further addresses there were. Those that it finds let through are
	// left to run out of time by themselves, unless they are granted again.
	Revoke(context.Context, agent.Session)
	// Traffic returns a recent count for each session that is let through and counted, by session ID. It must not block.
	Traffic() map[string]agent.Traffic
	// MACs returns the MACs of the computers that are let through, by session ID, where they are seen. It must not block.
	MACs() map[string]net.HardwareAddr
}

// Tunnel gives sessions addresses and peers. All but Available and Traffic are called one at a time.
type Tunnel interface {
	// Available tells whether there is a tunnel now.
	Available() bool
	// Reserve sets an address of the VPN network aside for a session: the one that this session already holds,
	// otherwise its Address where that is free, as one is that the same person has just given back, otherwise any.
	// Refusals: agent.CodePoolExhausted.
	Reserve(context.Context, agent.Session) (netip.Addr, error)
	// Up makes the session's peer on its Address, in place of the peer that it had. Refusals: agent.CodeBadMessage for
	// a key that another session or the gateway holds, and then the session keeps the peer that it had; after another
	// error it may have none.
	Up(context.Context, agent.Session, agent.Key) (agent.TunnelConfig, error)
	// Release removes the session's peer at once and gives the address back. Without either it does nothing. What
	// fails is the tunnel's to log and to repeat.
	Release(context.Context, agent.Session)
	// Traffic returns a recent count for each session that has a peer, by session ID. It must not block.
	Traffic() map[string]agent.Traffic
}

// Connection is the agent's connection behind a session. Its methods hand a message on and return; they may be
// called before Authorize has returned, from any goroutine and out of order. Connections are compared, so they are pointers.
type Connection interface {
	// Ended says that the session is over for this connection, which has nothing more to report to the Manager.
	Ended(agent.Reason)
	// Expiring says that the session will end.
	Expiring(left time.Duration, expires time.Time)
}
