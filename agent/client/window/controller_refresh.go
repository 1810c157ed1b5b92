package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// Refresh handles a change of the session: it continues the automatic login and returns new notifications.
func (c *Controller) Refresh() []Notification {
	is := c.session.Status()
	was := c.lastStatus
	c.lastStatus = is
	notifications := Notifications(c.cfg.Lang, was, is)
	c.finishChange(was, is)
	c.finishAttempt(was, is)
	if is.Holder == session.Other {
		c.closeChange()
	}
	if is.Holder == session.Other && was.Holder != session.Other && !is.CanEnd { // Notifications returns nothing for this
		c.cfg.Log("another person has access; an administrator may end it: IdecoAgent.exe end, run as administrator")
	}
	if !c.loggedOut && logsInAfter(was, is, c.personal, c.registry.Restrictions, c.saved() != "", c.person() != "") {
		c.autoLogin, c.probed = true, false
	}
	if is.Busy() || justEnded(was, is) { // a login may begin and end between two calls
		c.loginPending = false
	}
	if c.autoLogin {
		c.autoLoginStep(is)
	}
	if c.visible && justEnded(was, is) && is.Code == string(agent.CodeNotTrusted) && is.Login != "" { // until it is trusted, nobody can log in
		c.probe()
	}
	if c.visible && is.State == client.Failed && is.Login == "" { // a probe failed: the settings may have changed
		c.reloadGateway()
	}
	return notifications
}

// justEnded reports whether the state is newly Ended or Failed, or its code has changed.
func justEnded(was, is session.Status) bool {
	over := is.State == client.Ended || is.State == client.Failed
	return over && (is.State != was.State || is.Code != was.Code)
}

// finishAttempt saves the login and password after a login has succeeded, and discards them after it has failed.
func (c *Controller) finishAttempt(was, is session.Status) {
	switch {
	case is.HasAccess() && !was.HasAccess() && c.lastLogin.password != "":
		p := c.personal
		p.Login = c.lastLogin.login
		c.saveSettings(p)
		c.typed.Password = ""
		if p.SavePassword && !c.registry.Restrictions.SavedPassword && !c.lastLogin.saved {
			c.savePassword()
		}
	case is.State == client.Failed && was.State != client.Failed && is.Login != "" && !is.BySSO:
		switch agent.Code(is.Code) {
		case agent.CodeUnreachable, agent.CodeDirectoryUnreachable, agent.CodeStoreUnavailable, agent.CodeTooManyAttempts:
			return // the password may be good
		}
		c.typed.Password = ""
		if c.change.open || c.canChange() { // with the refused password
			c.OpenChange()
			return
		}
		if is.Code == string(agent.CodeBadCredentials) && c.lastLogin.saved {
			c.ownMessage = locale.Text(c.cfg.Lang, locale.SavedForgotten)
			if err := c.cfg.Passwords.SetPassword(c.lastLogin.target, ""); err != nil {
				c.cfg.Log(err.Error())
			}
		}
		c.lastLogin = loginAttempt{}
	case is.State == client.Ended && was.State != client.Ended:
		c.lastLogin = loginAttempt{}
	}
}

// autoLoginStep takes the next step of the automatic login.
func (c *Controller) autoLoginStep(is session.Status) {
	switch nextStep(is) {
	case stepProbe:
		if !c.probed {
			c.probe()
		}
	case stepLogin:
		if c.loginPending {
			return
		}
		password, sso := c.saved(), is.OffersSSO(c.person())
		switch {
		case sso && (is.BySSO || password == ""):
			c.loginSSO()
			return
		case password != "":
			c.login(password, true)
			return
		}
		c.autoLogin = false
	case stepOver:
		c.autoLogin = false
	}
	c.pauseProbing()
}
