// Package client is the agent program without its window: it connects to a gateway, logs a person in and keeps the
// connection open, because access lasts as long as the connection. It reconnects by itself when the connection is
// lost.
//
//	            refused (3), unreachable or not trusted (4)
//	          ┌────────────────────────────────────────────▶ error
//	connecting ──▶ authorized [──▶ tunnel] ──┬─ ended{any other reason} ─▶ ended (5)
//	                   ▲                     ├─ the person stops it ─────▶ ended (0)
//	                   │                     └─ lost, shutdown
//	                   └── reconnecting ◀───────┘   │
//	                           └─ refused without a time to retry ─▶ error (5)
//
// The numbers are the exit codes of ideco-agent. The delay before a reconnect starts at 0.5 s and doubles up to 30 s,
// ±20 %. It is at most 3 s while the gateway still keeps the session. The agent sends the resume token of the last
// answer when it has one. When the gateway no longer accepts the token, the agent logs in once with the password,
// which it keeps in memory only, or with the person's Kerberos tickets (see Tickets). It does not reconnect after a
// session that ended for any other reason than lost or shutdown.
//
// A session from outside the local network needs a tunnel (see Tunnel and package tunnel), with a new key after every
// login and reconnect. The state is "tunnel" once packets come through. Until then the agent reports that the network
// blocks the tunnel, and keeps trying as long as the session lives. During a reconnect the tunnel stays up for the
// gateway's grace period, so that connections can survive the interruption.
//
// A computer in the local network may have more addresses than that of the connection, for instance IPv6 addresses.
// When the gateway sends address_token, the agent proves each further address by a request from it, also those that
// appear later.
//
// A gateway whose root is pinned tells the agent its new domain and its next root by the message trust. The agent keeps
// both in Config.Trust and uses them from the next connection on.
//
// This package and those below it are also built for Windows 8 with Go 1.20 and keep to that language and library.
package client

import (
	"context"
	"crypto/x509"
	"math/rand"
	"net"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
)

// Config says where to connect and with which login. The zero value of every field below Device is usable.
type Config struct {
	Host     string // as agent.ParseServer returns it
	Port     uint16
	Login    string
	Password string // may be empty: it is sent all the same
	// NewPassword, unless empty, replaces Password at the gateway before the first login, which then uses it.
	NewPassword string
	// PasswordChanges is the first value of Status.PasswordChanges.
	PasswordChanges int
	Device          agent.Device
	// Tickets log the person in instead of Password; nil = Password does. Login is then the name to show, and with which a
	// typed password extends the session.
	Tickets Tickets

	Roots  *x509.CertPool // trusted roots, see TLSConfig; may be nil
	Pins   []Pin          // of the own root of the gateway Host, see TLSConfig; may be empty
	Trust  *TrustFile     // keeps what the gateway tells by the message trust; nil = only this Run knows it
	Lang   locale.Lang
	Tunnel Tunnel // nil = access is possible only from the local network
	// NoTunnel is the key of the text that explains why Tunnel is nil; empty = the text of agent.CodeVPNUnavailable.
	NoTunnel string
	// Events is called at every change of the status or its notices, never concurrently. added is the new notice, or
	// nil when the state has changed.
	Events func(s Status, added *Notice)
	Log    func(text string) // diagnostics; called from any goroutine, text holds no secret

	// Extend receives requests to extend the session. A value is the password to send; empty = that of the login, or
	// Tickets. nil = the program cannot extend the session, and the warning that it ends soon has a text without that choice.
	Extend <-chan string
	// ChangePassword receives requests to change the password during a session; nil = there are none.
	ChangePassword <-chan PasswordChange
	// NetworkChanged signals that the network of this computer has changed or that the computer woke from sleep. The agent
	// then checks the connection or reconnects at once. nil = never.
	NetworkChanged <-chan struct{}

	// Dial opens TCP connections; nil = net.Dialer with a timeout of 10 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Addresses returns all addresses of the network interface that has the address own. The agent proves further
	// addresses from this list. nil = ask the system.
	Addresses func(own netip.Addr) ([]netip.Addr, error)
	// LookupCNAME returns the canonical name of a host, for Tickets; nil = ask the system's resolver.
	LookupCNAME func(ctx context.Context, host string) (string, error)
	// Clock is replaced by tests; nil = the system's.
	Clock Clock
}

// Outcome says how Run or Probe ended.
type Outcome int

const (
	StoppedByUser  Outcome = iota // the context was cancelled
	Refused                       // the first login was refused
	Unreachable                   // the gateway did not answer the first time
	NotTrusted                    // the first time, the server's certificate was not trusted
	EndedByGateway                // the gateway ended the session or refused to resume it
	Answered                      // the gateway answered Probe
)

