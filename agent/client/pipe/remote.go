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

// ErrUntrusted says that what answers is not the service.
var ErrUntrusted = errors.New("what answers is not the service")

// errSilent says that nobody serves the connection, as happens to the first one of a pipe in Wine.
var errSilent = errors.New("the service does not answer")

const (
	dialPatience   = 3 * time.Second
	answerPatience = 2 * time.Second // until the first status
	firstDelay     = 250 * time.Millisecond
	lastDelay      = 3 * time.Second
	maxWaiting     = 16 // requests
)

// RemoteConfig says how a window gets to the service. All fields but Lang may be zero.
type RemoteConfig struct {
	Lang  locale.Lang
	Log   func(text string) // told what helps to find a fault, from any goroutine; never holds a secret
	Dial  func(context.Context) (net.Conn, error)
	Clock client.Clock
}

// Remote is a window's session in the service. While there is no connection it looks for one again and again, and its
// Status says why there is none; what was known of the access is forgotten then.
type Remote struct {
	session.Watchers
	cfg  RemoteConfig
	stop context.CancelFunc
	ctx  context.Context // of dialling and waiting; ends with Close
	done chan struct{}

	mu       sync.Mutex     // guards the fields below
	status   session.Status // as the service told it
	refused  *session.Problem
	failures int // in a row
	probing  bool
	waiting  []request
	wake     chan struct{} // holds one; there is something waiting, or the end
	closing  bool
}

var _ session.Session = (*Remote)(nil)

// NewRemote starts a session in the service.
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
	r := &Remote{cfg: cfg, done: make(chan struct{}), wake: make(chan struct{}, 1), status: nothing()}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go r.run()
	return r
}

func nothing() session.Status {
	return session.Status{Status: client.Status{State: session.Resting}, Control: session.Free}
}

// Probe is Session's. It is sent again after every new connection.
func (r *Remote) Probe() {
	r.mu.Lock()
	r.probing = true
	r.mu.Unlock()
	r.ask(request{Type: typeProbe})
}

// Rest is Session's.
func (r *Remote) Rest() {
	r.mu.Lock()
	r.probing = false
	r.mu.Unlock()
	r.ask(request{Type: typeRest})
}

// Login is Session's. It waits for the service when that is only starting.
func (r *Remote) Login(login, password string) {
	r.ask(request{Type: typeLogin, Login: login, Password: password})
}

// Extend is Session's.
func (r *Remote) Extend(password string) { r.ask(request{Type: typeExtend, Password: password}) }

// Logout is Session's.
func (r *Remote) Logout() { r.ask(request{Type: typeLogout}) }

// End is Session's.
func (r *Remote) End() { r.ask(request{Type: typeEnd}) }

func (r *Remote) ask(q request) {
	r.mu.Lock()
	if q.Type != typeRest {
		r.refused = nil
	}
	switch q.Type {
	case typeLogin, typeLogout:
		r.waiting = without(r.waiting, typeLogin) // which the new request takes the place of
	case typeProbe, typeRest: // or they would leave no room for a login while there is no service
		r.waiting = without(without(r.waiting, typeProbe), typeRest)
	}
	if len(r.waiting) < maxWaiting {
		r.waiting = append(r.waiting, q)
	}
	r.mu.Unlock()
	r.rouse()
	r.Notify()
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

func (r *Remote) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Status is Session's.
func (r *Remote) Status() session.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	if r.refused != nil {
		s.Problem = r.refused
	}
	return s
}

// Close is Session's. The service hears of the logout before the connection ends.
func (r *Remote) Close() {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		r.waiting = append(without(r.waiting, typeLogin), request{Type: typeLogout})
	}
	r.mu.Unlock()
	r.rouse()
	r.stop()
	<-r.done
}

func (r *Remote) run() {
	defer close(r.done)
	for delay := firstDelay; ; {
		known, err := r.once()
		if r.ctx.Err() != nil {
			return
		}
		r.failed(known, err)
		if known {
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

// failed shows why there is no service. The first failure may be a coincidence, unless something was there before it.
func (r *Remote) failed(known bool, err error) {
	r.cfg.Log("service: " + agent.Clean(err.Error(), maxLogged))
	code, key := session.ServiceStopped, locale.ServiceStopped
	if errors.Is(err, ErrUntrusted) {
		code, key = session.ServiceUntrusted, locale.ServiceUntrusted
	}
	r.mu.Lock()
	if r.failures++; known || r.failures > 1 {
		r.status, r.refused = nothing(), nil
		r.status.Problem = &session.Problem{Code: code, Message: locale.Text(r.cfg.Lang, key)}
	}
	r.mu.Unlock()
	r.Notify()
}

// once is one connection. known tells whether the service answered.
func (r *Remote) once() (known bool, err error) {
	ctx, stop := context.WithTimeout(r.ctx, dialPatience)
	defer stop()
	conn, err := r.cfg.Dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	in := newLines(conn, maxAnswer)
	first, err := greet(r.ctx, conn, in, r.cfg.Lang)
	if err != nil {
		return false, err
	}
	r.begins(first)
	gone, asked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(asked)
		defer conn.Close()
		r.send(conn, gone)
	}()
	err = r.read(in)
	close(gone)
	conn.Close()
	<-asked
	r.mu.Lock()
	r.waiting = nil // meant for a service that has gone
	r.mu.Unlock()
	return true, err
}

// greet says hello and reads the first status. It does not outlast ctx.
func greet(ctx context.Context, conn net.Conn, in lines, lang locale.Lang) (answer, error) {
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
	if err := conn.SetDeadline(time.Now().Add(answerPatience)); err != nil {
		return a, err
	}
	if _, err := conn.Write(line(request{Type: typeHello, Version: agent.Version, Lang: string(lang)})); err != nil {
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

// begins is when the service has answered. What the window wants to know is asked first.
func (r *Remote) begins(a answer) {
	r.mu.Lock()
	r.failures = 0
	r.status = a.Status
	r.waiting = without(r.waiting, typeProbe)
	if r.probing {
		r.waiting = append([]request{{Type: typeProbe}}, r.waiting...)
	}
	r.mu.Unlock()
	r.Notify()
}

// read takes in what the service says.
func (r *Remote) read(in lines) error {
	for {
		var a answer
		if err := in.next(&a); err != nil {
			return err
		}
		r.mu.Lock()
		switch a.Type {
		case typeStatus:
			if a.Control != r.status.Control {
				r.refused = nil // the reason may be over
			}
			r.status = a.Status
		case typeRefused:
			r.refused = &session.Problem{Code: a.Code, Message: a.Message}
		}
		r.mu.Unlock()
		r.Notify()
	}
}

// send says what is asked for, to the end.
func (r *Remote) send(conn net.Conn, gone <-chan struct{}) {
	for {
		r.mu.Lock()
		waiting, closing := r.waiting, r.closing
		r.waiting = nil
		r.mu.Unlock()
		for _, q := range waiting {
			if conn.SetWriteDeadline(time.Now().Add(answerPatience)) != nil {
				return
			}
			if _, err := conn.Write(line(q)); err != nil {
				return
			}
		}
		if closing && len(waiting) == 0 {
			return
		}
		select {
		case <-r.wake:
		case <-gone:
			return
		case <-r.ctx.Done():
			if closing {
				return
			}
		}
	}
}
