package pipe

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// testWindow is a window's session under test.
type testWindow struct {
	*Remote
	t       *testing.T
	changed <-chan struct{}
	log     func() string
}

func (s *service) open(who Caller) *testWindow {
	return newWindow(s.t, s.logText, RemoteConfig{Lang: locale.English,
		Dial: func(context.Context) (net.Conn, error) { return s.connect(who), nil }})
}

func newWindow(t *testing.T, log func() string, cfg RemoteConfig) *testWindow {
	r := NewRemote(cfg)
	changed, leave := r.Watch()
	t.Cleanup(leave)
	t.Cleanup(r.Close)
	return &testWindow{r, t, changed, log}
}

func (w *testWindow) waitUntil(what string, is func(session.Status) bool) session.Status {
	w.t.Helper()
	for deadline := time.After(testTimeout); ; {
		now := w.Status()
		if is(now) {
			return now
		}
		select {
		case <-w.changed:
		case <-deadline:
			w.t.Fatalf("%s: there is %+v %+v\n%s", what, now, now.Problem, w.log())
		}
	}
}

func (w *testWindow) waitFor(state client.State, control session.Holder) session.Status {
	w.t.Helper()
	return w.waitUntil(string(state)+" "+string(control), func(v session.Status) bool { return v.State == state && v.Holder == control })
}

func (w *testWindow) waitRefused(code string) {
	w.t.Helper()
	v := w.waitUntil("refused "+code, func(v session.Status) bool { return v.Problem != nil && v.Problem.Code == code })
	if v.Problem.Message == "" {
		w.t.Errorf("%s without a message", code)
	}
}

// Two users and an administrator share the service: only one has access at a time, and only the administrator can end
// another's.
func TestUsersAndAdministrator(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	a, b, c := s.open(ivanov), s.open(petrov), s.open(administrator)
	a.Probe()
	for _, w := range []*testWindow{a, b, c} {
		if v := w.waitFor(session.Ready, session.Nobody); v.Server != "gw.ru" {
			t.Errorf("%+v", v)
		}
	}
	a.Login("ivanov", "wrong")
	a.waitFor(client.Failed, session.Nobody)
	b.waitFor(session.Idle, session.Nobody)

	a.Login("ivanov", "right")
	if v := a.waitFor(client.Authorized, session.You); v.Login != "ivanov" || v.Address != "10.0.0.5" || v.CanEnd {
		t.Errorf("%+v", v)
	}
	for _, w := range []*testWindow{b, c} {
		v := w.waitFor(session.Idle, session.Other)
		if v.Login+v.Address+v.Server != "" || v.Message != "Taken: access on this computer is open in another Windows session now." {
			t.Errorf("%+v", v)
		}
		if v.CanEnd != (w == c) {
			t.Errorf("can end: %v", v.CanEnd)
		}
	}
	b.Probe() // has no effect
	for _, do := range []func(){func() { b.Login("petrov", "x") }, b.Logout, func() { b.Extend("x") }, b.End} {
		b.waitUntil("a new try", func(v session.Status) bool { return v.Holder == session.Other })
		do()
		b.waitRefused(session.Busy)
	}
	a.Extend("again")
	a.Logout()
	if v := a.waitFor(client.Ended, session.Nobody); v.Code != "logout" {
		t.Errorf("%+v", v)
	}
	if v := b.waitFor(session.Idle, session.Nobody); v.Problem != nil {
		t.Errorf("after the end of the other's access: %+v", v.Problem)
	}
	if len(m.extended) != 1 || m.extended[0] != "again" {
		t.Errorf("extended with %q", m.extended)
	}

	b.Login("petrov", "right")
	b.waitFor(client.Authorized, session.You)
	a.waitFor(session.Idle, session.Other)
	c.waitFor(session.Idle, session.Other)
	c.End()
	if v := b.waitFor(client.Ended, session.Nobody); v.Code != session.EndedLocally || v.Message != locale.Text(locale.English, locale.AccessEnded) {
		t.Errorf("%+v", v)
	}
	for _, secret := range []string{"ivanov", "petrov", "right", "wrong", "again"} {
		if strings.Contains(s.logText(), secret) {
			t.Errorf("the log contains %q:\n%s", secret, s.logText())
		}
	}
}

// The access ends when its owner has left the Windows session, not when another user has.
func TestSessionLeft(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	a := s.open(ivanov)
	a.Login("ivanov", "right")
	a.waitFor(client.Authorized, session.You)
	if who, has := s.Owner(); !has || who != ivanov.Person {
		t.Errorf("the owner is %v %v", who, has)
	}
	s.SessionLeft(petrov.Session)
	if !m.Status().Busy() {
		t.Error("it ended when another user left")
	}
	s.SessionLeft(ivanov.Session)
	if v := a.waitFor(client.Ended, session.Nobody); v.Message != locale.Text(locale.English, locale.AccessLeft) {
		t.Errorf("%+v", v)
	}
}

