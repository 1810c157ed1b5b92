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

// desktop is a window's session under test.
type desktop struct {
	*Remote
	t       *testing.T
	changed <-chan struct{}
	log     func() string
}

func (s *service) open(who Caller) *desktop {
	return take(s.t, s.written, RemoteConfig{Lang: locale.English,
		Dial: func(context.Context) (net.Conn, error) { return s.connect(who), nil }})
}

func take(t *testing.T, log func() string, cfg RemoteConfig) *desktop {
	r := NewRemote(cfg)
	changed, leave := r.Watch()
	t.Cleanup(leave)
	t.Cleanup(r.Close)
	return &desktop{r, t, changed, log}
}

func (d *desktop) until(what string, is func(session.Status) bool) session.Status {
	d.t.Helper()
	for deadline := time.After(patience); ; {
		now := d.Status()
		if is(now) {
			return now
		}
		select {
		case <-d.changed:
		case <-deadline:
			d.t.Fatalf("%s: there is %+v %+v\n%s", what, now, now.Problem, d.log())
		}
	}
}

func (d *desktop) waits(state client.State, control session.Holder) session.Status {
	d.t.Helper()
	return d.until(string(state)+" "+string(control), func(v session.Status) bool { return v.State == state && v.Holder == control })
}

func (d *desktop) refused(code string) {
	d.t.Helper()
	v := d.until("refused "+code, func(v session.Status) bool { return v.Problem != nil && v.Problem.Code == code })
	if v.Problem.Message == "" {
		d.t.Errorf("%s without words", code)
	}
}

// One computer, two persons and an administrator.
func TestPersons(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	a, b, c := s.open(ivanov), s.open(petrov), s.open(boss)
	a.Probe()
	for _, d := range []*desktop{a, b, c} {
		if v := d.waits(session.Ready, session.Nobody); v.Server != "gw.ru" {
			t.Errorf("%+v", v)
		}
	}
	a.Login("ivanov", "wrong")
	a.waits(client.Failed, session.Nobody)
	b.waits(session.Idle, session.Nobody)

	a.Login("ivanov", "right")
	if v := a.waits(client.Authorized, session.You); v.Login != "ivanov" || v.Address != "10.0.0.5" || v.CanEnd {
		t.Errorf("%+v", v)
	}
	for _, d := range []*desktop{b, c} {
		v := d.waits(session.Idle, session.Other)
		if v.Login+v.Address+v.Server != "" || v.Message != "Taken: access on this computer is open in another Windows session now." {
			t.Errorf("%+v", v)
		}
		if v.CanEnd != (d == c) {
			t.Errorf("can end: %v", v.CanEnd)
		}
	}
	b.Probe() // in vain
	for _, do := range []func(){func() { b.Login("petrov", "x") }, b.Logout, func() { b.Extend("x") }, b.End} {
		b.until("a new try", func(v session.Status) bool { return v.Holder == session.Other })
		do()
		b.refused(session.Busy)
	}
	a.Extend("again")
	a.Logout()
	if v := a.waits(client.Ended, session.Nobody); v.Code != "logout" {
		t.Errorf("%+v", v)
	}
	if v := b.waits(session.Idle, session.Nobody); v.Problem != nil {
		t.Errorf("access is free, and still %+v", v.Problem)
	}
	if len(m.extended) != 1 || m.extended[0] != "again" {
		t.Errorf("extended with %q", m.extended)
	}

	b.Login("petrov", "right")
	b.waits(client.Authorized, session.You)
	a.waits(session.Idle, session.Other)
	c.waits(session.Idle, session.Other)
	c.End()
	if v := b.waits(client.Ended, session.Nobody); v.Code != session.EndedLocally || v.Message != locale.Text(locale.English, locale.AccessEnded) {
		t.Errorf("%+v", v)
	}
	for _, secret := range []string{"ivanov", "petrov", "right", "wrong", "again"} {
		if strings.Contains(s.written(), secret) {
			t.Errorf("the log says %q:\n%s", secret, s.written())
		}
	}
}

