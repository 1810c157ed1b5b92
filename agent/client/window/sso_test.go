package window

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/protocol"
)

// fakeTickets are those of a person; empty = none.
type fakeTickets string

func (f fakeTickets) Person() string { return string(f) }

func (f fakeTickets) Token(context.Context, string) ([]byte, error) {
	return []byte("token of " + string(f)), nil
}

const (
	me       = "ivanov@COMPANY.RU"
	readySSO = "Шлюз на связи. Войдите без пароля или введите логин и пароль."
)

func TestSSOContent(t *testing.T) {
	offering := func(state client.State) session.Status {
		v := statusOf(state, "", "")
		v.SSO = []string{"company.ru"}
		return v
	}
	loggingIn, other := offering(client.Connecting), offering(session.Ready)
	loggingIn.Login, loggingIn.BySSO = me, true
	other.Holder = session.Other
	for _, c := range []struct {
		name   string
		is     session.Status
		person string
		want   bool
	}{
		{"offered", offering(session.Ready), me, true},
		{"after a refusal", offering(client.Failed), me, true},
		{"after the end", offering(client.Ended), me, true},
		{"not offered", statusOf(session.Ready, "", ""), me, false},
		{"no tickets", offering(session.Ready), "", false},
		{"another domain", offering(session.Ready), "ivanov@OTHER.RU", false},
		{"during the login", loggingIn, me, false},
		{"access", offering(client.Authorized), me, false},
		{"another person's access", other, me, false},
	} {
		in := input(c.is)
		in.Person = c.person
		content := BuildContent(in)
		if content.SSO.Shown != c.want || content.canFocus(controlSSO) != c.want || content.SSO.Text != "Войти без пароля" {
			t.Errorf("%s: %+v", c.name, content.SSO)
		}
		var items int
		for _, item := range content.Tray.Menu {
			if item.Action == ActionSSO {
				items++
			}
		}
		if (items == 1) != c.want || items > 1 {
			t.Errorf("%s: %+v", c.name, content.Tray.Menu)
		}
	}
	in := input(offering(session.Ready))
	in.Person, in.Message = me, "Шлюз на связи. Введите логин и пароль."
	if got := BuildContent(in).Status; got != readySSO {
		t.Error(got)
	}
	up := statusOf(client.Authorized, "", "")
	up.Mode, up.BySSO, up.Login = client.ModeLAN, true, me
	if got := card(BuildContent(input(up))); got != "Вы вошли как ivanov@COMPANY.RU из локальной сети|Шлюз gw.ru|Вход без пароля" {
		t.Error(got)
	}
}

// The check box for the automatic login needs no saved password where SSO is possible.
func TestSSOCheckBoxes(t *testing.T) {
	for _, c := range []struct {
		name      string
		sso       bool
		banned    bool
		save      bool
		auto      bool
		want      settings.Personal
		autoShown bool
	}{
		{"auto alone", true, false, false, true, settings.Personal{AutoConnect: true}, true},
		{"both", true, false, true, true, settings.Personal{AutoConnect: true, SavePassword: true}, true},
		{"auto, banned", true, true, false, true, settings.Personal{AutoConnect: true}, true},
		{"neither, banned", true, true, false, false, settings.Personal{}, false},
		{"auto alone without SSO", false, false, false, true, settings.Personal{AutoConnect: true, SavePassword: true}, true},
		{"auto, banned, without SSO", false, true, false, true, settings.Personal{}, false},
	} {
		o, s := openSSO(t, fakeTickets(me), c.banned, func(n int, conn *gatewaytest.Conn) {
			if c.sso {
				conn.AnswerVersion("company.ru")
			} else {
				conn.AnswerVersion()
			}
			conn.Wait()
		}, settings.Personal{})
		if c.sso {
			s.waitFor(readySSO)
		} else {
			s.waitFor(ready)
		}
		s.SetCheckBoxes(c.save, c.auto)
		if o.memory.personal != c.want {
			t.Errorf("%s: %+v", c.name, o.memory.personal)
		}
		if got := s.Content().Auto; got.Checked != c.autoShown || got.Enabled == (c.banned && !c.sso) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// openSSO opens a visible window for the gateway gw.company.ru.
func openSSO(t *testing.T, tickets client.Tickets, banned bool, serve func(n int, c *gatewaytest.Conn), personal settings.Personal) (*computer, *testController) {
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, func(c *x509.Certificate) { c.DNSNames = []string{"gw.company.ru"} })
	g := gatewaytest.Start(t, root, leaf, serve)
	o := newComputer(g)
	o.registry.Installer.Address = "gw.company.ru"
	o.registry.Restrictions.SavedPassword = banned
	o.memory.personal = personal
	o.local = session.Config{Roots: o.roots, Tickets: tickets, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(g.Host, fmt.Sprint(g.Port)))
	}}
	return o, o.open(t, true)
}

