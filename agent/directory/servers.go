package directory

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/singleflight"

	"ideco-agent/agent"
)

// A wrong password of the search account is sent again only after the usual observation window, so that the domain does not
// lock the account. The cause of another refusal, such as a disabled account, may be gone sooner.
const (
	retryPassword = 31 * time.Minute
	retryRefused  = time.Minute
)

// servers are the connections to the controllers of one directory.
//
// Searches have a pool of connections that are bound as the search account. Binds of people have their own.
//
// A controller that is silent while a request is in flight is probed by another connection. Without an answer, it is marked
// down, which ends all its connections: searches then go to the next controller, binds fail.
type servers struct {
	settings agent.DirectorySettings
	log      *slog.Logger
	trusted  []*x509.Certificate // of settings.CA
	dns      dnsLookup
	dialTCP  func(ctx context.Context, address string) (net.Conn, error)
	ping     func(ctx context.Context, host string) (site string, err error)
	ctx      context.Context // ends with close
	cancel   context.CancelFunc
	flight   singleflight.Group // "find", and an address while it is probed

	searching chan struct{} // places of searches in flight
	binding   chan struct{} // places of binds in flight
	loggingIn chan struct{} // place of the search account's bind: a wrong password must be sent only once
	tries     *wrongTries   // of all search accounts; nil = not counted
	draft     bool          // the settings are being tried; tries limits them

	mu           sync.Mutex    // guards the fields below and the state of controllers
	controllers  []*controller // the preferred ones first
	found        time.Time
	searches     pool
	binds        pool
	refused      *finding // how the search account's bind was refused
	refusedUntil time.Time
}

// dnsLookup asks the DNS servers of the domain. Errors: *finding; ctx.Err.
type dnsLookup interface {
	lookupSRV(ctx context.Context, name string) ([]*net.SRV, error) // none is no error
	lookupHost(ctx context.Context, host string) ([]netip.Addr, error)
}

func newServers(settings agent.DirectorySettings, log *slog.Logger) *servers {
	s := &servers{
		settings:  settings,
		log:       log,
		trusted:   parseCertificates(settings.CA),
		dns:       &resolver{servers: settings.DNS, limit: time.Second, dial: new(net.Dialer).DialContext},
		searching: make(chan struct{}, poolSize),
		binding:   make(chan struct{}, bindSize),
		loggingIn: make(chan struct{}, 1),
	}
	s.dialTCP = func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	s.ping = s.pingSite
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// close ends all connections. The servers cannot be used afterwards.
func (s *servers) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.controllers {
		if c.retry != nil {
			c.retry.Stop()
		}
	}
}

// status returns what is known of the controllers.
func (s *servers) status() (list []agent.ControllerStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.controllers {
		list = append(list, agent.ControllerStatus{Host: c.address, Reachable: c.state == stateUp, Since: c.since, Latency: c.latency})
	}
	return list
}

// discover returns the controllers as host:port, the preferred ones first, without connecting to them. Errors: *finding.
func (s *servers) discover(ctx context.Context) (hosts []string, err error) {
	list, err := s.find(ctx)
	for _, c := range list {
		hosts = append(hosts, c.address)
	}
	return hosts, err
}

// search runs f on a connection that is bound as the search account. f may run again on another connection after a failure of
// the connection, so it must not change the directory. Errors: those of f; ctx.Err; *finding.
func (s *servers) search(ctx context.Context, f func(*ldap.Conn) error) error {
	if err := enter(ctx, s.searching); err != nil {
		return err
	}
	defer leave(s.searching)
	var a failover
	for {
		c, err := s.searchConn(ctx, &a)
		if err != nil {
			return err
		}
		pooled := c.pooled
		err = s.use(ctx, c, func() error { return f(c.Conn) })
		if err == nil || c.usable() && !isNetwork(err) {
			s.keep(&s.searches, c)
			return err
		}
		timedOut := c.usable()
		c.kill()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case timedOut:
			return hostFinding(agent.FindingNoAnswer, c.to.address, err)
		case pooled: // the server may have closed it while it was idle, and others with it
			s.drop(&s.searches, c.to)
		default:
			a.failed(c.to, err)
		}
	}
}

// once runs f, which sends one request that must not be repeated, on a connection that is bound as the search account. It goes to the
// next controller only while nothing was sent. The error is the server's *ldap.Error or matches errUnreachable.
func (s *servers) once(ctx context.Context, f func(*ldap.Conn) error) error {
	if err := enter(ctx, s.searching); err != nil {
		return s.cancelled(err)
	}
	defer leave(s.searching)
	var a failover
	for {
		c, err := s.searchConn(ctx, &a)
		if err != nil {
			return s.cancelled(err)
		}
		pooled, before := c.pooled, c.writes.Load()
		err = s.use(ctx, c, func() error { return f(c.Conn) })
		if err == nil || answered(err) {
			s.keep(&s.searches, c)
			return err
		}
		if err := a.failedUnsent(ctx, c, pooled, before, err); err != nil {
			return err
		}
	}
}