// The access ends with the owner's Windows session, and not with another one.
func TestLeft(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	a := s.open(ivanov)
	a.Login("ivanov", "right")
	a.waits(client.Authorized, session.You)
	if who, has := s.Owner(); !has || who != ivanov.Person {
		t.Errorf("the owner is %v %v", who, has)
	}
	s.SessionLeft(petrov.Session)
	if !m.Status().Busy() {
		t.Error("another person's leaving ended it")
	}
	s.SessionLeft(ivanov.Session)
	if v := a.waits(client.Ended, session.Nobody); v.Message != locale.Text(locale.English, locale.AccessLeft) {
		t.Errorf("%+v", v)
	}
}

// A window may start anew; a program that has gone takes the access with it.
func TestAbsence(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	first := s.connect(ivanov)
	say(t, first, `{"type":"hello"}`, `{"type":"login","login":"i","password":"right"}`)
	s.waitsFor(func() bool { return m.Status().Busy() })
	other := s.open(petrov)
	other.waits(session.Idle, session.Other)

	first.Close()
	pause := s.next(reopenTimeout)
	again := s.connect(ivanov)
	say(t, again, `{"type":"hello"}`)
	<-pause.gone
	pause.ends <- time.Now()
	if !m.Status().Busy() {
		t.Fatal("it came back, and the access has gone")
	}

	again.Close()
	s.next(reopenTimeout).ends <- time.Now()
	other.waits(session.Idle, session.Nobody)
	if m.Status().Busy() {
		t.Error("there is access without a window")
	}
}

// Who logs in while the owner before is still waited for keeps the access, and is waited for in turn.
func TestAbsenceOfAnother(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	first := s.connect(ivanov)
	say(t, first, `{"type":"hello"}`, `{"type":"login","login":"i","password":"right"}`)
	s.waitsFor(func() bool { return m.Status().Busy() })
	first.Close()
	pause := s.next(reopenTimeout)
	s.SessionLeft(ivanov.Session)

	second := s.connect(petrov)
	say(t, second, `{"type":"hello"}`, `{"type":"login","login":"p","password":"right"}`)
	s.waitsFor(func() bool { return m.Status().Login == "p" })
	pause.ends <- time.Now()
	<-pause.gone
	if now := m.Status(); !now.Busy() {
		t.Errorf("somebody else's absence ended it: %+v", now)
	}

	second.Close()
	s.next(reopenTimeout).ends <- time.Now()
	s.waitsFor(func() bool { return !m.Status().Busy() })
}

// Exit logs out before it goes.
func TestExit(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	a := s.open(ivanov)
	a.Login("ivanov", "right")
	a.waits(client.Authorized, session.You)
	a.Close()
	a.Close()
	s.waitsFor(func() bool { return !m.Status().Busy() })
	s.waitsFor(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.rests > 0 })
}

// The gateway is left in peace when nobody looks at any window, and not before.
func TestRest(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	rests := func() int { m.mu.Lock(); defer m.mu.Unlock(); return m.rests }
	a, b := s.open(ivanov), s.open(petrov)
	a.Probe()
	b.Probe()
	a.waits(session.Ready, session.Nobody)
	s.waitsFor(func() bool {
		s.broker.mu.Lock()
		defer s.broker.mu.Unlock()
		looking := 0
		for w := range s.broker.windows {
			if w.probing {
				looking++
			}
		}
		return looking == 2
	})
	a.StopProbing()
	a.Login("ivanov", "wrong") // it is heard after the rest
	b.waits(session.Idle, session.Nobody)
	if n := rests(); n != 0 {
		t.Errorf("%d rests, and somebody looks", n)
	}
	b.StopProbing()
	s.waitsFor(func() bool { return rests() == 1 })

	b.Login("petrov", "right")
	b.waits(client.Authorized, session.You)
	b.StopProbing()
	b.Extend("x") // it is heard after the rest
	s.waitsFor(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.extended) == 1 })
	if rests() != 1 {
		t.Error("somebody rests, and there is access")
	}
}

