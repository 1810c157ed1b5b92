package client

import (
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

const (
	changed     = protocol.PasswordChanged
	windowsHint = "Changed. Lock Windows and unlock it."
)

// readsChange reads change_password and compares it.
func readsChange(t *testing.T, c *gatewaytest.Conn, old, new string) {
	t.Helper()
	m := c.ChangePassword()
	if m == nil || m.Login != "ivanov" || m.Password != old || m.NewPassword != new || m.Device == nil || m.Device.ID != "d1" {
		t.Errorf("change_password: %+v", m)
	}
}

func admits(t *testing.T, c *gatewaytest.Conn, password, resume string) {
	t.Helper()
	if m := c.Authorize(); m == nil || m.Password != password || m.Resume != "" {
		t.Errorf("authorize: %+v", m)
	}
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1", Resume: resume, Grace: 30})
}

// checkSecrets fails the test when an event or the log contains a password.
func (r *run) checkSecrets(secrets ...string) {
	r.t.Helper()
	var all strings.Builder
	for len(r.events) > 0 {
		e := <-r.events
		all.WriteString(e.Code + e.Message + e.Login)
		for _, n := range e.Notices {
			all.WriteString(n.Code + n.Message)
		}
	}
	for len(r.log) > 0 {
		all.WriteString(<-r.log)
	}
	for _, s := range secrets {
		if strings.Contains(all.String(), s) {
			r.t.Errorf("%q in events or log: %s", s, all.String())
		}
	}
}

// The password is changed before the login, on the same connection. A reconnect uses the new one.
func TestChangeBeforeLogin(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if n == 0 {
			readsChange(t, c, "secret", "newer <&>")
			c.AnswerChange(false, changed, windowsHint)
			admits(t, c, "newer <&>", "")
			c.Drop()
			return
		}
		admits(t, c, "newer <&>", "")
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NewPassword, c.PasswordChanges = "newer <&>", 4 })
	if e := r.waitEvent(Connecting, changed); !e.Notice || e.Message != windowsHint || e.PasswordChanges != 5 {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Authorized, ""); len(e.Notices) != 1 || e.PasswordChanges != 5 {
		t.Errorf("%+v", e)
	}
	r.clock.fire(sessionTimers...)
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	r.checkSecrets("newer", "secret")
}

// A refused login says whether the password can be changed.
func TestMayChangePassword(t *testing.T) {
	for _, may := range []bool{true, false} {
		g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
			if may {
				c.RefuseChangeable("password_must_change", "Must.")
			} else {
				c.Refuse("password_must_change", "Must.", 0)
			}
			c.Wait()
		})
		r := start(t, g, nil)
		if e := r.waitEvent(Failed, "password_must_change"); e.MayChangePassword != may || e.Message != "Must." {
			t.Errorf("%v: %+v", may, e)
		}
		if got := r.waitEnd(Refused, "password_must_change"); got.MayChangePassword != may {
			t.Errorf("%v: %+v", may, got)
		}
	}
}