// failedUnsent closes a connection whose request failed. It returns an error if the request must not go to the next controller: if
// bytes were sent since before, or ctx has ended.
func (a *failover) failedUnsent(ctx context.Context, c *conn, pooled bool, before int64, err error) error {
	c.kill()
	if sent := c.writes.Load() != before; sent || ctx.Err() != nil {
		f := hostFinding(agent.FindingNoAnswer, c.to.address, errors.Join(ctx.Err(), err))
		f.Sent = sent
		return f
	}
	if !pooled {
		a.failed(c.to, err)
	}
	return nil
}

// dial connects to another port of a controller. The connection ends with ctx.
func (s *servers) dial(ctx context.Context, to *controller, port int) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	addresses, err := s.addressesOf(limited, to)
	if err != nil {
		return nil, err
	}
	other := newController(to.name, uint16(port))
	other.addresses = addresses
	conn, err := s.connectTCP(limited, other)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// searchConn returns a connection that is bound as the search account, from the pool or a new one. Errors: *finding; ctx.Err.
func (s *servers) searchConn(ctx context.Context, a *failover) (*conn, error) {
	for {
		to, err := s.pick(ctx, a)
		if err != nil {
			return nil, err
		}
		if c := s.reuseIdle(ctx, &s.searches, to); c != nil {
			return c, nil
		}
		if err := s.refusal(); err != nil {
			return nil, err
		}
		c, err := s.open(ctx, to)
		if err == nil {
			err = s.bindSearchAccount(ctx, c)
		}
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case c != nil && !errors.Is(err, errConnection): // other controllers would refuse the search account, too
			return nil, err
		}
		a.failed(to, err)
	}
}

// errConnection is a failure of a connection or a controller, after which another may work.
var errConnection = errors.New("the connection failed")

// bindSearchAccount binds the search account. With an error, the connection is closed. Errors: errConnection; *finding when the
// account is refused; ctx.Err.
func (s *servers) bindSearchAccount(ctx context.Context, c *conn) error {
	if s.settings.User == "" { // anonymous
		return nil
	}
	if err := enter(ctx, s.loggingIn); err != nil {
		c.kill()
		return err
	}
	defer leave(s.loggingIn)
	err := s.refusal()
	if err == nil && s.draft {
		err = s.tries.full(s.settings)
	}
	if err != nil {
		c.kill()
		return err
	}
	c.SetTimeout(bindLimit)
	defer c.SetTimeout(searchLimit)
	err = s.use(ctx, c, func() error { return c.Bind(s.settings.User, s.settings.Password) })
	if s.tries != nil && (err == nil || ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)) {
		s.tries.note(s.settings, err != nil)
	}
	if err == nil {
		return nil
	}
	c.kill()
	f := &finding{Finding: agent.FindingSearchCredential, err: err}
	retry := retryRefused
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		retry = retryPassword
		if text := err.Error(); strings.Contains(text, ", data ") && !strings.Contains(text, ", data 52e") {
			f.Finding, retry = agent.FindingSearchAccount, retryRefused
		}
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultInappropriateAuthentication,
		ldap.ErrorEmptyPassword):
	case answered(err): // such as busy
		f = hostFinding(agent.FindingFailed, c.to.address, errors.Join(errConnection, err))
		f.Args["Error"] = err.Error()
		return f
	default:
		return hostFinding(agent.FindingNoAnswer, c.to.address, errors.Join(errConnection, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused, s.refusedUntil = f, time.Now().Add(retry)
	return f
}

// refusal returns why the search account cannot log in for now. Errors: *finding.
func (s *servers) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.settings.PasswordLost:
		return &finding{Finding: agent.FindingPasswordLost}
	case s.refused != nil && time.Now().Before(s.refusedUntil):
		return s.refused
	}
	return nil
}

// bind sends at most one bind request. It goes to the next controller only while nothing was sent. The error is the server's
// *ldap.Error or matches errUnreachable, also when it wraps ctx.Err.
func (s *servers) bind(ctx context.Context, name, password string, controls ...ldap.Control) ([]ldap.Control, error) {
	return s.bindThen(ctx, name, password, nil, controls...)
}

