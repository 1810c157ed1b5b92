package session

import (
	"context"
	"crypto/x509"
	"net"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Config configures a Manager. All fields but Device may be zero.
type Config struct {
	Device agent.Device
	Tunnel client.Tunnel     // nil = sessions in the local network only
	Roots  *x509.CertPool    // see client.Config
	Trust  *client.TrustFile // see client.Config
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Log    func(text string) // diagnostics; called from any goroutine, text holds no secret
	Clock  client.Clock
	// Tickets are those of the window's person, for Local; nil = LoginSSO does nothing.
	Tickets client.Tickets

	// NoTunnel is the locale key of the text that explains why there is no Tunnel; empty = the usual one.
	NoTunnel string
}

// Request is a request to probe a gateway or to log in.
type Request struct {
	Gateway  settings.Gateway
	Login    string
	Password string
	Tickets  client.Tickets // log in with them instead of the password; nil = the password
	Lang     locale.Lang
	// NewPassword is what ChangePassword puts in the place of Password.
	NewPassword string
}

// Manager keeps the access of one person at a time:
//
//	          Probe              the gateway answers            Login
//	idle ────────────▶ connecting ──────────────▶ ready ─────────────────▶ connecting ─▶ authorized, tunnel ⇄ reconnecting
//	                    │      ▲                                                │                  │
//	                    ▼      │ after a pause, or at once after a change       ▼                  ▼
//	                   error ──┘                                              error       ended, error
//
// The end of a session or a refused login stays in the status until the next request. A Login cancels the running
// job, if any, and replaces it. A Logout cancels it and leaves the state ended.
//
// All methods are safe for concurrent use. Only Close waits for the gateway.
type Manager struct {
	Watchers // of the status
	cfg      Config
	calls    chan func()
	quit     chan struct{} // closed by Close
	once     sync.Once     // for Close
	done     chan struct{} // closed when run has returned

	mu     sync.Mutex // guards status
	status client.Status

	// The rest is for the goroutine of run only.
	request    Request
	job        *job             // nil = none runs
	afterJob   func()           // called when the job has ended; nil = nothing
	loginWaits bool             // afterJob is a login
	retry      <-chan time.Time // fires when to probe again; nil = no probe is due
	delay      time.Duration    // the last delay before a probe
	stopRetry  func()
}

// New starts a Manager. Close ends it.
func New(cfg Config) *Manager {
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	if cfg.Clock == nil {
		cfg.Clock = client.SystemClock
	}
	m := &Manager{cfg: cfg, calls: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}),
		status: client.Status{State: Idle}}
	go m.run()
	return m
}

// Probe probes the gateway until it answers. It does nothing while there is access.
func (m *Manager) Probe(r Request) {
	m.call(func() {
		if !m.hasLogin() {
			m.replace(func() { m.probe(r) })
		}
	})
}

// hasLogin reports whether a login is running or waiting, or there is access.
func (m *Manager) hasLogin() bool { return m.loginWaits || m.job != nil && m.job.login }

// Login logs in, in place of the running job. When it returns, the Status is Busy.
func (m *Manager) Login(r Request) {
	r.NewPassword = ""
	m.call(func() { m.replaceByLogin(r) })
}

func (m *Manager) replaceByLogin(r Request) {
	m.show(connecting(r))
	m.replace(func() { m.login(r) })
	m.loginWaits = m.afterJob != nil
}

// ChangePassword changes the password. With access it uses the connection of the session, which goes on. Otherwise it changes
// the password and then logs in like Login.
func (m *Manager) ChangePassword(r Request) {
	m.call(func() {
		if m.hasAccess() {
			m.job.requestChange(client.PasswordChange{Password: r.Password, NewPassword: r.NewPassword})
			return
		}
		m.replaceByLogin(r)
	})
}

// hasAccess reports whether there is access or a reconnect, and no login waits.
func (m *Manager) hasAccess() bool {
	s := m.Status()
	return !m.loginWaits && m.job != nil && m.job.login && (s.HasAccess() || s.State == client.Reconnecting)
}

// Logout ends the access, or the attempt to get it.
func (m *Manager) Logout() {
	m.call(func() {
		switch lang := m.request.Lang; {
		case m.loginWaits: // the result of the job that is ending is not shown
			m.loginWaits = false
			m.afterJob = func() { m.show(loggedOut(lang)) }
		case m.hasLogin():
			m.afterJob = nil
			m.job.stop()
		}
	})
}

// StopProbing stops probing. Access continues.
func (m *Manager) StopProbing() {
	m.call(func() {
		if !m.hasLogin() && (m.job != nil || m.retry != nil || m.Status().State == Ready) { // in these cases NetworkChanged would probe
			m.replace(func() { m.show(client.Status{State: Idle}) })
		}
	})
}

// Extend asks for a longer session; when password is empty, with the password or the tickets of the login.
func (m *Manager) Extend(password string) {
	m.call(func() {
		if m.job != nil && m.job.login {
			m.job.requestExtension(password)
		}
	})
}

// NetworkChanged is called when the network has changed or the computer woke from sleep.
func (m *Manager) NetworkChanged() {
	m.call(func() {
		switch {
		case m.job != nil:
			m.job.signalNetworkChanged()
		case m.retry != nil, m.Status().State == Ready: // Ready may be out of date
			m.probe(m.request)
		}
	})
}

