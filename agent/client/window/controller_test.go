package window

import (
	"crypto/x509"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// testTimeout limits the wait for an event.
const testTimeout = 20 * time.Second

// memoryStore is a PasswordStore and a PersonalStore in memory.
type memoryStore struct {
	personal  settings.Personal
	passwords map[string]string
}

func (m *memoryStore) Load() (settings.Personal, error)       { return m.personal, nil }
func (m *memoryStore) Save(p settings.Personal) error         { m.personal = p; return nil }
func (m *memoryStore) Password(target string) (string, error) { return m.passwords[target], nil }
func (m *memoryStore) SetPassword(target, password string) error {
	if delete(m.passwords, target); password != "" {
		m.passwords[target] = password
	}
	return nil
}

// testController is a Controller under test. The test's goroutine is that of the window.
type testController struct {
	*Controller
	t             *testing.T
	changed       chan struct{}
	notifications []Notification
	mu            sync.Mutex // guards log
	log           []string
}

// computer is the environment of a Controller: the settings, the stores, the service and the gateway.
type computer struct {
	memory   *memoryStore
	registry settings.Registry
	line     settings.Setting
	service  *fakeService
	roots    *x509.CertPool
	g        *gatewaytest.Gateway
	local    session.Config // without Device and Roots
}

func newComputer(g *gatewaytest.Gateway) *computer {
	o := &computer{memory: &memoryStore{passwords: map[string]string{}}, roots: g.Root.Pool(), g: g}
	o.registry.Policy.Source = settings.Policy
	o.registry.Installer = settings.Setting{Source: settings.Installer, Address: address(g)}
	return o
}

func address(g *gatewaytest.Gateway) string { return g.Host + ":" + strconv.Itoa(int(g.Port)) }

func (o *computer) open(t *testing.T, visible bool) *testController {
	s := &testController{t: t, changed: make(chan struct{}, 1)}
	local := o.local
	local.Device, local.Roots = agent.Device{ID: "d1", Name: "pc", OS: "windows"}, o.roots
	cfg := Config{Lang: locale.Russian, CommandLine: o.line, Registry: func() settings.Registry { return o.registry },
		Personal: o.memory, Passwords: o.memory,
		Local: local,
		Changed: func() {
			select {
			case s.changed <- struct{}{}:
			default:
			}
		},
		Log: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, text)
		}}
	if o.service != nil {
		cfg.HasService = func() bool { return true }
		cfg.Service = func() session.Session { return o.service }
	}
	s.Controller = Open(cfg, visible)
	t.Cleanup(s.Close)
	return s
}

// waitFor waits until the window shows a status.
func (s *testController) waitFor(status string) Content {
	s.t.Helper()
	deadline := time.After(testTimeout)
	for {
		s.notifications = append(s.notifications, s.Refresh()...)
		f := s.Content()
		s.LogStatus(f)
		if f.Status == status {
			s.notifications = append(s.notifications, s.Refresh()...) // the status may have changed between Refresh and Content
			if f = s.Content(); f.Status == status {
				return f
			}
		}
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("waited for %q, content %+v", status, s.Content())
		}
	}
}

func (s *testController) typeLogin(login, password string) {
	s.SetFieldTexts(FieldTexts{login, password, s.Content().Address.Text})
}

const (
	ready     = "Шлюз на связи. Введите логин и пароль."
	connected = "Вы подключены, доступ открыт."
)