// Result says why a Run ended. Message is for the person, Code an agent.Code or agent.Reason, Err for diagnostics.
type Result struct {
	Outcome Outcome
	Code    string
	Message string
	SSO     []string // of Probe: see Status
	Host    string   // of Probe: the name under which the gateway answered
	Err     error
	// MayChangePassword is set when the login was refused until the password is changed, and the gateway can change it.
	MayChangePassword bool
}

// Run logs in and returns when the session has ended for good. Cancelling ctx logs out.
func Run(ctx context.Context, cfg Config) Result { return newClient(cfg).run(ctx) }

func (c *client) run(ctx context.Context) Result {
	c.show(Connecting, "", c.text(locale.Connecting))
	l, f := c.connect(ctx)
	for f == nil {
		f = c.runSession(ctx, l)
		if c.change != nil {
			c.changeUncertain()
		}
		if f.reconnects {
			l, f = c.reconnect(ctx, f)
		}
	}
	c.takeTunnelDown()
	return c.finish(f)
}

// client is the state of one Run. Only the goroutine of Run uses it.
type client struct {
	cfg     Config
	clock   Clock
	jitter  func() float64 // in [0, 1)
	backoff backoff

	learned learned // from Config.Trust or the message trust
	host    string  // under which the gateway answered last; one of hosts

	// from the last auth_state
	mode         string
	address      string
	expires      string // RFC 3339
	resume       string
	grace        time.Duration
	authorizedAt time.Time

	prover *prover // proves further addresses over this connection

	extending bool            // waiting for the answer to an extension
	change    *PasswordChange // waiting for the answer to this change; nil = none
	uncertain string          // the new password of a change that may have happened; empty = there was none
	sso       *ssoExtension   // of this connection

	tunnelWorks <-chan bool    // from Tunnel.Up; nil = there is no tunnel
	endpoint    netip.AddrPort // of the tunnel
	hold        *tunnelHold    // keeps the tunnel up during a reconnect; nil = none

	status      Status // as last passed to Events, with notice
	notice      *Notice
	lastExpires string // the last Expires of the status
}

func newClient(cfg Config) *client {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if cfg.Addresses == nil {
		cfg.Addresses = systemAddresses
	}
	if cfg.LookupCNAME == nil {
		cfg.LookupCNAME = net.DefaultResolver.LookupCNAME
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock
	}
	if cfg.Events == nil {
		cfg.Events = func(Status, *Notice) {}
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	c := &client{cfg: cfg, clock: cfg.Clock, jitter: rand.Float64, host: cfg.Host}
	var err error
	if c.learned, err = cfg.Trust.load(trustKey(cfg)); err != nil {
		cfg.Log(err.Error())
	}
	c.status = Status{Server: c.server(), Login: cfg.Login, BySSO: cfg.Tickets != nil, PasswordChanges: cfg.PasswordChanges}
	return c
}

// finish reports the final status and returns the Result.
func (c *client) finish(f *failure) Result {
	if f.err != nil {
		c.cfg.Log(f.err.Error())
	}
	state := Failed
	if f.codeIsReason || f.outcome == StoppedByUser {
		state = Ended
	}
	c.status.MayChangePassword = f.mayChange
	if c.cfg.NewPassword != "" { // there was no change, and there will be none
		c.status.PasswordChanges++
	}
	c.show(state, f.code, f.message)
	return f.result()
}

// failure is the reason why there is no access.
type failure struct {
	outcome      Outcome
	code         string
	message      string
	codeIsReason bool          // code is an agent.Reason
	reconnects   bool          // the agent reconnects by itself
	retryAfter   time.Duration // requested delay before the next attempt; 0 = none
	mayChange    bool          // the gateway can change the password, which is the reason
	err          error
}

func (f *failure) result() Result {
	return Result{Outcome: f.outcome, Code: f.code, Message: f.message, Err: f.err, MayChangePassword: f.mayChange}
}

func (c *client) stoppedByUser() *failure {
	return &failure{outcome: StoppedByUser, code: string(agent.ReasonLogout), codeIsReason: true,
		message: c.text(locale.Reason(agent.ReasonLogout))}
}

// sessionEnd returns the failure for the end of a session, reported by the gateway or found by the agent. An empty message
// becomes the agent's own text.
func (c *client) sessionEnd(reason agent.Reason, message string, err error) *failure {
	if message = agent.Clean(message, maxMessage); message == "" {
		message = c.text(locale.Reason(reason))
	}
	return &failure{outcome: EndedByGateway, code: agent.Clean(string(reason), maxCode), codeIsReason: true, message: message,
		reconnects: reason.Reconnects(), err: err}
}

// failed returns a failure that the agent itself found.
func (c *client) failed(outcome Outcome, code agent.Code, err error) *failure {
	return &failure{outcome: outcome, code: string(code), message: c.text(locale.Code(code)), err: err}
}
