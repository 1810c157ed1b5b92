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

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// memory is a safe and a place for settings that last as long as the test.
type memory struct {
	personal  settings.Personal
	passwords map[string]string
}

func (m *memory) Load() (settings.Personal, error)       { return m.personal, nil }
func (m *memory) Save(p settings.Personal) error         { m.personal = p; return nil }
func (m *memory) Password(target string) (string, error) { return m.passwords[target], nil }
func (m *memory) SetPassword(target, password string) error {
	if delete(m.passwords, target); password != "" {
		m.passwords[target] = password
	}
	return nil
}

// driven is a Controller under test, its window's goroutine being the test's.
type driven struct {
	*Controller
	t       *testing.T
	changed chan struct{}
	news    []Notification
	mu      sync.Mutex // guards log
	log     []string
}

type computer struct {
	memory   *memory
	registry settings.Registry
	line     settings.Setting
	service  *fakeService
	roots    *x509.CertPool
	g        *gatewaytest.Gateway
}

func newComputer(g *gatewaytest.Gateway) *computer {
	o := &computer{memory: &memory{passwords: map[string]string{}}, roots: g.Root.Pool(), g: g}
	o.registry.Policy.Source = settings.Policy
	o.registry.Installer = settings.Setting{Source: settings.Installer, Address: address(g)}
	return o
}

func address(g *gatewaytest.Gateway) string { return g.Host + ":" + strconv.Itoa(int(g.Port)) }

func (o *computer) open(t *testing.T, visible bool) *driven {
	s := &driven{t: t, changed: make(chan struct{}, 1)}
	cfg := Config{Lang: locale.Russian, CommandLine: o.line, Registry: func() settings.Registry { return o.registry },
		Personal: o.memory, Passwords: o.memory,
		Local: session.Config{Device: agent.Device{ID: "d1", Name: "pc", OS: "windows"}, Roots: o.roots},
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

// waits until the window shows a status.
func (s *driven) waits(status string) Content {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.news = append(s.news, s.Refresh()...)
		f := s.Content()
		s.LogStatus(f)
		if f.Status == status {
			s.news = append(s.news, s.Refresh()...) // Content may know more than the Refresh before it
			if f = s.Content(); f.Status == status {
				return f
			}
		}
		select {
		case <-s.changed:
		case <-deadline:
			s.t.Fatalf("waited for %q, there is %+v", status, s.Content())
		}
	}
}

func (s *driven) types(login, password string) {
	s.SetFieldTexts(FieldTexts{login, password, s.Content().Address.Text})
}

const (
	ready  = "Связь с сервером установлена."
	inside = "Вы подключены, доступ открыт."
)

func TestPersonLogsIn(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.Hello()
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
	if f := s.waits(ready); f.Address.Text != address(g) || f.Main.Action != ActionLogin {
		t.Errorf("%+v", f)
	}
	if s.firstEmpty() != controlLogin || s.Login() != controlLogin {
		t.Error("there is no login yet")
	}
	s.waits("Введите логин.")
	s.types(" ivanov ", "")
	if s.firstEmpty() != controlPassword || s.Login() != controlPassword {
		t.Error("there is no password yet")
	}
	s.waits("Введите пароль.")
	s.types("ivanov", "wrong")
	s.Login()
	if f := s.waits("Неверный логин или пароль."); f.Password.Text != "" || f.Login.Text != "ivanov" {
		t.Errorf("%+v", f)
	}
	s.types("ivanov", "right")
	s.Login()
	if f := s.waits(inside); f.Password.Text != "" || f.Who != "Вы вошли как ivanov из локальной сети" {
		t.Errorf("%+v", f)
	}
	if o.memory.personal != (settings.Personal{Login: "ivanov"}) || len(o.memory.passwords) != 0 {
		t.Errorf("kept: %+v", o.memory)
	}
	s.SetCheckBoxes(false, true) // one box means the other; and it is about what has opened the access already
	if len(o.memory.passwords) != 1 || !o.memory.personal.AutoConnect {
		t.Errorf("kept: %+v", o.memory)
	}
	s.SetCheckBoxes(false, true)
	if len(o.memory.passwords) != 0 || o.memory.personal.AutoConnect {
		t.Errorf("kept: %+v", o.memory)
	}
	s.Logout()
	s.waits("Вы вышли. Доступ закрыт.")
	if len(s.news) != 0 {
		t.Errorf("told: %+v", s.news)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	log := strings.Join(s.log, "\n")
	if !strings.Contains(log, "status error: Неверный логин или пароль.\n") || strings.Contains(log, "wrong") || strings.Contains(log, "ivanov") {
		t.Errorf("log: %s", log)
	}
}

// with gives a computer in which a person has chosen to be logged in by the program.
func with(g *gatewaytest.Gateway, password string) *computer {
	o := newComputer(g)
	o.memory.personal = settings.Personal{Login: "ivanov", AutoConnect: true, SavePassword: true}
	o.memory.passwords["IdecoAgent: ivanov @ "+address(g)] = password
	return o
}

// The gateway is not there yet when the program starts; later the session runs out, and then an administrator ends it.
func TestProgramLogsIn(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.Drop()
		case 1:
			c.Hello() // of the next probe
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
	s := with(g, "right").open(t, false)
	s.waits("Администратор завершил вашу сессию.")
	if len(s.news) == 0 || s.news[len(s.news)-1].Text != "Администратор завершил вашу сессию." {
		t.Errorf("told: %+v", s.news)
	}
	if n := g.Connections(); n != 4 || s.autoLogin {
		t.Errorf("%d connections", n)
	}
}

func TestSavedPasswordIsWrong(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.Hello()
			return
		}
		c.Refuse("bad_credentials", "Нет.", 0)
		c.Wait()
	})
	o := with(g, "old")
	s := o.open(t, false)
	f := s.waits("Сохранённый пароль не подошёл и удалён. Введите пароль.")
	if len(o.memory.passwords) != 0 || f.Password.Placeholder != "" || !f.Save.Checked {
		t.Errorf("%+v, %+v", o.memory, f)
	}
	if n := g.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestSavedPasswordIsBanned(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello() })
	o := with(g, "right")
	o.registry.Restrictions.SavedPassword = true
	s := o.open(t, true)
	if f := s.waits(ready); f.Save.Enabled || f.Password.Placeholder != "" || len(o.memory.passwords) != 0 {
		t.Errorf("%+v, %+v", f, o.memory)
	}
	s.SetCheckBoxes(true, true)
	if s.Login() != controlPassword || s.autoLogin {
		t.Error("there is no password")
	}
}