// waitsFor something in the fake manager.
func (s *service) waitsFor(is func() bool) {
	s.t.Helper()
	changed, leave := s.manager.Watch()
	defer leave()
	for deadline := time.After(patience); !is(); {
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("in vain; the log says\n%s", s.written())
		}
	}
}

// say is a window that does not listen.
func say(t *testing.T, conn net.Conn, what ...string) {
	t.Helper()
	go io.Copy(io.Discard, conn)
	for _, text := range what {
		if _, err := io.WriteString(conn, text+"\n"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoGateway(t *testing.T) {
	s := newService(t, &memory{})
	var g settings.Gateway
	var wrong error
	s.choose = func() (settings.Gateway, error) { return g, wrong }
	a := s.open(ivanov)
	a.Probe()
	a.refused(session.NoGateway)
	wrong = &settings.Problem{Source: settings.Policy, Key: locale.BadServer, Value: "a b"}
	a.Login("i", "x")
	a.refused(session.BadSettings)
	g, wrong = settings.Gateway{Host: "gw.ru", Port: 14765}, nil
	a.Login("i", "x")
	if v := a.waits(client.Authorized, session.You); v.Problem != nil {
		t.Errorf("%+v", v.Problem)
	}
}

// What does not keep to the rules is cut off, and the log says why without repeating it.
func TestMalformed(t *testing.T) {
	for text, reason := range map[string]string{
		`{"type":"login","login":"i","password":"secret"}` + "\n": "hello",
		`secret` + "\n": "no message",
		strings.Repeat("secret", maxRequest/4) + "\n":                                       "too long",
		`{"type":"hello"}` + "\n" + `{"type":"login","login":1,"password":"secret"}` + "\n": "no message",
		`{"type":"hello"}` + "\n" + strings.Repeat("secret", maxRequest):                    "too long",
	} {
		s := newService(t, &memory{})
		conn := s.connect(ivanov)
		go io.WriteString(conn, text)
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
		s.Close()
		if log := s.written(); !strings.Contains(log, reason) || strings.Contains(log, "secret") {
			t.Errorf("%.40q: the log says %q", text, log)
		}
	}
}

func TestStrangers(t *testing.T) {
	s := newService(t, &memory{})
	for i := 0; i <= maxWindows; i++ {
		conn := s.connect(ivanov)
		if _, err := io.WriteString(conn, `{"type":"hello"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := newLines(conn, maxAnswer).r.ReadString('\n'); (err != nil) != (i == maxWindows) {
			t.Errorf("window %d: %v", i, err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	here, there := net.Pipe()
	go s.ServeWindow(there)
	go io.WriteString(here, `{"type":"hello"}`+"\n")
	if _, err := io.Copy(io.Discard, here); err != nil {
		t.Error(err)
	}
	s.Close()
	if !strings.Contains(s.written(), "a stranger") || !strings.Contains(s.written(), "are there already") {
		t.Error(s.written())
	}
}

// Who holds all the connections there may be, and says nothing on them, keeps nobody out.
func TestSilent(t *testing.T) {
	s := newService(t, &memory{})
	var first net.Conn
	for i := 0; i < maxOpen; i++ {
		here, there := net.Pipe()
		if first == nil {
			first = here
		}
		if !s.addConn(known{there, ivanov}) {
			t.Fatalf("connection %d is not taken", i)
		}
	}
	s.open(petrov).waits(session.Idle, session.Nobody)
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the oldest is still there: %v", err)
	}
	s.Server.mu.Lock()
	defer s.Server.mu.Unlock()
	if n := len(s.Server.open); n != maxOpen {
		t.Errorf("%d are open", n)
	}
}

// A person's connections are counted from the first byte on.
func TestNoHello(t *testing.T) {
	s := newService(t, &memory{})
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
	case <-time.After(patience):
		t.Fatal("all of them are let in")
	}
	if !strings.Contains(s.written(), "are there already") {
		t.Error(s.written())
	}
	s.open(petrov).waits(session.Idle, session.Nobody)
}

// broken is a listener that always fails.
type broken struct{ net.Listener }

func (broken) Accept() (net.Conn, error) { return nil, errors.New("no memory") }

func TestListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, &memory{})
	over := make(chan error)
	go func() { over <- s.Serve(broken{l}) }()
	for i := 1; i < maxFailures; i++ {
		s.next(failurePause).ends <- time.Now()
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

// The window says that there is no service, and finds it again when it comes back; what it wanted to know is asked anew.
func TestComesBack(t *testing.T) {
	m := &memory{}
	s := newService(t, m)
	clock := hands{make(chan timer, 16)}
	dials := make(chan func() (net.Conn, error), 16)
	a := take(t, s.written, RemoteConfig{Lang: locale.English, Clock: clock, Dial: func(ctx context.Context) (net.Conn, error) {
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
			p.ends <- time.Now()
		case <-time.After(patience):
			t.Fatal("no pause")
		}
	}
	for i := 0; i <= maxWaiting; i++ { // a window that is shown again and again
		a.Probe()
	}
	a.Login("ivanov", "right")
	fails(errors.New("not there yet"))
	pause(firstDelay)
	if v := a.Status(); v.Problem != nil {
		t.Errorf("said too early: %+v", v.Problem)
	}
	fails(errors.New("not there yet"))
	pause(2 * firstDelay)
	a.refused(session.ServiceStopped)
	fails(ErrUntrusted)
	pause(4 * firstDelay)
	a.refused(session.ServiceUntrusted)
	succeeds()
	if v := a.waits(client.Authorized, session.You); v.Problem != nil {
		t.Errorf("%+v", v.Problem)
	}
	m.Logout()
	service.Close()
	if v := a.waits(session.Idle, session.Nobody); v.Problem == nil || v.Problem.Code != session.ServiceStopped {
		t.Errorf("%+v", v)
	}
	pause(firstDelay)
	succeeds()
	a.waits(session.Ready, session.Nobody)
}

// A real manager, a real gateway, and a service in between.
func TestWithManager(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.Hello()
			return
		}
		if m := c.Admit(""); m.Login != "ivanov" || m.Password != "right" {
			t.Errorf("authorize: %+v", m)
		}
		c.Goodbye()
	})
	manager := session.New(session.Config{Roots: g.Root.Pool()})
	t.Cleanup(manager.Close)
	s := newService(t, manager)
	s.choose = func() (settings.Gateway, error) { return settings.Gateway{Host: g.Host, Port: g.Port}, nil }
	a := s.open(ivanov)
	a.Probe()
	if v := a.waits(session.Ready, session.Nobody); v.Message != "The gateway answers." {
		t.Errorf("%+v", v)
	}
	a.Login("ivanov", "right")
	a.waits(client.Authorized, session.You)
	a.Logout()
	if v := a.waits(client.Ended, session.Nobody); v.Code != "logout" {
		t.Errorf("%+v", v)
	}
}

// Whatever a window sends, it gets no access that is somebody else's, and the server lives on.
func FuzzTalk(f *testing.F) {
	f.Add([]byte(`{"type":"hello","version":"1","lang":"ru"}` + "\n" + `{"type":"login","login":"a","password":"b"}` + "\n"))
	f.Add([]byte(`{"type":"hello"}` + "\n" + `{"type":"end"}` + "\n" + `{"type":"logout"}` + "\n" + `{"type":"extend"}` + "\n"))
	f.Add([]byte(`{"type":"hello"}` + "\n" + `{"type":"knock","more":[1]}` + "\n" + `null` + "\n" + `[]` + "\n"))
	f.Add([]byte("\xff\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		m := &memory{status: client.Status{State: client.Authorized, Login: "ivanov"}}
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
			t.Errorf("it was told %s", all)
		}
		s.Close()
		if now := m.Status(); now.State != client.Authorized || now.Login != "ivanov" || len(m.extended) > 0 {
			t.Errorf("%q did something: %+v", sent, now)
		}
	})
}
