package session

import (
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/protocol"
)

// testTimeout limits the wait for an event.
const testTimeout = 20 * time.Second

// probeClock is a clock whose pauses between probes a test ends. Other timers are real.
type probeClock struct{ pauses chan pause }

type pause struct {
	d    time.Duration
	ends chan time.Time
}

func (probeClock) Now() time.Time { return time.Now() }

func (c probeClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	if d < firstProbe || d > lastProbe {
		return client.SystemClock.Timer(d)
	}
	p := pause{d, make(chan time.Time, 1)}
	select {
	case c.pauses <- p:
		return p.ends, func() {}
	default:
		return client.SystemClock.Timer(d)
	}
}

// testManager is a Manager under test.
type testManager struct {
	*Manager
	t       *testing.T
	changed <-chan struct{}
	g       *gatewaytest.Gateway
}

func newTestManager(t *testing.T, g *gatewaytest.Gateway, clock client.Clock) *testManager {
	m := New(Config{Device: agent.Device{ID: "d1", Name: "pc", OS: "windows"}, Roots: g.Root.Pool(), Clock: clock})
	changed, leave := m.Watch()
	t.Cleanup(leave)
	t.Cleanup(m.Close)
	return &testManager{m, t, changed, g}
}

func (s *testManager) request(password string) Request {
	return Request{Gateway: settings.Gateway{Host: s.g.Host, Port: s.g.Port}, Login: "ivanov", Password: password, Lang: locale.Russian}
}

// waitFor waits until the status has the state and the code.
func (s *testManager) waitFor(state client.State, code string) client.Status {
	s.t.Helper()
	deadline := time.After(testTimeout)
	for {
		now := s.Status()
		if now.State == state && now.Code == code {
			return now
		}
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("waited for %s %q, status %+v", state, code, now)
		}
	}
}

func TestProbeAndLogin(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0: // the probe
			c.AnswerVersion()
			if m := c.Read(); m != nil {
				t.Errorf("a probe sent %T", m)
			}
		case 1:
			c.Refuse("bad_credentials", "Нет.", 0)
			c.Wait()
		default:
			if m := c.Admit(""); m.Login != "ivanov" || m.Password != "right" {
				t.Errorf("authorize: %+v", m)
			}
			c.Send(protocol.Notice{Type: protocol.TypeNotice, Code: protocol.NoticeExpiring, Message: "Скоро."})
			if m := c.Authorize(); m == nil || m.Password != "right" {
				t.Errorf("extend: %+v", m)
			}
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials", Message: "Нет."})
			if m := c.Authorize(); m == nil || m.Password != "new" {
				t.Errorf("extend: %+v", m)
			}
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Expires: "2030-01-02T03:04:05Z"})
			c.Wait()
		}
	})
	s := newTestManager(t, g, nil)
	s.waitFor(Idle, "")
	s.Probe(s.request(""))
	if now := s.waitFor(Ready, ""); now.Message != "Шлюз на связи. Введите логин и пароль." || now.Busy() {
		t.Errorf("%+v", now)
	}
	s.Login(s.request("wrong"))
	if now := s.waitFor(client.Failed, "bad_credentials"); now.Message != "Нет." || now.Busy() {
		t.Errorf("%+v", now)
	}
	s.Login(s.request("right"))
	if now := s.waitFor(client.Authorized, ""); !now.HasAccess() || now.Login != "ivanov" || now.Mode != client.ModeLAN || now.Address != "127.0.0.1" {
		t.Errorf("%+v", now)
	}
	s.waitUntil("the notice", func(now client.Status) bool { _, ok := now.Notice(client.NoticeExpiring); return ok })
	s.Probe(s.request("")) // has no effect during access
	s.Extend("")
	s.waitUntil("a refusal", func(now client.Status) bool { return now.ExtensionNeedsPassword() && now.HasAccess() })
	s.Extend("new")
	s.waitUntil("the extension", func(now client.Status) bool { return now.Expires == "2030-01-02T03:04:05Z" && len(now.Notices) == 0 })
	s.Logout()
	s.waitFor(client.Ended, "logout")
	if n := g.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// The warning before the end of the session stays after a reconnect, because the gateway does not repeat it. The end
// removes it.
func TestReconnectKeepsWarning(t *testing.T) {
	warned := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		c.Authorize()
		state := protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Expires: "2030-01-02T03:04:05Z", Resume: "r"}
		c.Send(state)
		if n == 0 {
			c.Send(protocol.Notice{Type: protocol.TypeNotice, Code: protocol.NoticeExpiring, Message: "Скоро."})
			<-warned
			c.Drop()
			return
		}
		c.Wait()
	})
	s := newTestManager(t, g, nil)
	has := func(now client.Status) bool { _, ok := now.Notice(client.NoticeExpiring); return ok }
	s.Login(s.request("right"))
	s.waitUntil("the warning", has)
	close(warned)
	if now := s.waitFor(client.Reconnecting, "lost"); !has(now) {
		t.Errorf("%+v", now)
	}
	if now := s.waitFor(client.Authorized, ""); !has(now) {
		t.Errorf("%+v", now)
	}
	s.Logout()
	if now := s.waitFor(client.Ended, "logout"); has(now) {
		t.Errorf("%+v", now)
	}
}