// Close logs out and stops the Manager. It may be called again.
func (m *Manager) Close() {
	m.once.Do(func() { close(m.quit) })
	<-m.done
}

// Status returns the current status.
func (m *Manager) Status() client.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

func (m *Manager) show(s client.Status) {
	m.mu.Lock()
	if s.PasswordChanges < m.status.PasswordChanges {
		s.PasswordChanges = m.status.PasswordChanges // a count of this Manager, not of one Run
	}
	m.status = s
	m.mu.Unlock()
	m.Notify()
}

// call runs f in the goroutine of run.
func (m *Manager) call(f func()) {
	returned := make(chan struct{})
	select {
	case m.calls <- func() { defer close(returned); f() }:
		<-returned
	case <-m.done:
	}
}

func (m *Manager) run() {
	defer close(m.done)
	quit, calls := m.quit, m.calls
	for quit != nil || m.job != nil {
		var statuses <-chan client.Status
		var result <-chan client.Result
		if m.job != nil {
			statuses, result = m.job.statuses, m.job.result
		}
		select {
		case f := <-calls:
			f()
		case s := <-statuses:
			m.update(s)
		case r := <-result:
			m.finish(r)
		case <-m.retry:
			m.probe(m.request)
		case <-quit:
			quit, calls, m.afterJob = nil, nil, nil
			m.cancelRetry()
			if m.loginWaits {
				m.loginWaits = false
				m.show(loggedOut(m.request.Lang))
				m.afterJob = func() {} // the result of the job that is ending is not shown
			}
			if m.job != nil {
				m.job.stop()
			}
		}
	}
}

// update shows a status of the job, unless a login is replacing the job. From a probe it takes only the notices.
func (m *Manager) update(s client.Status) {
	if m.loginWaits {
		return
	}
	if !m.job.login {
		notices := s.Notices
		s = m.Status()
		s.Notices = notices
	}
	m.show(s)
}

// replace cancels the running job and calls f when it has ended.
func (m *Manager) replace(f func()) {
	m.cancelRetry()
	if m.job == nil {
		f()
		return
	}
	m.afterJob = f
	m.job.stop()
}

func (m *Manager) cancelRetry() {
	if m.retry != nil {
		m.stopRetry()
		m.retry = nil
	}
	m.delay = 0
}

func (m *Manager) config(r Request) client.Config {
	return client.Config{Host: r.Gateway.Host, Port: r.Gateway.Port, Pins: r.Gateway.Pins(), Trust: m.cfg.Trust, Login: r.Login, Password: r.Password, Tickets: r.Tickets,
		NewPassword: r.NewPassword, PasswordChanges: m.Status().PasswordChanges,
		Device: m.cfg.Device, Roots: m.cfg.Roots, Lang: r.Lang, Tunnel: m.cfg.Tunnel, NoTunnel: m.cfg.NoTunnel, Log: m.cfg.Log,
		Dial: m.cfg.Dial, Clock: m.cfg.Clock}
}

// The delay before the next probe starts at firstProbe and doubles up to lastProbe.
const (
	firstProbe = 2 * time.Second
	lastProbe  = 30 * time.Second
)

func (m *Manager) probe(r Request) {
	m.retry = nil
	m.request = Request{Gateway: r.Gateway, Lang: r.Lang}
	if s := m.Status(); s.State != client.Failed || s.Server != r.Gateway.String() {
		m.show(connecting(m.request))
	}
	m.job = start(false, m.config(m.request), client.Probe)
}

func (m *Manager) login(r Request) {
	m.request = Request{Gateway: r.Gateway, Lang: r.Lang} // without password and tickets, which only the job keeps
	m.show(connecting(r))
	m.job = start(true, m.config(r), client.Run)
}

// finish handles the result of the job.
func (m *Manager) finish(r client.Result) {
	probed := !m.job.login
	m.job = nil
	if m.afterJob != nil {
		f := m.afterJob
		m.afterJob, m.loginWaits = nil, false
		f()
		return
	}
	if !probed {
		return // its last status is already shown
	}
	if r.Err != nil {
		m.cfg.Log(r.Err.Error())
	}
	s := m.Status()
	s.Code, s.Message = r.Code, r.Message
	switch r.Outcome {
	case client.StoppedByUser:
		s = client.Status{State: Idle}
	case client.Answered:
		s.State, s.Code, s.SSO = Ready, "", r.SSO
		m.delay = 0
	default:
		s.State = client.Failed
		m.retry, m.stopRetry = m.cfg.Clock.Timer(m.nextDelay())
	}
	m.show(s)
}

func (m *Manager) nextDelay() time.Duration {
	switch {
	case m.delay == 0:
		m.delay = firstProbe
	case m.delay < lastProbe/2:
		m.delay *= 2
	default:
		m.delay = lastProbe
	}
	return m.delay
}

// connecting returns the status of a probe or login that has just begun or waits for the last job to end.
func connecting(r Request) client.Status {
	return client.Status{State: client.Connecting, Server: r.Gateway.String(), Login: r.Login, BySSO: r.Tickets != nil,
		Message: locale.Text(r.Lang, locale.Connecting, "server", r.Gateway.String())}
}

// loggedOut returns the status after a login that was cancelled before it began.
func loggedOut(lang locale.Lang) client.Status {
	return client.Status{State: client.Ended, Code: string(agent.ReasonLogout), Message: locale.Text(lang, locale.Reason(agent.ReasonLogout))}
}