func TestTypedAddress(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello() })
	look := make(chan struct{})
	other := gatewaytest.Start(t, g.Root, g.Root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) { <-look; c.Hello() })
	o := newComputer(g)
	s := o.open(t, true)
	s.waits(ready)
	s.SetFieldTexts(FieldTexts{Address: "https://gw"})
	if s.Login() != controlAddress {
		t.Error("that is no address")
	}
	s.waits("Адрес шлюза в поле «Домен или адрес шлюза» — не имя и не IP-адрес: https://gw.")
	s.SetFieldTexts(FieldTexts{Address: " " + address(other)})
	if !s.UseTypedAddress() {
		t.Error("that is an address")
	}
	if f := s.waits("Подключаемся к шлюзу " + address(other) + "…"); f.Address.Text != address(other) {
		t.Errorf("%+v", f)
	}
	close(look)
	s.waits(ready)
	if want := (settings.Personal{Address: address(other), AddressOver: address(g)}); o.memory.personal != want {
		t.Errorf("kept: %+v", o.memory.personal)
	}
	s.SetFieldTexts(FieldTexts{})
	s.UseTypedAddress()
	if f := s.Content(); f.Address.Text != address(g) || o.memory.personal != (settings.Personal{}) {
		t.Errorf("%+v", f)
	}
}

// What administrators change counts from the next probe on.
func TestPolicyChanges(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello() })
	o := newComputer(g)
	o.registry.Installer.Address = ""
	s := o.open(t, true)
	if f := s.waits("Адрес шлюза не указан. Впишите его в поле «Домен или адрес шлюза» или узнайте у администратора."); !f.Address.Enabled {
		t.Errorf("%+v", f)
	}
	if s.firstEmpty() != controlAddress {
		t.Error("there is no address")
	}
	o.registry.Policy.Address = address(g)
	s.SetVisible(true)
	if f := s.waits(ready); f.Address.Enabled || f.Address.Text != address(g) {
		t.Errorf("%+v", f)
	}
	o.registry.Policy.Address = "a b"
	s.SetVisible(true)
	if f := s.Content(); f.Address.Enabled || !strings.Contains(f.Status, "a b") || f.Icon != IconError {
		t.Errorf("%+v", f)
	}
}

// The right pin of the same gateway counts as soon as an administrator has set it.
func TestPinChanges(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello() })
	o := newComputer(g)
	o.roots = x509.NewCertPool()
	s := o.open(t, true)
	s.waits("Не удалось убедиться, что " + address(g) + " — ваш шлюз. Не вводите пароль. Позвоните администратору.")
	o.registry.Installer.Pin = g.Root.Pin()
	s.SetVisible(true)
	s.waits(ready)
}

// A window that nobody sees leaves the gateway in peace.
func TestHidden(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Drop() })
	s := newComputer(g).open(t, false)
	if f := s.Content(); f.Status != "Вы не подключены." || g.Connections() != 0 {
		t.Errorf("%+v", f)
	}
	s.SetVisible(true)
	s.waits("Шлюз " + address(g) + " не отвечает. Проверьте интернет и адрес.")
	s.SetVisible(false)
	s.waits("Вы не подключены.")
}

// fakeService is a session in which nothing ever happens.
type fakeService struct {
	session.Watchers
	mu     sync.Mutex // guards what follows
	probes int
	rests  int
	logins []string      // their passwords
	closed chan struct{} // told of a Close; may be nil
	status session.Status
}

func (f *fakeService) do(what func()) { f.mu.Lock(); defer f.mu.Unlock(); what() }

