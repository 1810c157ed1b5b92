package client

import (
	"context"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// PasswordChange is a request to the gateway to replace Password by NewPassword.
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

// extendRequests returns Config.Extend; nil while the client waits for the answer to a change of the password, because an answer does not
// say to which request it belongs.
func (c *client) extendRequests() <-chan string {
	if c.change != nil {
		return nil
	}
	return c.cfg.Extend
}

// changeRequests returns Config.ChangePassword; nil while the client waits for an answer to a change or to an extension.
func (c *client) changeRequests() <-chan PasswordChange {
	if c.change != nil || c.extending {
		return nil
	}
	return c.cfg.ChangePassword
}

// startChange asks the gateway to change the password during a session. It only logs an error of the connection: the next read fails too
// and ends the session.
func (c *client) startChange(l *link, change PasswordChange) {
	c.change = &change
	s := c.status
	s.Notices = s.without(isChangeResult)
	c.report(s, nil)
	if err := l.send(c.changeMessage(change)); err != nil {
		c.cfg.Log(err.Error())
	}
}

// changeAnswered handles the answer to startChange. It may come after changeUncertain. A refusal does not end the session.
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

// passwordChanged reports a change and uses the new password from now on, unless it is empty.
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

// changeUncertain is called when no answer to c.change has come in time, or the connection is lost. The password may have been changed;
// tryUncertain finds out.
func (c *client) changeUncertain() {
	c.uncertain = c.change.NewPassword
	c.changeOver(NoticePasswordUncertain, c.text(locale.PasswordUncertain))
}

// changeOver ends a change of the password and reports its result as a notice. code is one of those of isChangeResult.
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

// isChangeResult reports whether a notice with this code says how a change of the password ended.
func isChangeResult(code string) bool {
	return code == NoticePasswordChanged || code == NoticePasswordKept || code == NoticePasswordUncertain
}

// explainUnknownChange replaces the text of the refusal by an older gateway, which does not know the message.
func (c *client) explainUnknownChange(f *failure) {
	if f.code == string(agent.CodeBadMessage) {
		f.message = c.text(locale.PasswordNotByGateway)
	}
}

// tryUncertain logs in with the new password of a change that got no answer. If the gateway accepts it, the password was changed.
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
