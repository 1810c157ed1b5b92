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

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// memory is a Manager without a gateway: a probe is answered at once, and every password but "wrong" is right.
type memory struct {
	session.Watchers
	mu       sync.Mutex
	status   client.Status
	extended []string
	rests    int
}

func (m *memory) show(s client.Status) {
	m.mu.Lock()
	m.status = s
	m.mu.Unlock()
	m.Notify()
}

func (m *memory) Status() client.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

func (m *memory) Probe(w session.Request) {
	m.show(client.Status{State: session.Ready, Server: w.Gateway.String()})
}

func (m *memory) Login(w session.Request) {
	if w.Password == "wrong" {
		m.show(client.Status{State: client.Failed, Code: "bad_credentials", Login: w.Login})
		return
	}
	m.show(client.Status{State: client.Authorized, Login: w.Login, Server: w.Gateway.String(), Address: "10.0.0.5"})
}

func (m *memory) Extend(password string) {
	m.mu.Lock()
	m.extended = append(m.extended, password)
	m.mu.Unlock()
	m.Notify()
}

func (m *memory) Logout() {
	if m.Status().Busy() {
		m.show(client.Status{State: client.Ended, Code: "logout"})
	}
}

func (m *memory) StopProbing() {
	m.mu.Lock()
	m.rests++
	m.mu.Unlock()
	m.show(client.Status{State: session.Idle})
}

// hands is a clock that goes on by hand.
type hands struct{ timers chan timer }

type timer struct {
	d    time.Duration
	ends chan time.Time
	gone chan struct{}
}

func (hands) Now() time.Time { return time.Now() }

func (h hands) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := timer{d, make(chan time.Time, 1), make(chan struct{})}
	h.timers <- t
	return t.ends, func() { close(t.gone) }
}

// service is a server under test, with the log that it writes.
type service struct {
	*Server
	t       *testing.T
	manager Manager
	clock   hands
	choose  func() (settings.Gateway, error)

	mu  sync.Mutex
	log strings.Builder
}

func (s *service) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.WriteString(text + "\n")
}

func (s *service) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// known is a connection whose caller a test made up.
type known struct {
	net.Conn
	who Caller
}

func newService(t *testing.T, m Manager) *service {
	s := &service{t: t, manager: m, clock: hands{make(chan timer, 16)},
		choose: func() (settings.Gateway, error) { return settings.Gateway{Host: "gw.ru", Port: 14765}, nil }}
	s.Server = NewServer(ServerConfig{Manager: m, Log: s.write, Clock: s.clock,
		Choose: func() (settings.Gateway, error) { return s.choose() },
		Identify: func(c net.Conn) (Caller, error) {
			if c, ok := c.(known); ok {
				return c.who, nil
			}
			return Caller{}, errors.New("a stranger")
		}})
	t.Cleanup(s.Close)
	return s
}

// connect is a new connection of somebody.
func (s *service) connect(who Caller) net.Conn {
	here, there := net.Pipe()
	go s.ServeWindow(known{there, who})
	return here
}

// next is the next timer that somebody waits for.
func (s *service) next(d time.Duration) timer {
	s.t.Helper()
	select {
	case timer := <-s.clock.timers:
		if timer.d != d {
			s.t.Errorf("a timer of %v, want %v", timer.d, d)
		}
		return timer
	case <-time.After(patience):
		s.t.Fatal("nobody waits")
		panic("not reached")
	}
}