// Ends of a change before the login. Without an answer the person learns that it may have happened.
func TestChangeBeforeLoginFails(t *testing.T) {
	unknown := locale.Text(locale.English, locale.PasswordNotByGateway)
	for name, c := range map[string]struct {
		answer    func(*gatewaytest.Conn)
		outcome   Outcome
		code      string
		message   string // empty = any
		may       bool
		uncertain bool
	}{
		"rejected": {answer: func(c *gatewaytest.Conn) { c.AnswerChange(false, "password_rejected", "Too short.") },
			outcome: Refused, code: "password_rejected", message: "Too short."},
		"still to be changed": {answer: func(c *gatewaytest.Conn) {
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "password_expired", Message: "No.", ChangePassword: true})
		}, outcome: Refused, code: "password_expired", message: "No.", may: true},
		"an older gateway": {answer: func(c *gatewaytest.Conn) {
			c.Send(protocol.Error{Type: protocol.TypeError, Code: "bad_message", Message: "?"})
		}, outcome: Refused, code: "bad_message", message: unknown},
		"an error": {answer: func(c *gatewaytest.Conn) {
			c.Send(protocol.Error{Type: protocol.TypeError, Code: "internal", Message: "Number 7."})
		}, outcome: Refused, code: "internal", message: "Number 7."},
		"lost":          {answer: func(c *gatewaytest.Conn) { c.Drop() }, outcome: Unreachable, code: "unreachable", uncertain: true},
		"malformed":     {answer: func(c *gatewaytest.Conn) { c.SendText("{") }, outcome: Refused, code: "bad_message", uncertain: true},
		"shutting down": {answer: func(c *gatewaytest.Conn) { c.End("shutdown", "Soon.") }, outcome: Unreachable, code: "shutdown", uncertain: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := gatewaytest.New(t, func(_ int, conn *gatewaytest.Conn) {
				conn.AnswerVersion()
				readsChange(t, conn, "secret", "newer")
				c.answer(conn)
				if m := conn.Read(); m != nil {
					t.Errorf("after the answer: %T", m)
				}
			})
			r := start(t, g, func(c *Config) { c.NewPassword = "newer" })
			result := r.waitEnd(c.outcome, c.code)
			if c.message != "" && result.Message != c.message || result.MayChangePassword != c.may {
				t.Errorf("%+v", result)
			}
			last := r.client.status
			if n, ok := last.Notice(NoticePasswordUncertain); ok != c.uncertain || ok && !strings.Contains(n.Message, "Log in with the new password") {
				t.Errorf("%+v", last)
			}
			if last.PasswordChanges != 1 || last.MayChangePassword != c.may {
				t.Errorf("%+v", last)
			}
			r.checkSecrets("newer", "secret")
		})
	}
}

// A gateway that cannot be reached has not changed anything.
func TestChangeUnreachable(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Drop() })
	r := start(t, g, func(c *Config) { c.NewPassword = "newer" })
	r.waitEnd(Unreachable, "unreachable")
	if s := r.client.status; len(s.Notices) != 0 || s.PasswordChanges != 1 {
		t.Errorf("%+v", s)
	}
}

// A person who logs out before the answer learns that the password may have been changed.
func TestChangeCancelled(t *testing.T) {
	asked := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		readsChange(t, c, "secret", "newer")
		close(asked)
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NewPassword = "newer" })
	<-asked
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if _, ok := r.client.status.Notice(NoticePasswordUncertain); !ok || r.client.status.State != Ended {
		t.Errorf("%+v", r.client.status)
	}
}

// The gateway does not answer in time.
func TestChangeTimeout(t *testing.T) {
	asked := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		readsChange(t, c, "secret", "newer")
		close(asked)
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NewPassword = "newer" })
	<-asked
	r.clock.fire() // of version, which was answered
	r.clock.fire()
	r.waitEnd(Unreachable, "unreachable")
	if _, ok := r.client.status.Notice(NoticePasswordUncertain); !ok {
		t.Errorf("%+v", r.client.status)
	}
}

// During a session a refusal and a change leave it unchanged. Extension and reconnect then use the new password; the warning before
// the password expires is gone.
func TestChangeDuringSession(t *testing.T) {
	change, extend := make(chan PasswordChange), make(chan string)
	drop := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		if n == 1 {
			if m := c.Authorize(); m == nil || m.Resume != "r" {
				t.Errorf("resume: %+v", m)
			}
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "session_over", Message: "Over."})
			admits(t, c, "newer", "")
			c.Wait()
			return
		}
		admits(t, c, "secret", "r")
		c.Send(protocol.Notice{Type: protocol.TypeNotice, Code: protocol.NoticePasswordExpiring, Message: "In 3 days."})
		readsChange(t, c, "typed", "x")
		c.AnswerChange(false, "password_rejected", "Too short.") // as for a refused extension
		readsChange(t, c, "typed", "y")
		c.Send(protocol.Error{Type: protocol.TypeError, Code: "bad_message", Message: "?"})
		readsChange(t, c, "typed", "newer")
		c.AnswerChange(true, changed, windowsHint)
		if m := c.Authorize(); m == nil || m.Password != "newer" {
			t.Errorf("extend: %+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Expires: "2030-01-02T03:04:05Z"})
		<-drop
		c.Drop()
	})
	r := start(t, g, func(c *Config) { c.ChangePassword, c.Extend = change, extend })
	r.waitEvent(Authorized, NoticePasswordExpiring)
	change <- PasswordChange{"typed", "x"}
	if e := r.waitEvent(Authorized, NoticePasswordKept); e.Message != "Too short." || e.PasswordChanges != 1 || len(e.Notices) != 2 {
		t.Errorf("%+v", e)
	}
	change <- PasswordChange{"typed", "y"}
	if e := r.waitEvent(Authorized, ""); len(e.Notices) != 1 { // the former refusal is gone
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Authorized, NoticePasswordKept); e.Message != locale.Text(locale.English, locale.PasswordNotByGateway) || e.PasswordChanges != 2 {
		t.Errorf("%+v", e)
	}
	change <- PasswordChange{"typed", "newer"}
	if e := r.waitEvent(Authorized, changed); e.Message != windowsHint || e.PasswordChanges != 3 || len(e.Notices) != 1 || e.Address != "127.0.0.1" {
		t.Errorf("%+v", e)
	}
	extend <- ""
	for e := r.waitEvent(Authorized, ""); e.Expires != "2030-01-02T03:04:05Z"; e = r.waitEvent(Authorized, "") {
	}
	close(drop)
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	r.checkSecrets("newer", "secret", "typed")
}