// The access ends when its owner's last window has been closed for reopenTimeout.
func TestOwnerWindowReopens(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	first := s.connect(ivanov)
	sendLines(t, first, `{"type":"hello"}`, `{"type":"login","login":"i","password":"right"}`)
	s.waitUntil(func() bool { return m.Status().Busy() })
	other := s.open(petrov)
	other.waitFor(session.Idle, session.Other)

	first.Close()
	pause := s.nextTimer(reopenTimeout)
	again := s.connect(ivanov)
	sendLines(t, again, `{"type":"hello"}`)
	<-pause.stopped
	pause.fires <- time.Now()
	if !m.Status().Busy() {
		t.Fatal("the access ended although the window was opened again")
	}

	again.Close()
	s.nextTimer(reopenTimeout).fires <- time.Now()
	other.waitFor(session.Idle, session.Nobody)
	if m.Status().Busy() {
		t.Error("there is access without a window")
	}
}

// The wait for the last owner's window does not end the access of the next owner.
func TestLoginWhileOwnerIsAway(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	first := s.connect(ivanov)
	sendLines(t, first, `{"type":"hello"}`, `{"type":"login","login":"i","password":"right"}`)
	s.waitUntil(func() bool { return m.Status().Busy() })
	first.Close()
	pause := s.nextTimer(reopenTimeout)
	s.SessionLeft(ivanov.Session)

	second := s.connect(petrov)
	sendLines(t, second, `{"type":"hello"}`, `{"type":"login","login":"p","password":"right"}`)
	s.waitUntil(func() bool { return m.Status().Login == "p" })
	pause.fires <- time.Now()
	<-pause.stopped
	if now := m.Status(); !now.Busy() {
		t.Errorf("the wait for the last owner ended it: %+v", now)
	}

	second.Close()
	s.nextTimer(reopenTimeout).fires <- time.Now()
	s.waitUntil(func() bool { return !m.Status().Busy() })
}

// Close logs out.
func TestCloseLogsOut(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	a := s.open(ivanov)
	a.Login("ivanov", "right")
	a.waitFor(client.Authorized, session.You)
	a.Close()
	a.Close()
	s.waitUntil(func() bool { return !m.Status().Busy() })
	s.waitUntil(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.stops > 0 })
}

// The service stops probing when no window needs probes, and never during access.
func TestStopProbing(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	stops := func() int { m.mu.Lock(); defer m.mu.Unlock(); return m.stops }
	a, b := s.open(ivanov), s.open(petrov)
	a.Probe()
	b.Probe()
	a.waitFor(session.Ready, session.Nobody)
	s.waitUntil(func() bool {
		s.broker.mu.Lock()
		defer s.broker.mu.Unlock()
		probing := 0
		for w := range s.broker.windows {
			if w.probing {
				probing++
			}
		}
		return probing == 2
	})
	a.StopProbing()
	a.Login("ivanov", "wrong") // is handled after StopProbing
	b.waitFor(session.Idle, session.Nobody)
	if n := stops(); n != 0 {
		t.Errorf("probing stopped %d times although a window needs it", n)
	}
	b.StopProbing()
	s.waitUntil(func() bool { return stops() == 1 })

	b.Login("petrov", "right")
	b.waitFor(client.Authorized, session.You)
	b.StopProbing()
	b.Extend("x") // is handled after StopProbing
	s.waitUntil(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.extended) == 1 })
	if stops() != 1 {
		t.Error("probing stopped during access")
	}
}

// waitUntil waits for a state of the fake manager.
func (s *service) waitUntil(is func() bool) {
	s.t.Helper()
	changed, leave := s.manager.Watch()
	defer leave()
	for deadline := time.After(testTimeout); !is(); {
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("timeout; log\n%s", s.logText())
		}
	}
}

