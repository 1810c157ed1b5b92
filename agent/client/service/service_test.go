package service

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/protocol"
)

// testTimeout limits the wait for an event.
const testTimeout = 20 * time.Second

var ivanov = pipe.Caller{Person: pipe.Person{Session: 1, User: "S-1-5-21-1-1001"}}

type memoryLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *memoryLog) Log(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(text + "\n")
}

func (l *memoryLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startService starts the service on a TCP socket instead of a pipe. The installer's settings name the gateway.
func startService(t *testing.T, g *gatewaytest.Gateway) (*running, *pipe.Remote, *memoryLog) {
	return startServiceIn(t, g, "")
}

// startServiceIn starts the service with a directory for its trust file.
func startServiceIn(t *testing.T, g *gatewaytest.Gateway, dir string) (*running, *pipe.Remote, *memoryLog) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port)))
	log := &memoryLog{}
	r := start(Config{}, platform{log: log.Log, device: agent.Device{ID: "d1", Name: "pc", OS: "windows"}, trust: client.OpenTrust(dir), listener: l,
		identify: func(net.Conn) (pipe.Caller, error) { return ivanov, nil },
		registry: func() settings.Registry {
			return settings.Registry{Policy: settings.Setting{Source: settings.Policy, Pin: "alone"},
				Installer: settings.Setting{Source: settings.Installer, Address: address, Pin: g.Root.Pin()}}
		}})
	t.Cleanup(r.close)
	w := pipe.NewRemote(pipe.RemoteConfig{Lang: locale.English, Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}})
	t.Cleanup(w.Close)
	return r, w, log
}

func waitUntil(t *testing.T, w *pipe.Remote, what string, is func(session.Status) bool) session.Status {
	t.Helper()
	changed, leave := w.Watch()
	defer leave()
	for deadline := time.After(testTimeout); ; {
		v := w.Status()
		if is(v) {
			return v
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: there is %+v %+v", what, v, v.Problem)
		}
	}
}

// A window probes the gateway, which it trusts by its pin, and logs in; access survives sleep and a locked screen; the
// service stops, and logs out.
func TestService(t *testing.T) {
	loggedOut := make(chan bool, 1)
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.AnswerVersion()
			return
		}
		if m := c.Admit(""); m.Login != "ivanov" || m.Password != "right" || m.Device.ID != "d1" {
			t.Errorf("authorize: %+v", m)
		}
		loggedOut <- c.ConfirmLogout()
	})
	r, w, log := startService(t, g)
	w.Probe()
	waitUntil(t, w, "the gateway", func(v session.Status) bool { return v.State == session.Ready })
	w.Login("ivanov", "right")
	waitUntil(t, w, "access", func(v session.Status) bool { return v.State == client.Authorized && v.Holder == session.You })
	r.powerChanged(powerSuspend)
	r.powerChanged(powerResumeAutomatic)
	r.checkSessions(sessionList(map[uint32]uint32{1: 0}, noSession)) // locked
	if v := w.Status(); v.State != client.Authorized {
		t.Errorf("%+v", v)
	}
	r.close()
	if !<-loggedOut {
		t.Error("the agent sent no unauthorize")
	}
	waitUntil(t, w, "the end", func(v session.Status) bool {
		return v.Problem != nil && v.Problem.Code == session.ServiceStopped && !v.Busy()
	})
	for _, want := range []string{"in_policy: pin_alone", "goes to sleep", "wakes", "login by S-1-5-21-1-1001"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, log)
		}
	}
	if strings.Contains(log.String(), "right") {
		t.Errorf("the log has the password:\n%s", log)
	}
}

// The service keeps the next root that the gateway announces, also without a directory as long as it runs. Afterwards the gateway may
// change its root.
func TestServiceKeepsTrust(t *testing.T) {
	for _, dir := range []string{t.TempDir(), ""} {
		root, next := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
		current := make(chan *gatewaytest.Root, 1)
		current <- root
		g := gatewaytest.StartRoots(t, func() *gatewaytest.Root { r := <-current; current <- r; return r }, func(_ int, c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.Send(root.Trust(t, "localhost", next))
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
			c.Wait()
		})
		g.Root = root
		r, w, _ := startServiceIn(t, g, dir)
		w.Login("ivanov", "right")
		waitUntil(t, w, "access", func(v session.Status) bool { return v.State == client.Authorized })
		w.Logout()
		waitUntil(t, w, "the end", func(v session.Status) bool { return v.State == client.Ended })
		<-current
		current <- next
		if dir != "" {
			r.close()
			_, w, _ = startServiceIn(t, g, dir)
		}
		w.Login("ivanov", "right")
		waitUntil(t, w, "access after the change", func(v session.Status) bool { return v.State == client.Authorized })
	}
}

