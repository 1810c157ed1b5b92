package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// SetFieldTexts sets the texts in the fields.
func (c *Controller) SetFieldTexts(t FieldTexts) {
	if t != c.typed {
		c.typed, c.ownMessage, c.hideMessage = t, "", false
	}
}

// UseTypedAddress uses the typed address. It returns false and shows a message when the address is invalid.
func (c *Controller) UseTypedAddress() bool {
	if c.locked() || c.session.Status().Busy() || strings.TrimSpace(c.typed.Address) == c.Server() {
		return true
	}
	p := c.personal.WithAddress(c.typed.Address, c.registry.Installer)
	if p.Address != "" {
		if _, _, err := settings.ChooseGateway(p.Setting(c.registry.Installer)); err != nil {
			c.ownMessage = session.GatewayProblem(c.cfg.Lang, settings.Gateway{}, err).Message
			c.hideMessage = true
			return false
		}
	}
	c.ownMessage, c.autoLogin = "", false
	c.cfg.CommandLine = settings.Setting{} // the typed address replaces it until the next start
	c.saveSettings(p)
	c.loadGateway()
	c.typed.Address = c.addressText()
	c.probe()
	return true
}

// saveSettings saves the person's choices. An error is shown in the window.
func (c *Controller) saveSettings(p settings.Personal) {
	if p == c.personal {
		return
	}
	c.personal = p
	if err := c.cfg.Personal.Save(p); err != nil {
		c.cfg.Log(err.Error())
		c.ownMessage = locale.Text(c.cfg.Lang, locale.ChoicesNotSaved, "value", err.Error())
	}
}

// SetCheckBoxes sets the two check boxes. Without SSO automatic login needs a saved password: checking auto also checks save, and
// unchecking save also unchecks auto.
func (c *Controller) SetCheckBoxes(save, auto bool) {
	sso, banned := c.session.Status().OffersSSO(c.person()), c.registry.Restrictions.SavedPassword
	p := c.personal
	switch wasAuto := p.AutoConnect && p.SavePassword; {
	case banned && !sso:
		return
	case banned:
		save = p.SavePassword
	case sso:
	case auto && !wasAuto:
		save = true
	case !save:
		auto = false
	}
	p.SavePassword, p.AutoConnect = save, auto
	c.saveSettings(p)
	switch {
	case !save:
		c.deletePasswords()
	case c.lastLogin.password != "" && c.session.Status().HasAccess():
		c.savePassword()
	}
}

// saved returns the saved password for the typed login; "" = none.
func (c *Controller) saved() string {
	if c.gateway.Host == "" || c.typed.Login == "" || c.registry.Restrictions.SavedPassword {
		return ""
	}
	password, err := c.cfg.Passwords.Password(target(c.gateway, c.typed.Login))
	if err != nil {
		c.cfg.Log(err.Error())
	}
	return password
}

// deletePasswords deletes the saved passwords of the last and the typed login.
func (c *Controller) deletePasswords() {
	for _, login := range []string{c.personal.Login, c.typed.Login} {
		if login == "" || c.gateway.Host == "" {
			continue
		}
		if err := c.cfg.Passwords.SetPassword(target(c.gateway, login), ""); err != nil {
			c.cfg.Log(err.Error())
		}
	}
}

// savePassword saves the password of the login that succeeded. An error is shown in the window.
func (c *Controller) savePassword() {
	if err := c.cfg.Passwords.SetPassword(c.lastLogin.target, c.lastLogin.password); err != nil {
		c.cfg.Log(err.Error())
		c.ownMessage = locale.Text(c.cfg.Lang, locale.NotSaved, "value", err.Error())
	}
}
