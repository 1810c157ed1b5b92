package session

import (
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// A refused change, a change that logs in, and changes during the session. Each result is counted, over all logins.
func TestChangePassword(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if n > 2 {
			c.Authorize()
			c.Wait()
			return
		}
		if m := c.ChangePassword(); m == nil || m.Login != "ivanov" || m.Password != "old" || m.NewPassword != "newer" {
			t.Errorf("%+v", m)
		}
		if n < 2 {
			c.AnswerChange(false, "password_rejected", "Короткий.")
			c.Wait()
			return
		}
		c.AnswerChange(false, protocol.PasswordChanged, "Готово.")
		if m := c.Authorize(); m == nil || m.Password != "newer" {
			t.Errorf("%+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
		if m := c.ChangePassword(); m == nil || m.Password != "newer" || m.NewPassword != "newest" {
			t.Errorf("%+v", m)
		}
		c.AnswerChange(true, protocol.PasswordChanged, "Опять.")
		c.Wait()
	})
	s := newTestManager(t, g, nil)
	change := func(password, newPassword string) {
		r := s.request(password)
		r.NewPassword = newPassword
		s.ChangePassword(r)
	}
	for i := 1; i <= 2; i++ {
		change("old", "newer")
		if now := s.Status(); !now.Busy() || now.PasswordChanges != i-1 {
			t.Errorf("%+v", now)
		}
		s.waitUntil("the refusal", func(now client.Status) bool {
			return now.State == client.Failed && now.Code == "password_rejected" && now.PasswordChanges == i
		})
	}
	change("old", "newer")
	now := s.waitFor(client.Authorized, "")
	if n, ok := now.Notice(client.NoticePasswordChanged); !ok || n.Message != "Готово." || now.PasswordChanges != 3 {
		t.Errorf("%+v", now)
	}
	change("newer", "newest")
	s.waitUntil("the second change", func(now client.Status) bool {
		n, _ := now.Notice(client.NoticePasswordChanged)
		return n.Message == "Опять." && now.PasswordChanges == 4 && now.HasAccess()
	})
	s.Logout()
	s.waitFor(client.Ended, "logout")
	r := s.request("newest")
	r.NewPassword = "x" // of a request to log in it means nothing
	s.Login(r)
	if now := s.Status(); now.PasswordChanges != 4 || strings.Contains(now.Message, "newest") {
		t.Errorf("%+v", now)
	}
	s.waitUntil("the login", func(now client.Status) bool { return strings.HasPrefix(now.Message, "Входим") })
}