// admitSSO gives access for a token.
func admitSSO(t *testing.T, c *gatewaytest.Conn) {
	if m := c.Challenge("s1"); m == nil {
		t.Error("no token")
	}
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "10.0.0.5", Grace: 30})
}

// A person logs in by the button, and falls back to the password.
func TestPersonLogsInWithTickets(t *testing.T) {
	_, s := openSSO(t, fakeTickets(me), false, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		switch n {
		case 1:
			c.Challenge("s1")
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "sso_refused", Message: "Не узнали."})
		case 2:
			if m := c.Authorize(); m == nil || m.Login != "ivanov" || m.Password != "right" {
				t.Errorf("%+v", m)
			}
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "10.0.0.5"})
		case 3:
			admitSSO(t, c)
		}
		c.Wait()
	}, settings.Personal{})
	s.waitFor(readySSO)
	s.typeLogin("ivanov", "right")
	if missing := s.LoginSSO(); missing != "" {
		t.Errorf("%q is missing", missing)
	}
	if f := s.waitFor("Не узнали."); !f.Form || !f.SSO.Shown || f.Password.Text != "right" {
		t.Errorf("%+v", f)
	}
	s.Login()
	if f := s.waitFor(connected); strings.Contains(card(f), "без пароля") {
		t.Error(card(f))
	}
	s.Logout()
	s.waitFor("Вы вышли. Доступ закрыт.")
	s.LoginSSO()
	if f := s.waitFor(connected); !strings.Contains(f.Who, me) || !strings.Contains(card(f), "Вход без пароля") {
		t.Error(card(f))
	}
	if p := s.personal; p.Login != "ivanov" {
		t.Errorf("%+v", p)
	}
}

// The program logs in by itself at the start, and after the session has expired.
func TestAutomaticSSO(t *testing.T) {
	_, s := openSSO(t, fakeTickets(me), true, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		switch n {
		case 1:
			admitSSO(t, c)
			c.End("expired", "Время вышло.")
		case 2:
			admitSSO(t, c)
			c.End("admin", "Закрыто.")
		}
		c.Wait()
	}, settings.Personal{AutoConnect: true})
	s.waitFor("Закрыто.")
	if s.autoLogin {
		t.Error("logs in after an administrator's end")
	}
}

// A saved password comes first.
func TestAutomaticLoginWithPassword(t *testing.T) {
	o, _ := openSSO(t, fakeTickets(""), false, func(int, *gatewaytest.Conn) {}, settings.Personal{})
	o.memory.personal = settings.Personal{AutoConnect: true, SavePassword: true, Login: "ivanov"}
	o.service = &fakeService{status: session.Status{Status: client.Status{State: session.Ready, SSO: []string{"company.ru"}}, Holder: session.Nobody}}
	o.local.Tickets = fakeTickets(me)
	o.memory.passwords[target(settings.Gateway{Host: "gw.company.ru", Port: 14765}, "ivanov")] = "right"
	o.open(t, false).Refresh()
	if o.service.ssoLogins != 0 || len(o.service.logins) != 1 {
		t.Errorf("%d, %q", o.service.ssoLogins, o.service.logins)
	}
	o.memory.passwords = map[string]string{}
	o.service.logins = nil
	s := o.open(t, false)
	s.Refresh()
	s.Refresh() // the status does not show the login yet
	if o.service.ssoLogins != 1 || len(o.service.logins) != 0 {
		t.Errorf("without a saved password: %d, %q", o.service.ssoLogins, o.service.logins)
	}
	if got := s.RestartsHidden(); !got {
		t.Error("the window is shown after an update")
	}
}

func TestSSOTexts(t *testing.T) {
	for _, lang := range []locale.Lang{locale.Russian, locale.English} {
		if n := len([]rune(locale.Text(lang, locale.LogInSSO))); n > 24 {
			t.Errorf("%s: the button's text has %d letters, which do not fit beside the main button", lang, n)
		}
	}
}
