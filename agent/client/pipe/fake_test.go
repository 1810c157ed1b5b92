package pipe

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// testTimeout limits the wait for an event.
const testTimeout = 20 * time.Second

// fakeManager is a Manager without a gateway. A probe succeeds at once, and so does a login, unless the password is "wrong".
type fakeManager struct {
	session.Watchers
	mu       sync.Mutex
	status   client.Status
	extended []string
	changed  []session.Request
	stops    int
}

func (m *fakeManager) show(s client.Status) {
	m.mu.Lock()
	m.status = s
	m.mu.Unlock()
	m.Notify()
}

func (m *fakeManager) Status() client.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status.State == "" {
		return client.Status{State: session.Idle}
	}
	return m.status
}

func (m *fakeManager) Probe(w session.Request) {
	m.show(client.Status{State: session.Ready, Server: w.Gateway.String()})
}

func (m *fakeManager) Login(w session.Request) {
	if w.Password == "wrong" {
		m.show(client.Status{State: client.Failed, Code: "bad_credentials", Login: w.Login})
		return
	}
	m.show(client.Status{State: client.Authorized, Login: w.Login, Server: w.Gateway.String(), Address: "10.0.0.5"})
}

func (m *fakeManager) ChangePassword(w session.Request) {
	m.mu.Lock()
	m.changed = append(m.changed, w)
	m.mu.Unlock()
	m.Notify()
}

func (m *fakeManager) Extend(password string) {
	m.mu.Lock()
	m.extended = append(m.extended, password)
	m.mu.Unlock()
	m.Notify()
}

func (m *fakeManager) Logout() {
	if m.Status().Busy() {
		m.show(client.Status{State: client.Ended, Code: "logout"})
	}
}

func (m *fakeManager) StopProbing() {
	m.mu.Lock()
	m.stops++
	m.mu.Unlock()
	m.show(client.Status{State: session.Idle})
}

// manualClock is a clock whose timers a test fires.
type manualClock struct{ timers chan timer }

type timer struct {
	d       time.Duration
	fires   chan time.Time
	stopped chan struct{}
}

func (manualClock) Now() time.Time { return time.Now() }

func (c manualClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := timer{d, make(chan time.Time, 1), make(chan struct{})}
	c.timers <- t
	return t.fires, func() { close(t.stopped) }
}

// service is a server under test, with the log that it writes.
type service struct {
	*Server
	t       *testing.T
	manager Manager
	clock   manualClock
	choose  func() (settings.Gateway, error)

	mu  sync.Mutex
	log strings.Builder
}

func (s *service) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.WriteString(text + "\n")
}

func (s *service) logText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// identifiedConn is a connection with the caller that Identify returns for it.
type identifiedConn struct {
	net.Conn
	who Caller
}

func newService(t *testing.T, m Manager) *service {
	s := &service{t: t, manager: m, clock: manualClock{make(chan timer, 16)},
		choose: func() (settings.Gateway, error) { return settings.Gateway{Host: "gw.ru", Port: 14765}, nil }}
	s.Server = NewServer(ServerConfig{Manager: m, Log: s.write, Clock: s.clock,
		ChooseGateway: func() (settings.Gateway, error) { return s.choose() },
		Identify: func(c net.Conn) (Caller, error) {
			if c, ok := c.(identifiedConn); ok {
				return c.who, nil
			}
			return Caller{}, errors.New("no caller")
		}})
	t.Cleanup(s.Close)
	return s
}

// connect opens a connection of a caller.
func (s *service) connect(who Caller) net.Conn {
	window, service := net.Pipe()
	go s.ServeWindow(identifiedConn{service, who})
	return window
}

// nextTimer waits for the next timer, which must be of duration d.
func (s *service) nextTimer(d time.Duration) timer {
	s.t.Helper()
	select {
	case timer := <-s.clock.timers:
		if timer.d != d {
			s.t.Errorf("a timer of %v, want %v", timer.d, d)
		}
		return timer
	case <-time.After(testTimeout):
		s.t.Fatal("no timer was started")
		panic("not reached")
	}
}