func (f *fakeService) Probe()            { f.do(func() { f.probes++ }) }
func (f *fakeService) Login(_, p string) { f.do(func() { f.logins = append(f.logins, p) }) }
func (f *fakeService) StopProbing()      { f.do(func() { f.rests++ }) }
func (f *fakeService) Extend(string)     {}
func (f *fakeService) Logout()           {}
func (f *fakeService) End()              {}

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

// What the computer's administrators named is the service's; what a plain user names gets a login in the window's own process.
func TestWhichSession(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Hello() })
	other := gatewaytest.Start(t, g.Root, g.Root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) { c.Hello() })
	o := newComputer(g)
	o.service = &fakeService{status: session.Status{Status: client.Status{State: session.Idle}}, closed: make(chan struct{}, 1)}
	s := o.open(t, true)
	if s.InProcess() || o.service.probes != 1 {
		t.Error("the installer's gateway is the service's")
	}
	s.SetFieldTexts(FieldTexts{Address: address(other)})
	s.UseTypedAddress()
	if !s.InProcess() {
		t.Error("a typed gateway is not the service's")
	}
	s.waits(ready)
	s.SetFieldTexts(FieldTexts{})
	s.UseTypedAddress()
	if s.InProcess() || o.service.probes != 2 {
		t.Error("back in the service")
	}
	select {
	case <-o.service.closed: // in the background
	case <-time.After(5 * time.Second):
		t.Fatal("the session in the service that was left is not closed")
	}
	o.line = settings.Setting{Source: settings.CommandLine, Address: address(other)}
	if !o.open(t, false).InProcess() {
		t.Error("a gateway of the command line is not the service's")
	}
	o.line.Address = address(g)
	if o.open(t, false).InProcess() {
		t.Error("the installer's gateway is the service's, whoever names it besides")
	}
	// The service does not know what is wrong here, and would say that all is well.
	o.line.Address = "https://gw"
	s = o.open(t, true)
	s.waits("Адрес шлюза в командной строке — не имя и не IP-адрес: https://gw.")
	if s.Login() != controlAddress {
		t.Error("there is no gateway")
	}
	// Access of the service is not left for another session.
	o.line.Address = ""
	o.service.status = session.Status{Status: client.Status{State: "authorized", Login: "ivanov"}, Holder: session.You}
	s = o.open(t, true)
	o.registry.Policy.Address = address(other)
	o.registry.Installer.Address = ""
	s.SetVisible(true)
	if s.InProcess() {
		t.Error("left a session with access")
	}
}

// The service goes and comes back. The program asks for the access again, unless the person had logged out.
func TestServiceComesBack(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	for _, loggedOut := range []bool{false, true} {
		o := with(g, "right")
		o.service = &fakeService{status: statusOf(client.Authorized, "", "")}
		s := o.open(t, false)
		s.Refresh()
		if loggedOut {
			s.Logout()
		}
		gone := statusOf(session.Idle, "", "")
		gone.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Ждём."}
		for _, v := range []session.Status{gone, statusOf(session.Idle, "", ""), statusOf(session.Ready, "", ""), statusOf(session.Ready, "", "")} {
			o.service.do(func() { o.service.status = v })
			s.Refresh()
		}
		if got := strings.Join(o.service.logins, " "); (got == "right") == loggedOut || loggedOut && got != "" {
			t.Errorf("logged out before: %v; logins with %q", loggedOut, got)
		}
	}
}

// A hidden window asks for nothing, in the service neither, as soon as the program has nothing to do by itself.
func TestHiddenInService(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	o := with(g, "right")
	o.service = &fakeService{status: statusOf(session.Idle, "", "")}
	s := o.open(t, true)
	s.SetVisible(false)
	if o.service.rests != 0 {
		t.Error("it has to log in yet")
	}
	o.service.do(func() { o.service.status = statusOf(client.Authorized, "", "") })
	s.Refresh()
	if o.service.rests != 1 {
		t.Errorf("%d rests after the login", o.service.rests)
	}
	s.SetVisible(true)
	s.SetVisible(false)
	if o.service.rests != 2 {
		t.Errorf("%d rests", o.service.rests)
	}
}

// Traffic is asked for while somebody looks at a VPN of the service, and never otherwise.
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
		{"VPN that nobody looks at", tunnel, false, true, false},
		{"VPN without an interface", tunnel, true, false, false},
		{"local network", lan, true, true, false},
		{"somebody else's", other, true, true, false},
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

// After an update the program shows itself only to who has lost the access by that and must type the password.
func TestReturnsHidden(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	in, out := statusOf(client.Authorized, "", ""), statusOf(session.Idle, "", "")
	other := statusOf(session.Idle, "", "")
	other.Holder = session.Other
	for _, c := range []struct {
		name   string
		status session.Status
		auto   bool
		want   bool
	}{
		{"no access", out, false, true},
		{"somebody else's access", other, false, true},
		{"access with a typed password", in, false, false},
		{"access that comes back by itself", in, true, true},
	} {
		o := with(g, "right")
		o.memory.personal.AutoConnect = c.auto
		o.service = &fakeService{status: c.status}
		if got := o.open(t, false).RestartsHidden(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
