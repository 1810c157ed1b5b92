package client

import (
	"context"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// PasswordChange is a request to replace the password Password by NewPassword at the gateway.
type PasswordChange struct{ Password, NewPassword string }

// changePassword changes the password from Config.Password to Config.NewPassword on a connection without a session.
func (c *client) changePassword(ctx context.Context, l *link) *failure {
	change := PasswordChange{c.cfg.Password, c.cfg.NewPassword}
	c.cfg.NewPassword = "" // a reconnect must not ask again
	c.show(Connecting, "", c.text(locale.ChangingPassword))
	var answered bool
	f := c.ask(ctx, l, c.changeMessage(change), func(m any) (bool, *failure) {
		state, ok := m.(*protocol.AuthState)
		if !ok {
			return false, nil
		}
		answered = true
		if state.Code != protocol.PasswordChanged {
			f := c.refusal(state.Code, state.Message, state.Timeout, nil)
			f.mayChange = state.ChangePassword
			return true, f
		}
		c.passwordChanged(change.NewPassword, state.Message)
		return true, nil
	})
	switch {
	case f == nil:
	case answered:
		c.status.PasswordChanges++
	case f.outcome == Refused && f.err == nil: // a protocol.Error
		c.status.PasswordChanges++
		c.explainUnknownChange(f)
	default:
		c.change = &change
		c.changeUncertain()
	}
	return f
}

func (c *client) changeMessage(change PasswordChange) protocol.ChangePassword {
	return protocol.ChangePassword{Type: protocol.TypeChangePassword, Login: c.cfg.Login, Password: change.Password,
		NewPassword: change.NewPassword, Device: c.device()}
}

// extendRequests returns Config.Extend; nil while the answer to a change of the password is due, because answers have no number.
func (c *client) extendRequests() <-chan string {
	if c.change != nil {
		return nil
	}
	return c.cfg.Extend
}

// changeRequests returns Config.ChangePassword; nil while an answer is due.
func (c *client) changeRequests() <-chan PasswordChange {
	if c.change != nil || c.extending {
		return nil
	}
	return c.cfg.ChangePassword
}

// startChange asks the gateway to change the password during a session. An error of the connection is only logged: reading
// from it fails too and ends it.
func (c *client) startChange(l *link, change PasswordChange) {
	c.change = &change
	s := c.status
	s.Notices = s.without(isChangeResult)
	c.report(s, nil)
	if err := l.send(c.changeMessage(change)); err != nil {
		c.cfg.Log(err.Error())
	}
}

// changeAnswered handles the answer to startChange, which may be late. A refusal leaves the session unchanged.
func (c *client) changeAnswered(m *protocol.AuthState) {
	switch {
	case m.Code == protocol.PasswordChanged && c.change == nil: // a late answer, after changeUncertain
		c.passwordChanged(c.uncertain, m.Message)
	case m.Code == protocol.PasswordChanged:
		c.passwordChanged(c.change.NewPassword, m.Message)
	default:
		c.changeOver(NoticePasswordKept, c.refusal(m.Code, m.Message, 0, nil).message)
		return
	}
	if m.Resume != "" {
		c.resume = m.Resume
	}
}

// passwordChanged uses the new password from now on, unless it is empty, and reports the change.
func (c *client) passwordChanged(password, message string) {
	if password != "" {
		c.cfg.Password = password
	}
	if agent.Clean(message, maxMessage) == "" {
		message = c.text(locale.PasswordChanged)
	}
	c.uncertain = ""
	c.changeOver(NoticePasswordChanged, message)
}

// changeUncertain is called when the answer to c.change cannot come any more.
func (c *client) changeUncertain() {
	c.uncertain = c.change.NewPassword
	c.changeOver(NoticePasswordUncertain, c.text(locale.PasswordUncertain))
}

// changeOver reports the result of a change of the password.
func (c *client) changeOver(code, message string) {
	c.change = nil
	n := Notice{code, agent.Clean(message, maxMessage)}
	s := c.status
	s.PasswordChanges++
	s.Notices = append(s.without(func(old string) bool {
		return isChangeResult(old) || code == NoticePasswordChanged && (old == NoticePasswordExpiring || refusesPassword(old))
	}), n)
	c.report(s, &n)
}

// isChangeResult reports whether a notice with the code has the result of a change of the password.
func isChangeResult(code string) bool {
	return code == NoticePasswordChanged || code == NoticePasswordKept || code == NoticePasswordUncertain
}

// explainUnknownChange gives the refusal of an older gateway, which does not know the message, a text of its own.
func (c *client) explainUnknownChange(f *failure) {
	if f.code == string(agent.CodeBadMessage) {
		f.message = c.text(locale.PasswordNotByGateway)
	}
}

// tryUncertain logs in with the new password of a change that may have happened. If that succeeds, the change has happened.
func (c *client) tryUncertain(ctx context.Context, l *link) *failure {
	password := c.uncertain
	f := c.authorize(ctx, l, c.addIdentity(protocol.Authorize{Password: password}))
	switch {
	case f == nil:
		c.passwordChanged(password, "")
	case f.code == string(agent.CodeBadCredentials):
		c.uncertain = ""
	}
	return f
}