// When the connection is lost before the answer, the agent tries the new password and then the old one, unless the session can be
// resumed.
func TestChangeDuringSessionLost(t *testing.T) {
	for name, c := range map[string]struct {
		resumes, happened bool
		notice            string // the last one
	}{
		"it happened":       {happened: true, notice: changed},
		"it did not happen": {notice: NoticePasswordUncertain},
		"resumed":           {resumes: true, notice: NoticePasswordUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			change := make(chan PasswordChange)
			g := gatewaytest.New(t, func(n int, conn *gatewaytest.Conn) {
				conn.AnswerVersion()
				if n == 0 {
					admits(t, conn, "secret", "r")
					readsChange(t, conn, "secret", "newer")
					conn.Drop()
					return
				}
				conn.Authorize()
				if c.resumes {
					conn.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Resume: "r2"})
					conn.Wait()
					return
				}
				conn.AnswerChange(false, "session_over", "Over.")
				if !c.happened {
					if m := conn.Authorize(); m == nil || m.Password != "newer" {
						t.Errorf("the first try: %+v", m)
					}
					conn.AnswerChange(false, "bad_credentials", "No.")
					admits(t, conn, "secret", "")
				} else {
					admits(t, conn, "newer", "")
				}
				conn.Wait()
			})
			r := start(t, g, func(cfg *Config) { cfg.ChangePassword = change })
			r.waitEvent(Authorized, "")
			change <- PasswordChange{"secret", "newer"}
			r.waitEvent(Authorized, NoticePasswordUncertain)
			r.waitEvent(Reconnecting, "lost")
			r.clock.fire(sessionTimers...)
			e := r.waitEvent(Authorized, "")
			if c.happened {
				e = r.waitEvent(Authorized, changed)
			}
			if len(e.Notices) != 1 || e.Notices[0].Code != c.notice {
				t.Errorf("%+v", e)
			}
			r.stop()
			r.waitEnd(StoppedByUser, "logout")
		})
	}
}

// A late answer still counts.
func TestChangeAnswerIsLate(t *testing.T) {
	change, late := make(chan PasswordChange), make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		readsChange(t, c, "secret", "newer")
		<-late
		c.AnswerChange(true, changed, windowsHint)
		if m := c.ChangePassword(); m == nil || m.Password != "again" {
			t.Errorf("%+v", m)
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.ChangePassword = change })
	r.waitEvent(Authorized, "")
	change <- PasswordChange{"secret", "newer"}
	for i := 0; i < 3; i++ { // those of version and authorize, which were answered, come first
		r.clock.fire(silenceTimeout)
	}
	r.waitEvent(Authorized, NoticePasswordUncertain)
	close(late)
	r.waitEvent(Authorized, changed)
	change <- PasswordChange{"again", "newest"}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if r.client.cfg.Password != "newer" {
		t.Errorf("the password in memory is %q", r.client.cfg.Password)
	}
}