func TestPersonLogsIn(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.AnswerVersion()
		case 1:
			c.Refuse("bad_credentials", "Неверный логин или пароль.", 0)
			c.Wait()
		default:
			if m := c.Admit(""); m.Login != "ivanov" || m.Password != "right" {
				t.Errorf("%+v", m)
			}
			c.Wait()
		}
	})
	o := newComputer(g)
	s := o.open(t, true)
	if f := s.waitFor(ready); f.Address.Text != address(g) || f.Main.Action != ActionLogin {
		t.Errorf("%+v", f)
	}
	if s.firstEmpty() != controlLogin || s.Login() != controlLogin {
		t.Error("there is no login yet")
	}
	s.waitFor("Введите логин.")
	s.typeLogin(" ivanov ", "")
	if s.firstEmpty() != controlPassword || s.Login() != controlPassword {
		t.Error("there is no password yet")
	}
	s.waitFor("Введите пароль.")
	s.typeLogin("ivanov", "wrong")
	s.Login()
	if f := s.waitFor("Неверный логин или пароль."); f.Password.Text != "" || f.Login.Text != "ivanov" {
		t.Errorf("%+v", f)
	}
	s.typeLogin("ivanov", "right")
	s.Login()
	if f := s.waitFor(connected); f.Password.Text != "" || f.Who != "Вы вошли как ivanov из локальной сети" {
		t.Errorf("%+v", f)
	}
	if o.memory.personal != (settings.Personal{Login: "ivanov"}) || len(o.memory.passwords) != 0 {
		t.Errorf("kept: %+v", o.memory)
	}
	s.SetCheckBoxes(false, true) // also checks save, and saves the password of the login
	if len(o.memory.passwords) != 1 || !o.memory.personal.AutoConnect {
		t.Errorf("kept: %+v", o.memory)
	}
	s.SetCheckBoxes(false, true)
	if len(o.memory.passwords) != 0 || o.memory.personal.AutoConnect {
		t.Errorf("kept: %+v", o.memory)
	}
	s.Logout()
	s.waitFor("Вы вышли. Доступ закрыт.")
	if len(s.notifications) != 0 {
		t.Errorf("notifications: %+v", s.notifications)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	log := strings.Join(s.log, "\n")
	if !strings.Contains(log, "status error: Неверный логин или пароль.\n") || strings.Contains(log, "wrong") || strings.Contains(log, "ivanov") {
		t.Errorf("log: %s", log)
	}
}

// withSavedPassword returns a computer whose user has chosen automatic login and saved the password.
func withSavedPassword(g *gatewaytest.Gateway, password string) *computer {
	o := newComputer(g)
	o.memory.personal = settings.Personal{Login: "ivanov", AutoConnect: true, SavePassword: true}
	o.memory.passwords["IdecoAgent: ivanov @ "+address(g)] = password
	return o
}

// The password stays in its field after a refusal for which it may be good.
func TestPasswordMayBeGood(t *testing.T) {
	for _, code := range []string{"directory_unreachable", "store_unavailable", "too_many_attempts"} {
		g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
			switch n {
			case 0:
				c.AnswerVersion()
			case 1:
				c.Refuse(code, "Позже.", 60)
				c.Wait()
			default:
				if m := c.Admit(""); m.Password != "right" {
					t.Errorf("%s: the second login: %+v", code, m)
				}
				c.Wait()
			}
		})
		s := newComputer(g).open(t, true)
		s.waitFor(ready)
		s.typeLogin("ivanov", "right")
		s.Login()
		if f := s.waitFor("Позже."); f.Password.Text != "right" {
			t.Errorf("%s: %+v", code, f.Password)
		}
		s.Login()
		if f := s.waitFor(connected); f.Password.Text != "" {
			t.Errorf("%s: after the login: %+v", code, f.Password)
		}
	}
}

// The program logs in when the gateway begins to answer, and again when the session has expired, but not after an
// administrator has ended it.
func TestProgramLogsIn(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.Drop()
		case 1:
			c.AnswerVersion() // of the next probe
		case 2:
			c.Admit("")
			c.End("expired", "")
			c.Wait()
		default:
			if m := c.Admit(""); m.Password != "right" {
				t.Errorf("%+v", m)
			}
			c.End("admin", "")
			c.Wait()
		}
	})
	s := withSavedPassword(g, "right").open(t, false)
	s.waitFor("Администратор завершил вашу сессию.")
	if len(s.notifications) == 0 || s.notifications[len(s.notifications)-1].Text != "Администратор завершил вашу сессию." {
		t.Errorf("notifications: %+v", s.notifications)
	}
	if n := g.Connections(); n != 4 || s.autoLogin {
		t.Errorf("%d connections", n)
	}
}

func TestSavedPasswordIsWrong(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.AnswerVersion()
			return
		}
		c.Refuse("bad_credentials", "Нет.", 0)
		c.Wait()
	})
	o := withSavedPassword(g, "old")
	s := o.open(t, false)
	f := s.waitFor("Сохранённый пароль не подошёл и удалён. Введите пароль.")
	if len(o.memory.passwords) != 0 || f.Password.Placeholder != "" || !f.Save.Checked {
		t.Errorf("%+v, %+v", o.memory, f)
	}
	if n := g.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestSavedPasswordIsBanned(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	o := withSavedPassword(g, "right")
	o.registry.Restrictions.SavedPassword = true
	s := o.open(t, true)
	if f := s.waitFor(ready); f.Save.Enabled || f.Password.Placeholder != "" || len(o.memory.passwords) != 0 {
		t.Errorf("%+v, %+v", f, o.memory)
	}
	s.SetCheckBoxes(true, true)
	if s.Login() != controlPassword || s.autoLogin {
		t.Error("there is no password")
	}
}

