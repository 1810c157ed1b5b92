package window

import (
	"reflect"
	"sync"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Controller handles the person's actions in the window. All methods belong to one goroutine, that of the window.
type Controller struct {
	cfg        Config
	registry   settings.Registry
	personal   settings.Personal
	gateway    settings.Gateway // an empty Host means none; gatewayErr may say why
	gatewayErr error

	session session.Session
	place   place
	local   *session.Local // the same as session when place is inProcess, otherwise nil
	leave   func()         // stops watching the session
	closed  sync.WaitGroup // counts the goroutines of setSession

	typed        FieldTexts
	change       passwordChange
	lastLogin    loginAttempt
	ownMessage   string // see Input
	hideMessage  bool   // keep ownMessage out of the log: it contains typed text, maybe a password
	visible      bool   // the window is shown
	autoLogin    bool   // the program logs in by itself as soon as it can
	probed       bool   // a probe was started for autoLogin
	loginPending bool   // a login was requested; the status does not show it yet
	loggedOut    bool   // the person has logged out and not logged in since, so the program does not log in by itself
	lastStatus   session.Status
	logged       string // the last status in the log
}

// loginAttempt is the last login that was requested. It is kept during the session, because the person may then choose to
// save the password (see SetCheckBoxes).
type loginAttempt struct {
	target, login, password string
	saved                   bool // the password came from the PasswordStore
}

// Open connects the window to the session it controls.
func Open(cfg Config, visible bool) *Controller {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	c := &Controller{cfg: cfg, visible: visible}
	var err error
	if c.personal, err = cfg.Personal.Load(); err != nil {
		cfg.Log(err.Error())
	}
	c.typed.Login = c.personal.Login
	c.loadGateway()
	c.typed.Address = c.addressText()
	c.autoLogin = logsInAtStart(c.personal, c.registry.Restrictions, c.saved() != "", c.person() != "")
	c.lastStatus = c.session.Status()
	if visible || c.autoLogin {
		c.probe()
	}
	return c
}

// Content returns the current content.
func (c *Controller) Content() Content {
	return BuildContent(Input{Status: c.session.Status(), Lang: c.cfg.Lang, Personal: c.personal, Restrictions: c.registry.Restrictions, Gateway: c.Server(),
		Locked: c.locked(), Typed: c.typed, Saved: c.saved() != "", Person: c.person(), OwnMessage: c.ownMessage, Now: c.cfg.Now(), Traffic: c.traffic(),
		Change: ChangeInput{Possible: c.canChange(), Open: c.change.open, Running: c.change.pending, Answered: c.change.answered, Login: c.lastLogin.login, Typed: c.change.typed}})
}

// traffic returns the VPN's traffic when the window shows it, otherwise nil.
func (c *Controller) traffic() *Traffic {
	if !c.ShowsTraffic() || c.cfg.Traffic == nil {
		return nil
	}
	t, ok := c.cfg.Traffic()
	if !ok {
		return nil
	}
	return &t
}

// ShowsTraffic reports whether the window is visible and shows the traffic of a VPN, which changes all the time. The
// traffic of a session in the local network does not pass this program and is not known.
func (c *Controller) ShowsTraffic() bool {
	v := c.session.Status()
	return c.visible && c.place == inService && v.Holder == session.You && v.State == client.TunnelUp && v.Mode == client.ModeVPN
}

// Server returns the gateway, with the port unless it is the default; empty = none.
func (c *Controller) Server() string {
	if c.gateway.Host == "" {
		return ""
	}
	return c.gateway.String()
}

// InProcess reports whether the session runs in this process, which must then end it in time.
func (c *Controller) InProcess() bool { return c.place == inProcess }

// NetworkChanged is called when the network has changed or the computer woke from sleep.
func (c *Controller) NetworkChanged() {
	if c.local != nil {
		c.local.NetworkChanged()
	}
}

// SetVisible is called when the window was shown or hidden. When it was shown, the administrators' settings are read again.
func (c *Controller) SetVisible(visible bool) {
	c.visible = visible
	if visible {
		c.reloadGateway()
		return
	}
	c.pauseProbing()
}

// pauseProbing stops probing the gateway while the window is hidden and the program does not log in by itself.
func (c *Controller) pauseProbing() {
	if !c.visible && !c.autoLogin {
		c.session.StopProbing()
	}
}

// reloadGateway loads the gateway again. It probes when the gateway is another one or the last answer may be out of
// date.
func (c *Controller) reloadGateway() {
	before, beforeErr, beforeSession := c.gateway, c.gatewayErr, c.session
	c.loadGateway()
	if c.session.Status().Busy() {
		return
	}
	same := reflect.DeepEqual(before, c.gateway) && (beforeErr == nil) == (c.gatewayErr == nil) && beforeSession == c.session
	if !same {
		c.typed.Address = c.addressText()
	}
	state := c.session.Status().State
	if !same || state == session.Idle || state == session.Ready { // a Ready gateway may have stopped answering
		c.probe()
	}
}

// probe starts a probe of the gateway.
func (c *Controller) probe() { c.probed, c.loginPending = true, false; c.session.Probe() }

// LogStatus logs the status that is shown, when it has changed.
func (c *Controller) LogStatus(content Content) {
	line := string(content.Icon) + ": " + content.Status
	if c.hideMessage && content.Status == c.ownMessage {
		line = string(content.Icon) + ": the typed address is invalid"
	}
	if line != c.logged {
		c.logged = line
		c.cfg.Log("status " + line)
	}
}

// Close ends the access and closes all sessions.
func (c *Controller) Close() {
	c.leave()
	c.session.Close()
	c.closed.Wait()
}

// HasAccess reports whether this window has access, a login or a reconnect that would be lost.
func (c *Controller) HasAccess() bool {
	v := c.session.Status()
	return v.Holder == session.You && v.Busy()
}

// RestartsHidden reports whether the program may start hidden after an installer has closed and restarted it: it had
// no access, or logs in again by itself. Otherwise it shows the window to ask for the password.
func (c *Controller) RestartsHidden() bool {
	return !c.HasAccess() || logsInAtStart(c.personal, c.registry.Restrictions, c.saved() != "", c.person() != "")
}
