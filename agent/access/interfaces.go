package access

import (
	"context"
	"net"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// Directory looks up accounts and checks passwords.
type Directory interface {
	// Find returns the account that a login means. It may ask a directory on the network. A login that means nobody is not an
	// error. Refusals: CodeDirectoryUnreachable with Domain.
	Find(ctx context.Context, login string) (agent.Account, error)
	// Knows returns the stored account of a login. It asks nobody over the network, so that resume tokens work while a
	// directory is away. An unknown login is not an error.
	Knows(ctx context.Context, login string) (agent.UserID, bool, error)
	// VerifyTicket verifies a token and returns the account of its person. Refusals: those after a right password,
	// CodeDirectoryUnreachable, and the codes of a sign-in by Kerberos with the cause in Err.
	VerifyTicket(ctx context.Context, token []byte) (agent.User, error)
}

// Devices stores when and on which devices a person has logged in.
type Devices interface {
	// RememberLogin stores the time of a person's last sign-in.
	RememberLogin(ctx context.Context, user agent.UserID, at time.Time) error
	KnowsDevice(ctx context.Context, user agent.UserID, deviceID string) (bool, error)
	RememberDevice(ctx context.Context, user agent.UserID, deviceID string, at time.Time) error
}

// Store keeps sessions for a restart and for the journal. Another process may void tokens in it. Its methods are called one
// at a time, except SessionByResume and SaveCounts.
type Store interface {
	// User returns an account as of the last check. Errors: agent.ErrNotFound.
	User(context.Context, agent.UserID) (agent.User, error)
	GroupTree(context.Context) (agent.GroupTree, error)
	// SaveSession adds or replaces a session. A zero Ended makes it open again. Refusals: agent.CodeStoreUnavailable when
	// nothing was written.
	SaveSession(context.Context, agent.Session) error
	// EndSession ends a session. An ended one keeps its end. Counts below the stored ones and an empty MAC change nothing. The end
	// holds from now on, for the other methods and for the next process, also if the database cannot be written. Errors:
	// agent.ErrNotFound.
	EndSession(ctx context.Context, id string, end agent.SessionEnd) error
	// SaveCounts stores the counts of live sessions by session ID. It ignores unknown and ended sessions.
	SaveCounts(context.Context, map[string]agent.SessionCounts) error
	// OpenSessions returns the sessions without an end.
	OpenSessions(context.Context) ([]agent.Session, error)
	// SessionByResume returns the open or ended session with this Resume.Chain. Errors: agent.ErrNotFound, also for the
	// zero chain.
	SessionByResume(ctx context.Context, chain [32]byte) (agent.Session, error)
	// VoidResume clears Resume.Current and Resume.Previous of every session of a person.
	VoidResume(context.Context, agent.UserID) error
	// VoidDevice does the same for the person's ended sessions on one device.
	VoidDevice(ctx context.Context, user agent.UserID, deviceID string) error
}

// Refusals stores refused attempts for the journal. It is called from a goroutine of its own.
type Refusals interface {
	AddRefused(context.Context, agent.RefusedAttempt) error
}

// Firewall lets the addresses of sessions through. Its methods are called one at a time, except Traffic, MACs, ChangedMACs,
// BrowserSessionOf and ProveMAC.
type Firewall interface {
	// Grant lets Session.Address through. For KindWeb and KindStatic, only Session.MACStored is let through if there is one. KindStatic
	// without a MACStored has access from any computer.
	Grant(context.Context, agent.Session) error
	// Readmit keeps Session.Address let through after a restart. An address that has expired stays closed until Grant,
	// because another computer may have it now. For KindWeb that is an error: no agent comes back to be granted access.
	Readmit(context.Context, agent.Session) error
	// GrantAddress lets a further address of a session through. The address must have the MAC and the
	// interface of Session.Address in the neighbour table. Refusals: agent.CodeAddressRefused.
	GrantAddress(ctx context.Context, sessionID string, a netip.Addr) error
	// BrowserSessionOf returns the session of KindWeb whose computer has another address too: the neighbour table has the MAC and the
	// interface of Session.Address for it. It returns "" if there is none, or if several computers may share the MAC.
	BrowserSessionOf(ctx context.Context, a netip.Addr) (sessionID string, err error)
	// RevokeAddress closes one further address and cuts its connections. An address that is not let through is no error.
	// The firewall logs and repeats what fails, here and in Revoke.
	RevokeAddress(ctx context.Context, sessionID string, a netip.Addr)
	// Revoke does the same for Session.Address, even if another session was granted it last, and for all further
	// addresses of this session. Further addresses from before a restart are unknown; they expire by themselves.
	Revoke(context.Context, agent.Session)
	// ChangedMACs returns the sessions whose Session.Address has another MAC in the neighbour table, on the same interface.
	ChangedMACs(context.Context) []agent.MACChange
	// ProveMAC reports whether a session's computer has left its former MAC. It calls ping, whose error it returns.
	ProveMAC(ctx context.Context, c agent.MACChange, ping func(context.Context) error) (left bool, err error)
	// ChangeMAC lets Session.Address through with the new MAC only, and closes the further addresses. It fails if session or
	// neighbour have changed since ProveMAC.
	ChangeMAC(context.Context, agent.MACChange) error
	// Traffic returns recent counts by session ID. It must not block.
	Traffic() map[string]agent.Traffic
	// Recount updates the counts of sessions. It is called before their access is withdrawn.
	Recount(ctx context.Context, sessionIDs []string)
	// MACs returns the known MACs of the computers by session ID. It must not block.
	MACs() map[string]net.HardwareAddr
}

// Tunnel gives sessions addresses and WireGuard peers. Its methods are called one at a time, except Available and Traffic.
type Tunnel interface {
	// Available reports whether the tunnel works now.
	Available() bool
	// Reserve reserves an address of the VPN network for a session: the one that it already has, else Session.Address if
	// that is free, else any. Refusals: agent.CodePoolExhausted.
	Reserve(context.Context, agent.Session) (netip.Addr, error)
	// Up adds or replaces the session's peer. Refusals: agent.CodeBadMessage for a key of another session or of the
	// gateway; the session keeps its former peer then. After another error it may have none.
	Up(context.Context, agent.Session, agent.Key) (agent.TunnelConfig, error)
	// Release removes the session's peer and frees its address, if there are any. The tunnel logs and repeats what fails.
	Release(context.Context, agent.Session)
	// Traffic returns recent counts of the peers by session ID. It must not block.
	Traffic() map[string]agent.Traffic
	// Recount updates the counts of sessions. It is called before their access is withdrawn.
	Recount(ctx context.Context, sessionIDs []string)
}

// Connection is the agent's connection of a session. Its methods must not block, except Ping. They may be called before Authorize has
// returned, from any goroutine and out of order. Connections are compared, so they must be pointers.
type Connection interface {
	// Ended says that this connection has no session any more. The connection need not call Lost or Logout then.
	Ended(agent.Reason)
	// Expiring says that the session will end.
	Expiring(left time.Duration, expires time.Time)
	// Ping sends a ping and waits for the agent's answer. Errors: ctx.Err; of the connection.
	Ping(context.Context) error
	// ProveAgain makes the agent prove all further addresses of its session again.
	ProveAgain(sessionID string)
}