func TestTypedAddress(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	release := make(chan struct{})
	other := gatewaytest.Start(t, g.Root, g.Root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) { <-release; c.AnswerVersion() })
	o := newComputer(g)
	s := o.open(t, true)
	s.waitFor(ready)
	s.SetFieldTexts(FieldTexts{Address: "https://gw"})
	if s.Login() != controlAddress {
		t.Error("an invalid address was accepted")
	}
	s.waitFor("Адрес шлюза в поле «Домен или адрес шлюза» — не имя и не IP-адрес: https://gw.")
	s.SetFieldTexts(FieldTexts{Address: " " + address(other)})
	if !s.UseTypedAddress() {
		t.Error("a valid address was refused")
	}
	if f := s.waitFor("Подключаемся к шлюзу " + address(other) + "…"); f.Address.Text != address(other) {
		t.Errorf("%+v", f)
	}
	close(release)
	s.waitFor(ready)
	if want := (settings.Personal{Address: address(other), AddressOver: address(g)}); o.memory.personal != want {
		t.Errorf("kept: %+v", o.memory.personal)
	}
	s.SetFieldTexts(FieldTexts{})
	s.UseTypedAddress()
	if f := s.Content(); f.Address.Text != address(g) || o.memory.personal != (settings.Personal{}) {
		t.Errorf("%+v", f)
	}
}

// A change of the policy takes effect when the window is shown.
func TestPolicyChanges(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	o := newComputer(g)
	o.registry.Installer.Address = ""
	s := o.open(t, true)
	if f := s.waitFor("Адрес шлюза не указан. Впишите его в поле «Домен или адрес шлюза» или узнайте у администратора."); !f.Address.Enabled {
		t.Errorf("%+v", f)
	}
	if s.firstEmpty() != controlAddress {
		t.Error("there is no address")
	}
	o.registry.Policy.Address = address(g)
	s.SetVisible(true)
	if f := s.waitFor(ready); f.Address.Enabled || f.Address.Text != address(g) {
		t.Errorf("%+v", f)
	}
	o.registry.Policy.Address = "a b"
	s.SetVisible(true)
	if f := s.Content(); f.Address.Enabled || !strings.Contains(f.Status, "a b") || f.Icon != IconError {
		t.Errorf("%+v", f)
	}
}

// A changed pin of the same gateway takes effect when the window is shown.
func TestPinChanges(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	o := newComputer(g)
	o.roots = x509.NewCertPool()
	s := o.open(t, true)
	s.waitFor("Не удалось убедиться, что " + address(g) + " — ваш шлюз. Не вводите пароль. Позвоните администратору.")
	o.registry.Installer.Pin = g.Root.Pin()
	s.SetVisible(true)
	s.waitFor(ready)
}

// While the program cannot tell that the server is the gateway, the window takes no password, and tries again by itself.
func TestNoPasswordForStranger(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	o := newComputer(g)
	o.roots, o.registry.Installer.Pin = nil, g.Root.Pin()
	s := o.open(t, true)
	s.waitFor(ready)
	s.typeLogin("ivanov", "secret")
	o.registry.Installer.Pin = gatewaytest.NewRoot(t, nil).Pin()
	s.SetVisible(true) // the gateway is served with another root than the pinned one
	const changed = "изменился, и шлюз об этом не предупреждал. Не вводите пароль."
	f := s.waitFor("Корневой сертификат шлюза " + address(g) + " " + changed +
		" Позвоните администратору: если сертификат сменил он, установите Ideco агент заново, с новым установщиком.")
	if f.Password.Enabled || f.Main.Enabled || f.SSO.Shown || !f.Login.Enabled || !f.Address.Enabled {
		t.Errorf("%+v", f)
	}
	s.SetFieldTexts(FieldTexts{"ivanov", "", "gw.company.ru"})
	if f := s.Content(); !f.Password.Enabled || !f.Main.Enabled {
		t.Errorf("with another address: %+v", f)
	}
	s.SetFieldTexts(FieldTexts{"ivanov", "", address(g)})
	o.registry.Installer.Pin = g.Root.Pin()
	s.SetVisible(true)
	if f := s.waitFor(ready); !f.Password.Enabled || !f.Main.Enabled {
		t.Errorf("%+v", f)
	}
}

