package pipe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// ErrUntrusted means that another program than the service serves the pipe.
var ErrUntrusted = errors.New("another program serves the pipe")

// errSilent means that the service did not answer in time. In Wine this happens to the first connection to a pipe.
var errSilent = errors.New("the service does not answer")

const (
	dialTimeout   = 3 * time.Second
	answerTimeout = 2 * time.Second // until the first status
	firstDelay    = 250 * time.Millisecond
	lastDelay     = 3 * time.Second
	maxQueued     = 16 // requests
)

// RemoteConfig says how a window connects to the service. All fields but Lang may be zero.
type RemoteConfig struct {
	Lang  locale.Lang
	Log   func(text string) // diagnostics; called from any goroutine, text holds no secret
	Dial  func(context.Context) (net.Conn, error)
	Clock client.Clock
	// Tickets are the window's person's; nil = LoginSSO does nothing.
	Tickets client.Tickets
}

// Remote is a session.Session in the service. Without a connection it keeps reconnecting, forgets the last status and
// shows why there is no connection.
type Remote struct {
	session.Watchers
	cfg  RemoteConfig
	stop context.CancelFunc
	ctx  context.Context // for dialing and waiting; cancelled by Close
	done chan struct{}

	mu       sync.Mutex     // guards the fields below
	status   session.Status // the last one from the service
	refusal  *session.Problem
	failures int // consecutive
	probing  bool
	queue    []request
	wake     chan struct{} // holds one when queue or closing has changed
	closing  bool
}

var _ session.Session = (*Remote)(nil)

// NewRemote starts connecting to the service.
func NewRemote(cfg RemoteConfig) *Remote {
	if cfg.Dial == nil {
		cfg.Dial = Dial
	}
	if cfg.Clock == nil {
		cfg.Clock = client.SystemClock
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	r := &Remote{cfg: cfg, done: make(chan struct{}), wake: make(chan struct{}, 1), status: idleStatus()}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.run()
	return r
}

func idleStatus() session.Status {
	return session.Status{Status: client.Status{State: session.Idle}, Holder: session.Nobody}
}

// Probe implements session.Session. It is sent again after every reconnect.
func (r *Remote) Probe() { r.enqueue(request{Type: typeProbe}) }

func (r *Remote) StopProbing() { r.enqueue(request{Type: typeStopProbing}) }

// Login implements session.Session. It is sent when the service is connected.
func (r *Remote) Login(login, password string) {
	r.enqueue(request{Type: typeLogin, Login: login, Password: password})
}

// LoginSSO implements session.Session. The service asks this window for the tokens.
func (r *Remote) LoginSSO() {
	if r.cfg.Tickets != nil {
		r.enqueue(request{Type: typeLoginSSO, Login: r.cfg.Tickets.Person()})
	}
}

// ChangePassword implements session.Session. It is sent only when a service that can do it is connected: another one would
// ignore it.
func (r *Remote) ChangePassword(login, password, newPassword string) {
	r.mu.Lock()
	can := r.status.ChangesPasswords
	if !can && r.status.Problem == nil {
		r.refusal = &session.Problem{Code: session.OldService, Message: locale.Text(r.cfg.Lang, locale.ServiceTooOld)}
	}
	r.mu.Unlock()
	if !can {
		r.Notify()
		return
	}
	r.enqueue(request{Type: typeChange, Login: login, Password: password, NewPassword: newPassword})
}

func (r *Remote) Extend(password string) { r.enqueue(request{Type: typeExtend, Password: password}) }

func (r *Remote) Logout() { r.enqueue(request{Type: typeLogout}) }

func (r *Remote) End() { r.enqueue(request{Type: typeEnd}) }

func (r *Remote) enqueue(q request) {
	r.mu.Lock()
	if q.Type != typeStopProbing {
		r.refusal = nil
	}
	switch q.Type {
	case typeLogin, typeLoginSSO, typeChange, typeLogout:
		r.queue = withoutLogins(r.queue) // replaced by the new request
	case typeProbe, typeStopProbing: // otherwise they would fill the queue while there is no service
		r.probing = q.Type == typeProbe
		r.queue = without(without(r.queue, typeProbe), typeStopProbing)
	}
	if len(r.queue) < maxQueued {
		r.queue = append(r.queue, q)
	}
	r.mu.Unlock()
	r.signalWake()
	r.Notify()
}

// withoutLogins returns the requests of the list that do not log in.
func withoutLogins(list []request) []request {
	return without(without(without(list, typeLogin), typeLoginSSO), typeChange)
}

func without(list []request, kind string) []request {
	var rest []request
	for _, q := range list {
		if q.Type != kind {
			rest = append(rest, q)
		}
	}
	return rest
}

func (r *Remote) signalWake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Remote) Status() session.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	if r.refusal != nil {
		s.Problem = r.refusal
	}
	return s
}

