package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// ChangeTexts is the text in the fields of the form that changes the password.
type ChangeTexts struct{ Current, New, Repeat string }

// passwordChange is the form that changes the password, and the last request made with it.
type passwordChange struct {
	open  bool // the form is shown
	typed ChangeTexts

	pending     bool // the result is not known yet
	answered    bool // the open form has had a result
	login       string
	newPassword string
	counted     int // client.Status.PasswordChanges before the result
}

// SetChangeTexts sets the texts in the fields of the form that changes the password.
func (c *Controller) SetChangeTexts(t ChangeTexts) {
	if t != c.change.typed {
		c.change.typed, c.ownMessage, c.hideMessage = t, "", false
	}
}

// OpenChange shows the form that changes the password, if it is possible now.
func (c *Controller) OpenChange() {
	if !c.change.open && c.canChange() {
		c.change.open, c.change.answered, c.change.typed, c.ownMessage = true, false, ChangeTexts{}, ""
	}
}

// CloseChange leaves that form without a change.
func (c *Controller) CloseChange() { c.closeChange(); c.ownMessage = "" }

func (c *Controller) closeChange() { c.change.open, c.change.typed = false, ChangeTexts{} }

// canChange reports whether the password can be changed: during a session, or after a login that was refused until it is changed.
func (c *Controller) canChange() bool {
	v := c.session.Status()
	switch {
	case !v.ChangesPasswords || v.Holder == session.Other:
		return false
	case v.HasAccess():
		return v.Login != "" && !v.BySSO
	}
	return v.State == client.Failed && v.MayChangePassword && c.knowsRefused() && c.typed.Login == c.lastLogin.login
}

// knowsRefused reports whether the password of the last login is known and was for this gateway.
func (c *Controller) knowsRefused() bool {
	return c.lastLogin.password != "" && c.lastLogin.target == target(c.gateway, c.lastLogin.login)
}

// ChangePassword changes the password as typed. It returns the field that has to be filled in first, or "".
func (c *Controller) ChangePassword() (missing control) {
	v := c.session.Status()
	login, password := v.Login, c.change.typed.Current
	if !v.HasAccess() {
		c.loadGateway()
		if !c.knowsRefused() { // another gateway must not get the password
			c.CloseChange()
			return controlPassword
		}
		login, password = c.lastLogin.login, c.lastLogin.password
	}
	typed := c.change.typed
	key := ""
	switch {
	case password == "":
		missing, key = controlCurrent, locale.AskCurrentPassword
	case typed.New == "":
		missing, key = controlNew, locale.AskNewPassword
	case typed.Repeat == "":
		missing, key = controlRepeat, locale.AskRepeat
	case typed.New != typed.Repeat:
		missing, key = controlNew, locale.PasswordsDiffer
		c.change.typed.New, c.change.typed.Repeat = "", ""
	}
	if missing != "" {
		c.ownMessage = locale.Text(c.cfg.Lang, key)
		return missing
	}
	c.autoLogin, c.ownMessage = false, ""
	if !v.HasAccess() {
		c.probed, c.loginPending, c.loggedOut = false, true, false
	}
	c.change.answered = false
	c.change.pending, c.change.login, c.change.newPassword, c.change.counted = true, login, typed.New, v.PasswordChanges
	c.session.ChangePassword(login, password, typed.New)
	return ""
}

// finishChange handles the result of a requested change of the password.
func (c *Controller) finishChange(was, is session.Status) {
	if is.PasswordChanges < c.change.counted { // the service was restarted
		c.change.counted = is.PasswordChanges
	}
	over := is.PasswordChanges > c.change.counted || is.Problem != nil || justEnded(was, is)
	switch {
	case c.change.pending && over:
		_, changed := is.Notice(client.NoticePasswordChanged)
		if is.PasswordChanges > c.change.counted && changed {
			c.usePassword(is, c.change.newPassword)
		}
		if changed || !mayRepeatChange(is) {
			c.change.open = false
		}
		c.change.pending, c.change.answered, c.change.newPassword, c.change.typed = false, true, "", ChangeTexts{}
	case c.change.open && was.Busy() && is.State == client.Ended: // the form was on the card
		c.closeChange()
	}
}

// mayRepeatChange reports whether a change of the password that did not succeed may be tried again with the same old password. After
// a lost connection the person has to log in first.
func mayRepeatChange(is session.Status) bool {
	if _, uncertain := is.Notice(client.NoticePasswordUncertain); uncertain {
		return false
	}
	if is.State != client.Failed {
		return is.Problem != nil || is.HasAccess()
	}
	switch agent.Code(is.Code) {
	case agent.CodePasswordRejected, agent.CodeUnreachable, agent.CodeDirectoryUnreachable, agent.CodeStoreUnavailable,
		agent.CodeTooManyAttempts, agent.CodeInternal:
		return true
	}
	return is.MayChangePassword
}

// usePassword uses a changed password, and saves it in place of a saved one. The password stays in its field until there is access,
// because the login that follows the change may be refused.
func (c *Controller) usePassword(is session.Status, password string) {
	at := target(c.gateway, c.change.login)
	if c.lastLogin.login == c.change.login || !is.HasAccess() {
		c.lastLogin = loginAttempt{target: at, login: c.change.login, password: password}
	}
	if !is.HasAccess() {
		c.typed.Password = password
	}
	if c.registry.Restrictions.SavedPassword {
		return
	}
	saved, err := c.cfg.Passwords.Password(at)
	if err == nil && saved != "" {
		err = c.cfg.Passwords.SetPassword(at, password)
	}
	if err != nil {
		c.cfg.Log(err.Error())
		c.ownMessage = locale.Text(c.cfg.Lang, locale.NotSaved, "value", err.Error())
	}
}