// A login that found another server is followed by probes, so that the window takes a password again once the gateway answers.
func TestProbesAfterStranger(t *testing.T) {
	o := newComputer(gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {}))
	o.service = &fakeService{status: session.Status{Status: client.Status{State: session.Ready}}}
	s := o.open(t, true)
	before := o.service.probes
	for _, c := range []struct {
		state  client.State
		code   string
		probes int
	}{{client.Failed, "bad_credentials", 0}, {client.Connecting, "", 0}, {client.Failed, "not_trusted", 1}, {client.Failed, "not_trusted", 1}} {
		o.service.do(func() {
			o.service.status.State, o.service.status.Code, o.service.status.Login = c.state, c.code, "ivanov"
		})
		s.Refresh()
		if got := o.service.probes - before; got != c.probes {
			t.Errorf("%s %s: %d probes, want %d", c.state, c.code, got, c.probes)
		}
	}
}

// A hidden window does not probe the gateway.
func TestHidden(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Drop() })
	s := newComputer(g).open(t, false)
	if f := s.Content(); f.Status != "Вы не подключены." || g.Connections() != 0 {
		t.Errorf("%+v", f)
	}
	s.SetVisible(true)
	s.waitFor("Шлюз " + address(g) + " не отвечает. Проверьте интернет и адрес.")
	s.SetVisible(false)
	s.waitFor("Вы не подключены.")
}

// fakeService is a session that counts calls. The test sets its status.
type fakeService struct {
	session.Watchers
	mu        sync.Mutex // guards the fields below
	probes    int
	stops     int
	logins    []string // their passwords
	ssoLogins int
	closed    chan struct{} // gets an element at Close; may be nil
	status    session.Status
}

func (f *fakeService) do(call func()) { f.mu.Lock(); defer f.mu.Unlock(); call() }

func (f *fakeService) Probe()                        { f.do(func() { f.probes++ }) }
func (f *fakeService) Login(_, p string)             { f.do(func() { f.logins = append(f.logins, p) }) }
func (f *fakeService) StopProbing()                  { f.do(func() { f.stops++ }) }
func (f *fakeService) Extend(string)                 {}
func (f *fakeService) ChangePassword(_, _, _ string) {}
func (f *fakeService) Logout()                       {}
func (f *fakeService) End()                          {}
func (f *fakeService) LoginSSO()                     { f.do(func() { f.ssoLogins++ }) }

func (f *fakeService) Close() {
	select {
	case f.closed <- struct{}{}:
	default:
	}
}