// bindThen is bind and then, after a success and if it is not nil, a call of then on the connection. It returns the error of then.
func (s *servers) bindThen(ctx context.Context, name, password string, then func(*ldap.Conn, []ldap.Control) error, controls ...ldap.Control) ([]ldap.Control, error) {
	if name == "" || password == "" { // servers would take it for an anonymous bind, which succeeds
		return nil, ldap.NewError(ldap.LDAPResultInvalidCredentials, errors.New("empty name or password"))
	}
	if err := enter(ctx, s.binding); err != nil {
		return nil, s.cancelled(err)
	}
	defer leave(s.binding)
	var a failover
	for {
		c, err := s.bindConn(ctx, &a)
		if err != nil {
			return nil, err
		}
		pooled, before := c.pooled, c.writes.Load()
		var result *ldap.SimpleBindResult
		err = s.use(ctx, c, func() (err error) {
			result, err = c.SimpleBind(ldap.NewSimpleBindRequest(name, password, controls))
			return err
		})
		if err == nil && then != nil {
			err = s.use(ctx, c, func() error { return then(c.Conn, result.Controls) })
			c.kill()
			return result.Controls, err
		}
		if err == nil || answered(err) {
			if err == nil || ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
				s.keep(&s.binds, c)
			} else {
				c.kill()
			}
			if result == nil {
				return nil, err
			}
			return result.Controls, err
		}
		if err := a.failedUnsent(ctx, c, pooled, before, err); err != nil {
			return nil, err
		}
	}
}

// bindConn returns a connection for a bind, from the pool or a new one. Errors: *finding.
func (s *servers) bindConn(ctx context.Context, a *failover) (*conn, error) {
	for {
		to, err := s.pick(ctx, a)
		if err != nil {
			return nil, s.cancelled(err)
		}
		if c := s.reuseIdle(ctx, &s.binds, to); c != nil {
			return c, nil
		}
		c, err := s.open(ctx, to)
		if err == nil {
			c.SetTimeout(bindLimit)
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, s.cancelled(ctx.Err())
		}
		a.failed(to, err)
	}
}

// cancelled makes ctx.Err match errUnreachable, as bind promises.
func (s *servers) cancelled(err error) error {
	if errors.Is(err, errUnreachable) {
		return err
	}
	return hostFinding(agent.FindingNoAnswer, s.settings.Name, err)
}

// reuseIdle takes a connection to a controller out of a pool; nil if there is none. One that was idle for freshLimit is checked
// first, because a firewall may have dropped its state. If it does not respond, the others are closed, too.
func (s *servers) reuseIdle(ctx context.Context, p *pool, to *controller) *conn {
	c := s.takeIdle(p, to)
	if c == nil || time.Since(c.since) < freshLimit || s.responds(ctx, c) {
		return c
	}
	c.kill()
	s.drop(p, to)
	return nil
}

// responds reports whether the server still answers on a connection.
func (s *servers) responds(ctx context.Context, c *conn) bool {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	err := s.use(ctx, c, func() error {
		_, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 1, false, "(objectClass=*)", []string{"1.1"}, nil))
		return err
	})
	return c.usable() && (err == nil || answered(err))
}

// open connects to a controller and marks it up or down. The connection is not bound. Errors: *finding.
func (s *servers) open(ctx context.Context, to *controller) (*conn, error) {
	s.mu.Lock()
	up, down := to.up, to.state == stateDown
	s.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if !down {
		defer context.AfterFunc(up, cancel)()
	}
	began := time.Now()
	raw, secure, _, err := s.connect(limited, to)
	if err != nil {
		f := asFinding(err, to.address)
		if ctx.Err() == nil {
			s.markDown(to, f)
		}
		return nil, f
	}
	s.markUp(to, time.Since(began))
	s.mu.Lock()
	defer s.mu.Unlock()
	return newConn(to, raw, secure, to.up), nil
}

// use runs f, which uses a connection, and closes the connection when ctx ends or its controller is silent and does not
// answer a probe either.
func (s *servers) use(ctx context.Context, c *conn, f func() error) error {
	c.reads.Store(0)
	defer context.AfterFunc(ctx, c.kill)()
	done := make(chan struct{})
	defer close(done)
	go s.watchSilence(c.to, done)
	return f()
}

func (s *servers) watchSilence(to *controller, done <-chan struct{}) {
	wait := time.NewTimer(silenceLimit)
	defer wait.Stop()
	for {
		select {
		case <-done:
			return
		case <-wait.C:
		}
		silence := to.silence()
		if silence >= silenceLimit {
			if !s.probe(to, probeLimit) {
				return
			}
			silence = 0
		}
		wait.Reset(silenceLimit - silence)
	}
}

// isNetwork reports whether an error is one of the connection and not the server's answer.
func isNetwork(err error) bool {
	return ldap.IsErrorWithCode(err, ldap.ErrorNetwork) || errors.Is(err, net.ErrClosed)
}

// enter takes a place, for leave to free. Errors: ctx.Err.
func enter(ctx context.Context, places chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func leave(places chan struct{}) { <-places }