func (s *testManager) waitUntil(what string, is func(client.Status) bool) {
	s.t.Helper()
	deadline := time.After(testTimeout)
	for !is(s.Status()) {
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("%s: there is %+v", what, s.Status())
		}
	}
}

// The manager probes again after a pause, or at once when the network changes.
func TestProbeAgain(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n < 3 {
			c.Drop()
			return
		}
		c.AnswerVersion()
	})
	clock := probeClock{make(chan pause, 16)}
	s := newTestManager(t, g, clock)
	s.Probe(s.request(""))
	for i, want := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		p := clock.next(t, want)
		if now := s.waitFor(client.Failed, "unreachable"); !strings.Contains(now.Message, g.Host) {
			t.Errorf("%+v", now)
		}
		if i < 2 {
			p.ends <- time.Now()
		}
	}
	s.NetworkChanged()
	s.waitFor(Ready, "")
}

// next returns the next pause of a duration. It skips others.
func (c probeClock) next(t *testing.T, want time.Duration) pause {
	t.Helper()
	for {
		select {
		case p := <-c.pauses:
			if p.d == want {
				return p
			}
		case <-time.After(testTimeout):
			t.Fatalf("no pause of %v", want)
		}
	}
}

// After StopProbing neither a pause nor a change of the network starts a probe.
func TestStopProbing(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Drop() })
	clock := probeClock{make(chan pause, 16)}
	s := newTestManager(t, g, clock)
	s.Probe(s.request(""))
	p := clock.next(t, firstProbe)
	s.StopProbing()
	s.waitFor(Idle, "")
	p.ends <- time.Now()
	s.NetworkChanged()
	s.waitFor(Idle, "")
	if n := g.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// After a successful probe, too, StopProbing prevents more.
func TestStopProbingWhenReady(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	s := newTestManager(t, g, nil)
	s.Probe(s.request(""))
	s.waitFor(Ready, "")
	s.StopProbing()
	s.NetworkChanged()
	s.waitFor(Idle, "")
	if n := g.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A login replaces the session before and logs it out at the gateway.
func TestLoginReplacesSession(t *testing.T) {
	loggedOut := make(chan bool, 1)
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		m := c.Admit("")
		if n == 0 {
			loggedOut <- c.ConfirmLogout()
			return
		}
		if m.Login != "petrov" {
			t.Errorf("authorize: %+v", m)
		}
		c.Wait()
	})
	s := newTestManager(t, g, nil)
	s.Login(s.request("x"))
	s.waitFor(client.Authorized, "")
	r := s.request("y")
	r.Login = "petrov"
	s.Login(r)
	s.waitUntil("the other one", func(now client.Status) bool { return now.HasAccess() && now.Login == "petrov" })
	if !<-loggedOut {
		t.Error("the first session was not logged out")
	}
	s.Close()
	if now := s.Status(); now.State != client.Ended || now.Code != "logout" {
		t.Errorf("closed: %+v", now)
	}
	s.Login(r) // has no effect
	s.Close()
}

// A login that waits for the last job to end is busy at once. It can be cancelled.
func TestLoginWaits(t *testing.T) {
	probed, release := make(chan struct{}, 2), make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		probed <- struct{}{}
		<-release
		c.Drop()
	})
	for _, end := range []func(*testManager){
		func(s *testManager) { s.Logout() },
		func(s *testManager) { go s.Close(); s.waitFor(client.Ended, "logout") },
	} {
		s := newTestManager(t, g, nil)
		s.Probe(s.request(""))
		<-probed
		s.call(func() { s.job.stop = func() {} }) // it is slow to end
		s.Login(s.request("x"))
		if now := s.Status(); !now.Busy() || now.Login != "ivanov" {
			t.Errorf("%+v", now)
		}
		s.Probe(s.request(""))
		s.StopProbing()
		if now := s.Status(); !now.Busy() {
			t.Errorf("another window: %+v", now)
		}
		end(s)
		select {
		case release <- struct{}{}:
		case <-time.After(testTimeout):
			t.Fatal("the probe has ended")
		}
		s.waitFor(client.Ended, "logout")
	}
}

// The end of a session stays in the status, also after StopProbing and Logout.
func TestEndStays(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.End("admin", ""); c.Wait() })
	s := newTestManager(t, g, nil)
	s.Login(s.request("x"))
	now := s.waitFor(client.Ended, "admin")
	if now.Message != "Администратор завершил вашу сессию." || now.HasAccess() || now.Busy() {
		t.Errorf("%+v", now)
	}
	s.NetworkChanged()
	s.StopProbing()
	s.Logout()
	s.waitFor(client.Ended, "admin")
}

// Outside the local network the message is Config.NoTunnel when there is no tunnel.
func TestNoTunnel(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		c.Authorize()
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true})
		c.Wait()
	})
	s := &testManager{New(Config{Roots: g.Root.Pool(), NoTunnel: locale.NoTunnelPortable}), t, nil, g}
	s.changed, _ = s.Watch()
	defer s.Close()
	s.Login(s.request("x"))
	if now := s.waitFor(client.Failed, "vpn_unavailable"); !strings.Contains(now.Message, "установлен") {
		t.Errorf("%+v", now)
	}
}
