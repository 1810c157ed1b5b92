package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Login logs in with the typed or the saved password. It returns the field that has to be filled in first,
// or "".
func (c *Controller) Login() (missing control) {
	c.autoLogin = false
	c.typed.Login = strings.TrimSpace(c.typed.Login)
	if !c.UseTypedAddress() {
		return controlAddress
	}
	c.loadGateway()
	c.ownMessage = ""
	password, saved := c.typed.Password, false
	if password == "" {
		password = c.saved()
		saved = password != ""
	}
	switch {
	case c.gateway.Host == "":
		c.probe() // the session then shows the problem
		return controlAddress
	case c.typed.Login == "":
		c.ownMessage = locale.Text(c.cfg.Lang, locale.AskLogin)
		return controlLogin
	case password == "":
		c.ownMessage = locale.Text(c.cfg.Lang, locale.AskPassword)
		return controlPassword
	}
	c.login(password, saved)
	return ""
}

// firstEmpty returns the first field of the form that has to be filled in, otherwise the main button.
func (c *Controller) firstEmpty() control {
	switch {
	case c.session.Status().Busy():
		return controlMain
	case c.gateway.Host == "" && c.typed.Address == "" && !c.locked():
		return controlAddress
	case c.typed.Login == "":
		return controlLogin
	case c.typed.Password == "" && c.saved() == "":
		return controlPassword
	}
	return controlMain
}

func (c *Controller) login(password string, saved bool) {
	c.lastLogin = loginAttempt{target(c.gateway, c.typed.Login), c.typed.Login, password, saved}
	c.probed, c.loginPending, c.loggedOut = false, true, false
	c.session.Login(c.typed.Login, password)
}

// person returns the owner of the Kerberos tickets, or "".
func (c *Controller) person() string {
	if c.cfg.Local.Tickets == nil {
		return ""
	}
	return c.cfg.Local.Tickets.Person()
}

// LoginSSO logs in with the person's Kerberos tickets. It returns the field that has to be filled in first, or "".
func (c *Controller) LoginSSO() (missing control) {
	c.autoLogin = false
	if !c.UseTypedAddress() {
		return controlAddress
	}
	c.loadGateway()
	c.ownMessage = ""
	if c.gateway.Host == "" {
		c.probe() // the session then shows the problem
		return controlAddress
	}
	c.loginSSO()
	return ""
}

func (c *Controller) loginSSO() {
	c.lastLogin = loginAttempt{}
	c.probed, c.loginPending, c.loggedOut = false, true, false
	c.session.LoginSSO()
}

// Logout ends the access or cancels the login.
func (c *Controller) Logout() {
	c.autoLogin, c.loggedOut, c.ownMessage = false, true, ""
	c.session.Logout()
}

// Extend requests a longer session.
func (c *Controller) Extend() {
	c.session.Extend(c.typed.Password)
	c.typed.Password = ""
}

// End ends another person's access.
func (c *Controller) End() { c.session.End() }
