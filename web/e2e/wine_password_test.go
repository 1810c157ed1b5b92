//go:build wine

package e2e

import (
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

const (
	textExpired  = "Срок действия пароля истёк."
	textRejected = "Новый пароль слишком короткий."
	textChanged  = "Пароль изменён. Windows помнит прежний"
	buttonChange = "Сменить пароль и войти"
	buttonOnCard = "Сменить пароль"
	buttonOpen   = "Сменить пароль…"
	buttonBack   = "Назад"
)

// passwords is a gateway at which the password has expired. It refuses the new password short.
type passwords struct {
	t       *testing.T
	current string
	expired bool
}

func (p *passwords) serve(c *gatewaytest.Conn) {
	in := false
	for {
		switch m := c.Read().(type) {
		case *protocol.Version:
			c.Send(protocol.Update{Type: protocol.TypeUpdate})
		case *protocol.Authorize:
			if m.Password != p.current || p.expired {
				c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "password_expired", Message: textExpired, ChangePassword: true})
				continue
			}
			in = true
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1"})
		case *protocol.ChangePassword:
			switch {
			case m.Login != "ivanov" || m.Password != p.current:
				p.t.Errorf("change_password: %+v, the password is %s", m, p.current)
				c.AnswerChange(in, "bad_credentials", textWrong)
			case m.NewPassword == "short":
				c.AnswerChange(in, "password_rejected", textRejected)
			default:
				p.current, p.expired = m.NewPassword, false
				c.AnswerChange(in, protocol.PasswordChanged, textChanged)
			}
		case *protocol.Unauthorize:
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
			return
		default:
			return
		}
	}
}

// edit returns the visible input field with a number, from 0.
func edit(n int) func(control) control {
	return func(w control) control {
		for _, c := range w.Controls {
			if c.Class == "Edit" && c.Visible {
				if n--; n < 0 {
					return c
				}
			}
		}
		return control{}
	}
}

// TestWinePassword changes an expired password in the window by keyboard, and then another time during the session.
func TestWinePassword(t *testing.T) {
	at := &passwords{t: t, current: "old", expired: true}
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { at.serve(c) })
	p := newPrefix(t)
	p.must("winecfg", "/v", "win8")
	d := p.desktop()
	program, err := filepath.Abs(filepath.FromSlash("../../build/IdecoAgent-win8.exe"))
	if err != nil {
		t.Fatal(err)
	}
	d.starts("the window", anyWindow, windowsPath(program), "utm_address="+net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port))), "utm_pin="+g.Root.Pin(), "--lang", "ru")
	d.says(textReady, buttonIn)
	d.types("ivanov")
	d.press("Tab")
	d.types("old")
	d.press("Return")
	w := d.says(textExpired, buttonChange)
	if w.says("Текущий пароль") || w.says("Логин") || !w.says("Смена пароля для ivanov") || !edit(0)(w).Focused {
		t.Errorf("the form: %+v", w)
	}
	d.presses(buttonBack)
	d.says(textExpired, buttonIn)
	d.presses(buttonOpen)

	change := func(fields ...string) {
		t.Helper()
		d.hasKeys("the first field", edit(0))
		for i, text := range fields {
			if i > 0 {
				d.press("Tab")
			}
			d.types(text)
		}
		d.press("Return")
	}
	change("short", "shorter")
	d.says("введён по-разному", buttonChange)
	change("short", "short")
	d.says(textRejected, buttonChange)
	change(typedPassword, typedPassword)
	w = d.hasKeys("the button on the card", func(w control) control { return w.button(buttonOut) })
	if !w.says(textAccess) || !w.says(textChanged) || w.says("Новый пароль") {
		t.Errorf("the card: %+v", w)
	}

	d.presses(buttonOpen)
	w = d.says(textAccess, buttonOnCard)
	if !w.says("Текущий пароль") || w.says(buttonOut) {
		t.Errorf("the form on the card: %+v", w)
	}
	change(typedPassword, "short", "short")
	w = d.says(textRejected, buttonOnCard)
	if w.says(textAccess) {
		t.Errorf("the refusal is not the status: %+v", w)
	}
	change(typedPassword, "newest", "newest")
	w = d.hasKeys("the button on the card", func(w control) control { return w.button(buttonOut) })
	if !w.says(textAccess) || !w.says(textChanged) || w.says(textRejected) {
		t.Errorf("the card: %+v", w)
	}
	d.press("space")
	d.says(textOut, buttonIn)
}