func (f *fakeService) Status() session.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// The session is in the service for the administrators' gateway, and in this process for another one.
func TestSessionPlace(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	other := gatewaytest.Start(t, g.Root, g.Root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	o := newComputer(g)
	o.service = &fakeService{status: session.Status{Status: client.Status{State: session.Idle}}, closed: make(chan struct{}, 1)}
	s := o.open(t, true)
	if s.InProcess() || o.service.probes != 1 {
		t.Error("the installer's gateway is not in the service")
	}
	s.SetFieldTexts(FieldTexts{Address: address(other)})
	s.UseTypedAddress()
	if !s.InProcess() {
		t.Error("a typed gateway is in the service")
	}
	s.waitFor(ready)
	s.SetFieldTexts(FieldTexts{})
	s.UseTypedAddress()
	if s.InProcess() || o.service.probes != 2 {
		t.Error("the installer's gateway is not in the service again")
	}
	select {
	case <-o.service.closed: // in the background
	case <-time.After(5 * time.Second):
		t.Fatal("the replaced session in the service is not closed")
	}
	o.line = settings.Setting{Source: settings.CommandLine, Address: address(other)}
	if !o.open(t, false).InProcess() {
		t.Error("a gateway of the command line is in the service")
	}
	o.line.Address = address(g)
	if o.open(t, false).InProcess() {
		t.Error("the installer's gateway, named on the command line too, is not in the service")
	}
	// Invalid settings are shown by the session in this process, because the service does not have them.
	o.line.Address = "https://gw"
	s = o.open(t, true)
	s.waitFor("Адрес шлюза в командной строке — не имя и не IP-адрес: https://gw.")
	if s.Login() != controlAddress {
		t.Error("there is no gateway")
	}
	// The session is not replaced during access.
	o.line.Address = ""
	o.service.status = session.Status{Status: client.Status{State: "authorized", Login: "ivanov"}, Holder: session.You}
	s = o.open(t, true)
	o.registry.Policy.Address = address(other)
	o.registry.Installer.Address = ""
	s.SetVisible(true)
	if s.InProcess() {
		t.Error("a session with access was replaced")
	}
}

// When the service returns, the program logs in again, unless the person had logged out.
func TestServiceReturns(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	for _, loggedOut := range []bool{false, true} {
		o := withSavedPassword(g, "right")
		o.service = &fakeService{status: statusOf(client.Authorized, "", "")}
		s := o.open(t, false)
		s.Refresh()
		if loggedOut {
			s.Logout()
		}
		noService := statusOf(session.Idle, "", "")
		noService.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Ждём."}
		for _, v := range []session.Status{noService, statusOf(session.Idle, "", ""), statusOf(session.Ready, "", ""), statusOf(session.Ready, "", "")} {
			o.service.do(func() { o.service.status = v })
			s.Refresh()
		}
		if got := strings.Join(o.service.logins, " "); (got == "right") == loggedOut || loggedOut && got != "" {
			t.Errorf("logged out before: %v; logins with %q", loggedOut, got)
		}
	}
}

// A hidden window stops the service's probes when the automatic login is over.
func TestHiddenInService(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	o := withSavedPassword(g, "right")
	o.service = &fakeService{status: statusOf(session.Idle, "", "")}
	s := o.open(t, true)
	s.SetVisible(false)
	if o.service.stops != 0 {
		t.Error("probing stopped before the automatic login")
	}
	o.service.do(func() { o.service.status = statusOf(client.Authorized, "", "") })
	s.Refresh()
	if o.service.stops != 1 {
		t.Errorf("probing stopped %d times after the login", o.service.stops)
	}
	s.SetVisible(true)
	s.SetVisible(false)
	if o.service.stops != 2 {
		t.Errorf("probing stopped %d times", o.service.stops)
	}
}

// The controller reads the traffic only while the window is visible and the service has a VPN.
func TestTraffic(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	tunnel, lan := statusOf(client.TunnelUp, "", ""), statusOf(client.Authorized, "", "")
	tunnel.Mode, lan.Mode = client.ModeVPN, client.ModeLAN
	other := tunnel
	other.Holder = session.Other
	for _, c := range []struct {
		name           string
		status         session.Status
		visible, known bool
		want           bool
	}{
		{"VPN", tunnel, true, true, true},
		{"VPN, hidden window", tunnel, false, true, false},
		{"VPN without an interface", tunnel, true, false, false},
		{"local network", lan, true, true, false},
		{"another user's access", other, true, true, false},
	} {
		o := newComputer(g)
		o.service = &fakeService{status: c.status}
		s := o.open(t, c.visible)
		asked := false
		s.cfg.Traffic = func() (Traffic, bool) { asked = true; return Traffic{Received: 512}, c.known }
		shown := false
		for _, r := range s.Content().Rows {
			shown = shown || r == (Row{"Получено", "512 Б"})
		}
		if shown != c.want || asked != (c.want || !c.known) {
			t.Errorf("%s: shown %v, asked %v", c.name, shown, asked)
		}
	}
}

// After an update the program shows its window only when access was lost and the password must be typed.
func TestRestartsHidden(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	access, none := statusOf(client.Authorized, "", ""), statusOf(session.Idle, "", "")
	other := statusOf(session.Idle, "", "")
	other.Holder = session.Other
	for _, c := range []struct {
		name   string
		status session.Status
		auto   bool
		want   bool
	}{
		{"no access", none, false, true},
		{"another user's access", other, false, true},
		{"access with a typed password", access, false, false},
		{"access with automatic login", access, true, true},
	} {
		o := withSavedPassword(g, "right")
		o.memory.personal.AutoConnect = c.auto
		o.service = &fakeService{status: c.status}
		if got := o.open(t, false).RestartsHidden(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
