package window

import (
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/protocol"
)

// typeChange types into the form that changes the password, and asks for the change.
func (s *testController) typeChange(current, new, repeat string) control {
	s.SetChangeTexts(ChangeTexts{current, new, repeat})
	return s.ChangePassword()
}

// refuseChange reads version and change_password and refuses.
func refuseChange(t *testing.T, c *gatewaytest.Conn, code, message string) {
	c.AnswerVersion()
	if m := c.ChangePassword(); m == nil || m.Login != "ivanov" || m.Password != "old" {
		t.Errorf("%+v", m)
	}
	c.AnswerChange(false, code, message)
	c.Wait()
}

// The password of a refused login is changed in the window, at the second try, and the person is logged in. The saved password is
// replaced.
func TestPersonChangesExpiredPassword(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.AnswerVersion()
		case 1:
			c.RefuseChangeable("password_expired", "Срок истёк.")
			c.Wait()
		case 2:
			refuseChange(t, c, "password_rejected", "Слишком короткий.")
		default:
			c.AnswerVersion()
			if m := c.ChangePassword(); m == nil || m.Password != "old" || m.NewPassword != "newer" {
				t.Errorf("%+v", m)
			}
			c.AnswerChange(false, protocol.PasswordChanged, "Windows помнит старый пароль.")
			if m := c.Authorize(); m == nil || m.Password != "newer" {
				t.Errorf("%+v", m)
			}
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
			c.Wait()
		}
	})
	o := withSavedPassword(g, "old")
	o.memory.personal.AutoConnect = false
	s := o.open(t, true)
	s.waitFor(ready)
	s.Login() // with the saved password
	f := s.waitFor("Срок истёк.")
	if !f.Change || f.Form || f.Current.Shown || f.Who != "Смена пароля для ivanov" || f.Main.Text != "Сменить пароль и войти" {
		t.Errorf("%+v", f)
	}
	if s.CloseChange(); !s.Content().Form || s.Content().Toggle.Action != ActionOpenChange {
		t.Errorf("back: %+v", s.Content())
	}
	if s.OpenChange(); !s.Content().Change {
		t.Errorf("again: %+v", s.Content())
	}
	for _, c := range []struct {
		new, repeat string
		missing     control
		says        string
	}{
		{"", "", controlNew, "Придумайте и введите новый пароль."},
		{"x", "", controlRepeat, "Введите новый пароль ещё раз, чтобы не ошибиться."},
		{"x", "y", controlNew, "Новый пароль введён по-разному. Введите его дважды ещё раз."},
	} {
		if got := s.typeChange("", c.new, c.repeat); got != c.missing || s.Content().Status != c.says {
			t.Errorf("%+v: %s, %+v", c, got, s.Content())
		}
	}
	if f := s.Content(); f.New.Text+f.Repeat.Text != "" {
		t.Errorf("passwords that differ stay: %+v", f)
	}
	if missing := s.typeChange("", "x", "x"); missing != "" {
		t.Errorf("%s is missing", missing)
	}
	if f := s.Content(); f.New.Enabled || !f.Change {
		t.Errorf("while it is changed: %+v", f)
	}
	if f := s.waitFor("Слишком короткий."); !f.Change || f.New.Text+f.Repeat.Text != "" || !f.New.Enabled || f.Main.Action != ActionChange {
		t.Errorf("%+v", f)
	}
	s.typeChange("", "newer", "newer")
	f = s.waitFor(connected)
	if f.Change || f.Password.Text != "" || len(f.Notes) != 1 || f.Notes[0] != "Windows помнит старый пароль." {
		t.Errorf("%+v", f)
	}
	if got := o.memory.passwords; len(got) != 1 || got["IdecoAgent: ivanov @ "+address(g)] != "newer" {
		t.Errorf("kept: %v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if log := strings.Join(s.log, "\n"); strings.Contains(log, "newer") || strings.Contains(log, "old") {
		t.Errorf("log: %s", log)
	}
}

// What the window shows after other results of a change before a login.
func TestChangeEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*testing.T, *gatewaytest.Conn)
		status string
		change bool // the form stays
		saved  string
	}{
		{"the old password is wrong", func(t *testing.T, c *gatewaytest.Conn) { refuseChange(t, c, "bad_credentials", "Неверный.") },
			"Сохранённый пароль не подошёл и удалён. Введите пароль.", false, ""},
		{"not here", func(t *testing.T, c *gatewaytest.Conn) { refuseChange(t, c, "password_elsewhere", "Не здесь.") }, "Не здесь.", false, "old"},
		{"later", func(t *testing.T, c *gatewaytest.Conn) { refuseChange(t, c, "too_many_attempts", "Позже.") }, "Позже.", true, "old"},
		{"lost", func(t *testing.T, c *gatewaytest.Conn) { c.AnswerVersion(); c.ChangePassword(); c.Drop() }, "не отвечает", false, "old"},
		{"changed, but not admitted", func(t *testing.T, c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.ChangePassword()
			c.AnswerChange(false, protocol.PasswordChanged, "Готово.")
			c.Authorize()
			c.AnswerChange(false, "device_limit", "Предел.")
			c.Wait()
		}, "Предел.", false, "newer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := gatewaytest.New(t, func(n int, conn *gatewaytest.Conn) {
				switch n {
				case 0:
					conn.AnswerVersion()
				case 1:
					conn.RefuseChangeable("password_must_change", "Смените.")
					conn.Wait()
				default:
					c.answer(t, conn)
				}
			})
			o := withSavedPassword(g, "old")
			o.memory.personal.AutoConnect = false
			s := o.open(t, true)
			s.waitFor(ready)
			s.Login()
			s.waitFor("Смените.")
			s.typeChange("", "newer", "newer")
			status := c.status
			if c.name == "lost" {
				status = "Шлюз " + address(g) + " не отвечает. Проверьте интернет и адрес."
			}
			f := s.waitFor(status)
			if f.Change != c.change || f.Form == c.change || f.New.Text+f.Repeat.Text != "" || s.change.pending {
				t.Errorf("%+v", f)
			}
			if got := o.memory.passwords["IdecoAgent: ivanov @ "+address(g)]; got != c.saved {
				t.Errorf("saved: %q", got)
			}
			notes := strings.Join(f.Notes, " ")
			if c.name == "lost" && !strings.Contains(notes, "пароль мог уже смениться") || c.saved == "newer" && !strings.Contains(notes, "Готово.") {
				t.Errorf("notes: %q", notes)
			}
		})
	}
}