// Close implements session.Session. It sends logout before it closes the connection.
func (r *Remote) Close() {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		r.queue = append(withoutLogins(r.queue), request{Type: typeLogout})
	}
	r.mu.Unlock()
	r.signalWake()
	r.stop()
	<-r.done
}

func (r *Remote) run() {
	defer close(r.done)
	for delay := firstDelay; ; {
		answered, err := r.runConnection()
		if r.ctx.Err() != nil {
			return
		}
		r.failed(answered, err)
		if answered {
			delay = firstDelay
		}
		over, stop := r.cfg.Clock.Timer(delay)
		select {
		case <-over:
		case <-r.ctx.Done():
			stop()
			return
		}
		if delay *= 2; delay > lastDelay {
			delay = lastDelay
		}
	}
}

// failed shows why there is no service. A single failed attempt to connect is not shown.
func (r *Remote) failed(answered bool, err error) {
	r.cfg.Log("service: " + agent.Clean(err.Error(), maxLogged))
	code, key := session.ServiceStopped, locale.ServiceStopped
	if errors.Is(err, ErrUntrusted) {
		code, key = session.ServiceUntrusted, locale.ServiceUntrusted
	}
	r.mu.Lock()
	if r.failures++; answered || r.failures > 1 {
		r.status, r.refusal = idleStatus(), nil
		r.status.Problem = &session.Problem{Code: code, Message: locale.Text(r.cfg.Lang, key)}
	}
	r.mu.Unlock()
	r.Notify()
}

// runConnection runs one connection until it ends and reports whether the service has answered.
func (r *Remote) runConnection() (answered bool, err error) {
	ctx, stop := context.WithTimeout(r.ctx, dialTimeout)
	defer stop()
	conn, err := r.cfg.Dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	in := newLineReader(conn, maxAnswer)
	first, err := sendHello(r.ctx, conn, in, request{Lang: string(r.cfg.Lang), Tickets: r.cfg.Tickets != nil})
	if err != nil {
		return false, err
	}
	r.connected(first)
	ended, sent := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		defer conn.Close()
		r.send(conn, ended)
	}()
	connected, disconnected := context.WithCancel(r.ctx)
	err = r.read(connected, in)
	disconnected()
	close(ended)
	conn.Close()
	<-sent
	r.mu.Lock()
	r.queue = nil // its requests were for the connection that has ended
	r.mu.Unlock()
	return true, err
}

// sendHello sends hello, of which the caller sets what it needs, and reads the first status.
func sendHello(ctx context.Context, conn net.Conn, in lineReader, hello request) (answer, error) {
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-ctx.Done():
			conn.Close()
		case <-over:
		}
	}()
	var a answer
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return a, err
	}
	hello.Type, hello.Version = typeHello, agent.Version
	if _, err := conn.Write(encodeLine(hello)); err != nil {
		return a, err
	}
	for a.Type != typeStatus {
		a = answer{}
		switch err := in.next(&a); {
		case isTimeout(err):
			return a, errSilent
		case err != nil:
			return a, err
		}
	}
	return a, conn.SetDeadline(time.Time{})
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// connected handles the first status. A probe, if needed, becomes the first request.
func (r *Remote) connected(a answer) {
	r.mu.Lock()
	r.failures = 0
	r.status = a.Status
	r.queue = without(r.queue, typeProbe)
	if !a.ChangesPasswords { // the service has been replaced by an older one
		r.queue = without(r.queue, typeChange)
	}
	if r.probing {
		r.queue = append([]request{{Type: typeProbe}}, r.queue...)
	}
	r.mu.Unlock()
	r.Notify()
}

// read handles the service's messages until the connection ends. ctx is cancelled then.
func (r *Remote) read(ctx context.Context, in lineReader) error {
	for {
		var a answer
		if err := in.next(&a); err != nil {
			return err
		}
		r.mu.Lock()
		switch a.Type {
		case typeStatus:
			if a.Holder != r.status.Holder {
				r.refusal = nil // probably obsolete
			}
			r.status = a.Status
		case typeRefused:
			r.refusal = &session.Problem{Code: a.Code, Message: a.Message}
		case typeTicket:
			go r.answerTicket(ctx, a)
		}
		r.mu.Unlock()
		r.Notify()
	}
}

// send writes requests until the connection ends or Close was called.
func (r *Remote) send(conn net.Conn, ended <-chan struct{}) {
	for {
		r.mu.Lock()
		waiting, closing := r.queue, r.closing
		r.queue = nil
		r.mu.Unlock()
		for _, q := range waiting {
			if conn.SetWriteDeadline(time.Now().Add(answerTimeout)) != nil {
				return
			}
			if _, err := conn.Write(encodeLine(q)); err != nil {
				return
			}
		}
		if closing && len(waiting) == 0 {
			return
		}
		select {
		case <-r.wake:
		case <-ended:
			return
		case <-r.ctx.Done():
			if closing {
				return
			}
		}
	}
}