// sessionList returns a list of Windows sessions. No user is logged on to the session empty.
func sessionList(states map[uint32]uint32, empty uint32) sessions {
	return sessions{states: states, hasUser: func(session uint32) bool { return session != empty }}
}

const noSession = ^uint32(0)

// The access ends when its owner's Windows session has ended, is disconnected or has no user, and not at other changes.
func TestCheckSessions(t *testing.T) {
	for name, now := range map[string]sessions{
		"logged off":                       sessionList(map[uint32]uint32{0: 4, 2: 1}, noSession),
		"logged off, the session is there": sessionList(map[uint32]uint32{0: 4, 1: 0}, 1),
		"switched away":                    sessionList(map[uint32]uint32{0: 4, 1: 4, 2: 0}, noSession),
	} {
		loggedOut := make(chan bool, 1)
		g := gatewaytest.New(t, func(_ int, conn *gatewaytest.Conn) {
			conn.Admit("")
			loggedOut <- conn.ConfirmLogout()
		})
		r, w, _ := startService(t, g)
		r.checkSessions(now) // there is no access yet
		w.Login("ivanov", "right")
		waitUntil(t, w, name, func(v session.Status) bool { return v.State == client.Authorized })
		r.checkSessions(sessionList(map[uint32]uint32{0: 4, 1: 0, 2: 4}, 2))
		r.checkSessions(sessionList(nil, 1))
		if v := w.Status(); v.State != client.Authorized {
			t.Errorf("%s: ended too early: %+v", name, v)
		}
		r.checkSessions(now)
		if !<-loggedOut {
			t.Errorf("%s: the agent sent no unauthorize", name)
		}
		v := waitUntil(t, w, name, func(v session.Status) bool { return v.State == client.Ended })
		if v.Message != locale.Text(locale.English, locale.AccessLeft) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestUserGone(t *testing.T) {
	for name, c := range map[string]struct {
		now  sessions
		want bool
	}{
		"not known":                 {sessionList(nil, 1), false},
		"active":                    {sessionList(map[uint32]uint32{0: 4, 1: 0}, noSession), false},
		"others are gone":           {sessionList(map[uint32]uint32{1: 0, 2: 4}, 2), false},
		"disconnected":              {sessionList(map[uint32]uint32{1: 4}, noSession), true},
		"the session has ended":     {sessionList(map[uint32]uint32{0: 4, 2: 0}, noSession), true},
		"logged off, not yet ended": {sessionList(map[uint32]uint32{1: 0}, 1), true},
		"the screen for logging on": {sessionList(map[uint32]uint32{1: 1}, 1), true},
	} {
		if got := c.now.userGone(1); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// After events that a user may have left, the list of sessions is read several times.
func TestSessionChecks(t *testing.T) {
	for event, want := range map[uint32]bool{0x1: false, 0x2: true, 0x3: false, 0x4: true, 0x5: false, 0x6: true, 0x7: false,
		0x8: false, 0x9: false, 0xa: false, 0xb: true} {
		var l sessionChecks
		l.sessionChanged(event)
		if got := l.next != nil; got != want {
			t.Errorf("event %d: another check: %v", event, got)
		}
	}
	var l sessionChecks
	l.sessionChanged(sessionLogoff)
	<-l.next
	n := 1
	for l.checked(); l.next != nil && n <= checksAfterEvent; l.checked() {
		n++
	}
	if n != checksAfterEvent {
		t.Errorf("%d more checks", n)
	}
	l.sessionChanged(sessionTerminate)
	l.sessionChanged(0x7) // locked: does not stop the checks
	if l.next == nil || l.left != checksAfterEvent {
		t.Errorf("%+v", l)
	}
}

// The timeout is below the 5 s that Windows gives services at shutdown.
func TestTimeoutFor(t *testing.T) {
	if got := timeoutFor(true); got <= 0 || got > 4*time.Second {
		t.Errorf("at shutdown %v", got)
	}
	if got := timeoutFor(false); got != stopTimeout {
		t.Errorf("at a stop %v", got)
	}
}

func TestIsBelow(t *testing.T) {
	for dir, want := range map[string]bool{
		`C:\Program Files\Ideco\Agent\IdecoAgent.exe`: true,
		`c:\program files\x`:                          true,
		`C:\Program Files`:                            false,
		`C:\Program Files\`:                           true,
		`C:\Program Files (x86)\x`:                    false,
		`D:\Program Files\x`:                          false,
		`C:\Users\i\x`:                                false,
		``:                                            false,
	} {
		if isBelow(dir, `C:\Program Files`) != want || isBelow(dir, `C:\Program Files\`) != want || isBelow(dir, "") {
			t.Errorf("%s: %v", dir, !want)
		}
	}
}