// The password is changed during a session, which goes on. The current password is asked for.
func TestPersonChangesPasswordDuringSession(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.AnswerVersion()
			return
		}
		c.Admit("")
		for _, answer := range []string{"bad_credentials", protocol.PasswordChanged} {
			if m := c.ChangePassword(); m == nil || m.Password != "typed" || m.NewPassword != "newer" {
				t.Errorf("%+v", m)
			}
			c.AnswerChange(true, answer, "Ответ: "+answer)
		}
		c.Wait()
	})
	o := newComputer(g)
	s := o.open(t, true)
	s.waitFor(ready)
	s.typeLogin("ivanov", "old")
	s.Login()
	s.waitFor(connected)
	s.OpenChange()
	if missing := s.typeChange("", "newer", "newer"); missing != controlCurrent {
		t.Errorf("%q is missing", missing)
	}
	s.typeChange("typed", "newer", "newer")
	if f := s.Content(); !f.Change || f.New.Enabled || f.Main.Enabled {
		t.Errorf("%+v", f)
	}
	f := s.waitFor("Ответ: bad_credentials")
	if !f.Change || f.Icon != IconError || f.Tray.Icon != IconOK || !f.New.Enabled || f.Password.Shown || len(f.Notes) != 0 || f.Current.Text+f.New.Text != "" {
		t.Errorf("%+v", f)
	}
	s.CloseChange()
	if f := s.Content(); f.Status != connected || len(f.Notes) != 0 {
		t.Errorf("back on the card: %+v", f)
	}
	if s.OpenChange(); s.Content().Status != connected {
		t.Errorf("opened again: %+v", s.Content())
	}
	if s.typeChange("typed", "a", "b"); s.Content().Status != "Новый пароль введён по-разному. Введите его дважды ещё раз." || len(s.Content().Notes) != 0 {
		t.Errorf("%+v", s.Content())
	}
	s.typeChange("typed", "newer", "newer")
	for s.change.pending {
		<-s.changed
		s.Refresh()
	}
	if f := s.waitFor(connected); f.Change || f.Form || f.Toggle.Action != ActionOpenChange || len(f.Notes) != 1 || f.Notes[0] != "Ответ: password_changed" {
		t.Errorf("%+v", f)
	}
	s.SetCheckBoxes(true, false)
	if got := o.memory.passwords["IdecoAgent: ivanov @ "+address(g)]; got != "newer" {
		t.Errorf("saved: %q", got)
	}
}

// The old password is not sent to another gateway.
func TestChangeAtAnotherGateway(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.AnswerVersion()
			return
		}
		c.RefuseChangeable("password_expired", "Срок истёк.")
		c.Wait()
	})
	other := gatewaytest.Start(t, g.Root, g.Root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if m := c.Read(); m != nil {
			t.Errorf("the other gateway got %T", m)
		}
	})
	o := newComputer(g)
	s := o.open(t, true)
	s.waitFor(ready)
	s.typeLogin("ivanov", "old")
	s.Login()
	s.waitFor("Срок истёк.")
	o.registry.Policy.Address = address(other)
	if missing := s.typeChange("", "newer", "newer"); missing != controlPassword || s.Content().Change || s.Content().Toggle.Shown {
		t.Errorf("%s, %+v", missing, s.Content())
	}
}

// Nothing offers a change with a service that does not know it.
func TestOlderServiceOffersNoChange(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	for _, can := range []bool{false, true} {
		o := newComputer(g)
		o.registry.Policy = settings.Setting{Source: settings.Policy, Address: address(g), Pin: g.Root.Pin()}
		o.service = &fakeService{}
		o.service.status = statusOf("authorized", "", "")
		o.service.status.ChangesPasswords = can
		s := o.open(t, true)
		if s.OpenChange(); s.Content().Change != can || s.InProcess() {
			t.Errorf("%v: %+v", can, s.Content())
		}
		// Another person's access closes the form.
		o.service.do(func() { o.service.status = session.Status{Holder: session.Other, ChangesPasswords: can} })
		if s.Refresh(); s.Content().Change || s.change.open {
			t.Errorf("%+v", s.Content())
		}
	}
}