// sendLines sends lines and ignores the answers.
func sendLines(t *testing.T, conn net.Conn, what ...string) {
	t.Helper()
	go io.Copy(io.Discard, conn)
	for _, text := range what {
		if _, err := io.WriteString(conn, text+"\n"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoGateway(t *testing.T) {
	s := newService(t, &fakeManager{})
	var g settings.Gateway
	var wrong error
	s.choose = func() (settings.Gateway, error) { return g, wrong }
	a := s.open(ivanov)
	a.Probe()
	a.waitRefused(session.NoGateway)
	wrong = &settings.Problem{Source: settings.Policy, Key: locale.BadServer, Value: "a b"}
	a.Login("i", "x")
	a.waitRefused(session.BadSettings)
	g, wrong = settings.Gateway{Host: "gw.ru", Port: 14765}, nil
	a.Login("i", "x")
	if v := a.waitFor(client.Authorized, session.You); v.Problem != nil {
		t.Errorf("%+v", v.Problem)
	}
}

// The server closes a connection that breaks the protocol. The log has the reason and nothing that was sent.
func TestMalformed(t *testing.T) {
	for text, reason := range map[string]string{
		`{"type":"login","login":"i","password":"secret"}` + "\n": "hello",
		`secret` + "\n": "malformed",
		strings.Repeat("secret", maxRequest/4) + "\n":                                       "too long",
		`{"type":"hello"}` + "\n" + `{"type":"login","login":1,"password":"secret"}` + "\n": "malformed",
		`{"type":"hello"}` + "\n" + strings.Repeat("secret", maxRequest):                    "too long",
	} {
		s := newService(t, &fakeManager{})
		conn := s.connect(ivanov)
		go io.WriteString(conn, text)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
		s.Close()
		if log := s.logText(); !strings.Contains(log, reason) || strings.Contains(log, "secret") {
			t.Errorf("%.40q: log %q", text, log)
		}
	}
}

// The server rejects a person's windows beyond maxWindows, and callers that it cannot identify.
func TestRejectedWindows(t *testing.T) {
	s := newService(t, &fakeManager{})
	for i := 0; i <= maxWindows; i++ {
		conn := s.connect(ivanov)
		if _, err := io.WriteString(conn, `{"type":"hello"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := newLineReader(conn, maxAnswer).r.ReadString('\n'); (err != nil) != (i == maxWindows) {
			t.Errorf("window %d: %v", i, err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	window, service := net.Pipe()
	go s.ServeWindow(service)
	go io.WriteString(window, `{"type":"hello"}`+"\n")
	if _, err := io.Copy(io.Discard, window); err != nil {
		t.Error(err)
	}
	s.Close()
	if !strings.Contains(s.logText(), "no caller") || !strings.Contains(s.logText(), "windows are open") {
		t.Error(s.logText())
	}
}

// A new connection replaces the oldest one that has sent nothing, when there are maxOpen.
func TestSilentConnections(t *testing.T) {
	s := newService(t, &fakeManager{})
	var first net.Conn
	for i := 0; i < maxOpen; i++ {
		window, service := net.Pipe()
		if first == nil {
			first = window
		}
		if !s.addConn(identifiedConn{service, ivanov}) {
			t.Fatalf("connection %d was refused", i)
		}
	}
	s.open(petrov).waitFor(session.Idle, session.Nobody)
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest connection is open: %v", err)
	}
	s.Server.mu.Lock()
	defer s.Server.mu.Unlock()
	if n := len(s.Server.open); n != maxOpen {
		t.Errorf("%d are open", n)
	}
}

// A connection counts for its person from the first byte, before hello is complete.
func TestUnfinishedHelloCounts(t *testing.T) {
	s := newService(t, &fakeManager{})
	closed := make(chan struct{}, maxWindows+1)
	for i := 0; i <= maxWindows; i++ {
		conn := s.connect(ivanov)
		if _, err := conn.Write([]byte("{")); err != nil {
			t.Fatal(err)
		}
		go func() {
			io.Copy(io.Discard, conn)
			closed <- struct{}{}
		}()
	}
	select {
	case <-closed:
	case <-time.After(testTimeout):
		t.Fatal("no connection was closed")
	}
	if !strings.Contains(s.logText(), "windows are open") {
		t.Error(s.logText())
	}
	s.open(petrov).waitFor(session.Idle, session.Nobody)
}

// failingListener is a listener that always fails.
type failingListener struct{ net.Listener }

func (failingListener) Accept() (net.Conn, error) { return nil, errors.New("no memory") }

func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, &fakeManager{})
	over := make(chan error)
	go func() { over <- s.Serve(failingListener{l}) }()
	for i := 1; i < maxFailures; i++ {
		s.nextTimer(failurePause).fires <- time.Now()
	}
	if err := <-over; err == nil || err.Error() != "pipe: no memory" {
		t.Error(err)
	}
	go func() { over <- s.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.Close()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// A window shows that there is no service, reconnects, and then probes again.
func TestReconnect(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	clock := manualClock{make(chan timer, 16)}
	dials := make(chan func() (net.Conn, error), 16)
	a := newWindow(t, s.logText, RemoteConfig{Lang: locale.English, Clock: clock, Dial: func(ctx context.Context) (net.Conn, error) {
		select {
		case dial := <-dials:
			return dial()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	fails := func(err error) { dials <- func() (net.Conn, error) { return nil, err } }
	var service net.Conn
	succeeds := func() { dials <- func() (net.Conn, error) { service = s.connect(ivanov); return service, nil } }
	pause := func(d time.Duration) {
		t.Helper()
		select {
		case p := <-clock.timers:
			if p.d != d {
				t.Errorf("a pause of %v, want %v", p.d, d)
			}
			p.fires <- time.Now()
		case <-time.After(testTimeout):
			t.Fatal("no pause")
		}
	}
	for i := 0; i <= maxQueued; i++ { // as when the window is shown many times
		a.Probe()
	}
	a.Login("ivanov", "right")
	fails(errors.New("not there yet"))
	pause(firstDelay)
	if v := a.Status(); v.Problem != nil {
		t.Errorf("after the first failure: %+v", v.Problem)
	}
	fails(errors.New("not there yet"))
	pause(2 * firstDelay)
	a.waitRefused(session.ServiceStopped)
	fails(ErrUntrusted)
	pause(4 * firstDelay)
	a.waitRefused(session.ServiceUntrusted)
	succeeds()
	if v := a.waitFor(client.Authorized, session.You); v.Problem != nil {
		t.Errorf("%+v", v.Problem)
	}
	m.Logout()
	service.Close()
	if v := a.waitFor(session.Idle, session.Nobody); v.Problem == nil || v.Problem.Code != session.ServiceStopped {
		t.Errorf("%+v", v)
	}
	pause(firstDelay)
	succeeds()
	a.waitFor(session.Ready, session.Nobody)
}

// A window logs in through the service, with a real manager and gateway.
func TestWithManager(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.AnswerVersion()
			return
		}
		if m := c.Admit(""); m.Login != "ivanov" || m.Password != "right" {
			t.Errorf("authorize: %+v", m)
		}
		c.ConfirmLogout()
	})
	manager := session.New(session.Config{Roots: g.Root.Pool()})
	t.Cleanup(manager.Close)
	s := newService(t, manager)
	s.choose = func() (settings.Gateway, error) { return settings.Gateway{Host: g.Host, Port: g.Port}, nil }
	a := s.open(ivanov)
	a.Probe()
	if v := a.waitFor(session.Ready, session.Nobody); v.Message != "The gateway answers. Enter login and password." {
		t.Errorf("%+v", v)
	}
	a.Login("ivanov", "right")
	a.waitFor(client.Authorized, session.You)
	a.Logout()
	if v := a.waitFor(client.Ended, session.Nobody); v.Code != "logout" {
		t.Errorf("%+v", v)
	}
}

// No request lets a window see or change another user's access, and no input makes the server panic.
func FuzzServeWindow(f *testing.F) {
	f.Add([]byte(`{"type":"hello","version":"1","lang":"ru"}` + "\n" + `{"type":"login","login":"a","password":"b"}` + "\n"))
	f.Add([]byte(`{"type":"hello"}` + "\n" + `{"type":"end"}` + "\n" + `{"type":"logout"}` + "\n" + `{"type":"extend"}` + "\n"))
	f.Add([]byte(`{"type":"hello"}` + "\n" + `{"type":"knock","more":[1]}` + "\n" + `null` + "\n" + `[]` + "\n"))
	f.Add([]byte(`{"type":"hello","tickets":true}` + "\n" + `{"type":"login_sso","login":"a"}` + "\n" + `{"type":"ticket","id":1,"token":"eA=="}` + "\n"))
	f.Add([]byte(`{"type":"hello"}` + "\n" + `{"type":"change_password","login":"a","password":"b","new_password":"c"}` + "\n"))
	f.Add([]byte("\xff\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		m := &fakeManager{status: client.Status{State: client.Authorized, Login: "ivanov"}}
		s := newService(t, m)
		s.broker.claim.owner = ivanov.Person
		conn := s.connect(petrov)
		told := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(conn)
			told <- all
		}()
		conn.Write(sent) // the server may have closed it meanwhile
		conn.Close()
		if all := <-told; strings.Contains(string(all), "ivanov") {
			t.Errorf("the window was sent %s", all)
		}
		s.Close()
		if now := m.Status(); now.State != client.Authorized || now.Login != "ivanov" || len(m.extended)+len(m.changed) > 0 {
			t.Errorf("%q changed the access: %+v", sent, now)
		}
	})
}
