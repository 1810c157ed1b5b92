// Package client is the agent program without its window: it connects to a gateway, logs a person in, keeps the
// connection, because access lasts exactly as long, and reconnects by itself when the connection was lost.
//
//	            refused (3), unreachable or not trusted (4)
//	          ┌────────────────────────────────────────────▶ error
//	connecting ──▶ authorized [──▶ tunnel] ──┬─ ended{any other reason} ─▶ ended (5)
//	                   ▲                     ├─ the person stops it ─────▶ ended (0)
//	                   │                     └─ lost, shutdown
//	                   └── reconnecting ◀───────┘   │
//	                           └─ refused without a time to retry ─▶ error (5)
//
// The numbers are the exit codes of ideco-agent. While it comes back it waits 0.5 s, doubling to 30 s, ±20 %, but
// never more than 3 s while the gateway still keeps the session. It shows the resume token of the last answer when it
// has one. When the gateway says that the token is over, it logs in once with the password, which it keeps in memory
// only; a session that ended for any other reason than lost or shutdown is never begun again by itself.
//
// A session from outside the local network needs a tunnel (see Tunnel and package tunnel), with a key of its own after
// every login and comeback. The state is "tunnel" once packets come through. Where they do not, the agent says that the
// network blocks the tunnel and keeps trying for as long as the session lives. While it comes back the tunnel stays for
// the gateway's grace, so that connections may outlive the pause.
//
// A computer in the local network may have more addresses than the one of the connection, as it does with IPv6. When the
// gateway sends address_token the agent proves them one by one, each by a request that comes from it, and new ones as they
// come.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
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

// Config says where to connect and as whom. The zero value of every field below Device is usable.
type Config struct {
	Host     string // as agent.ParseServer returns it
	Port     uint16
	Login    string
	Password string // may be empty: the gateway is asked all the same
	Device   agent.Device

	Roots  *x509.CertPool // trusted instead of the system's roots, unless nil
	Pin    *Pin           // a root that is trusted besides them, unless nil
	Lang   locale.Lang
	Tunnel Tunnel // nil = this program can only authorise addresses in the local network
	// NoTunnel is the key of the text that says why Tunnel is nil; empty = that of agent.CodeVPNUnavailable.
	NoTunnel string
	// Events is told everything that a person should see, one at a time. news is the notice that is new; nil = the state is.
	Events func(s Status, news *Notice)
	Log    func(text string) // told what helps to find a fault, from any goroutine; never holds a secret

	// Extend carries the person's wish to extend the session, with the password, or empty for the one of the login. nil =
	// there is no window where the person could, as the gateway's words take for granted.
	Extend <-chan string
	// Nudge tells that the network of this computer has changed, or that it woke from sleep: the connection is tried at
	// once instead of when it is missed. nil = nobody watches.
	Nudge <-chan struct{}

	// Dial opens TCP connections; nil = net.Dialer with a timeout of 10 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Addresses lists the addresses of the network interface that has own; the agent proves those that a session in the
	// local network may have too. nil = the system's.
	Addresses func(own netip.Addr) ([]netip.Addr, error)
	// Clock is replaced by tests; nil = the system's.
	Clock Clock
}

// Kind is how a Run came to its end.
type Kind int

// Kinds of ends.
const (
	ByUser      Kind = iota // the context was cancelled; the gateway was told when it could be
	Refused                 // the first login was refused
	Unreachable             // the gateway did not answer the first time
	NotTrusted              // what answered the first time could not prove to be the gateway
	ByGateway               // the gateway ended the session, or refused to take it up again
	Answered                // of Probe: the gateway is there
)

// Result says why a Run ended. Message is for the person, Code an agent.Code or agent.Reason, Err for diagnostics.
type Result struct {
	Kind    Kind
	Code    string
	Message string
	Err     error
}

// Run logs in and stays until the session is over for good. Cancelling ctx logs the person out.
func Run(ctx context.Context, cfg Config) Result { return newClient(cfg).run(ctx) }

func (c *client) run(ctx context.Context) Result {
	c.show(Connecting, "", c.text(locale.Connecting))
	l, f := c.enter(ctx)
	for f == nil {
		if f = c.live(ctx, l); f.returns {
			l, f = c.comeBack(ctx, f)
		}
	}
	c.lower()
	return c.over(f)
}

// client is one Run. It belongs to the goroutine of Run.
type client struct {
	cfg     Config
	clock   Clock
	jitter  func() float64 // in [0, 1)
	backoff backoff

	// what the last auth_state said
	mode    string
	address string
	expires string // RFC 3339
	resume  string
	grace   time.Duration
	entered time.Time

	further *prover // of the connection

	extending bool // an authorize is under way that extends the session

	working  <-chan bool    // of the tunnel; nil = there is none
	endpoint netip.AddrPort // of the tunnel
	held     *hold          // nil = the tunnel does not wait for the end of a grace

	status   Status // as reported last, with news
	news     *Notice
	reported string // the last Expires of the status
}

func newClient(cfg Config) *client {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if cfg.Addresses == nil {
		cfg.Addresses = systemAddresses
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
	c := &client{cfg: cfg, clock: cfg.Clock, jitter: rand.Float64}
	c.status = Status{Server: c.server(), Login: cfg.Login}
	return c
}

// over tells the person how it ended.
func (c *client) over(f *failure) Result {
	if f.err != nil {
		c.cfg.Log(f.err.Error())
	}
	state := Failed
	if f.reason || f.kind == ByUser {
		state = Ended
	}
	c.show(state, f.code, f.message)
	return Result{f.kind, f.code, f.message, f.err}
}

// failure is why there is no access, or no longer.
type failure struct {
	kind    Kind
	code    string
	message string
	reason  bool          // code is an agent.Reason
	returns bool          // the agent comes back by itself
	wait    time.Duration // the gateway's word when to try again; 0 = it gave none
	err     error
}

func (c *client) byUser() *failure {
	return &failure{kind: ByUser, code: string(agent.ReasonLogout), reason: true,
		message: c.text(locale.Reason(agent.ReasonLogout))}
}

// ended is an end for one of the design's reasons, told by the gateway or found here.
func (c *client) ended(reason agent.Reason, message string, err error) *failure {
	if message = agent.Clean(message, maxMessage); message == "" {
		message = c.text(locale.Reason(reason))
	}
	return &failure{kind: ByGateway, code: agent.Clean(string(reason), maxCode), reason: true, message: message,
		returns: reason.Returns(), err: err}
}

// failed is a refusal that the agent found by itself.
func (c *client) failed(kind Kind, code agent.Code, err error) *failure {
	return &failure{kind: kind, code: string(code), message: c.text(locale.Code(code)), err: err}
}
