package window

import (
	"reflect"
	"sync"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Controller handles what the person does in the window. All methods belong to one goroutine, that of the window.
type Controller struct {
	cfg      Config
	registry settings.Registry
	personal settings.Personal
	gateway  settings.Gateway // without a Host there is none, or wrong says why
	wrong    error

	session session.Session
	place   place
	local   *session.Local // the session, where place is here
	leave   func()         // stops watching the session
	closed  sync.WaitGroup // sessions that were left

	typed        Typed
	tried        attempt
	ownMessage   string // see Input
	quiet        bool   // ownMessage repeats what was typed, which may be a password in the wrong field
	visible      bool   // the window is shown
	autoLogin    bool   // the program logs in by itself as soon as it can
	probed       bool   // while autoLogin: the gateway is already being probed
	loginPending bool   // a login was requested and has not begun yet
	loggedOut    bool   // the person has logged out and not logged in since, so the program does not log in by itself
	was          session.Status
	shown        string // the last status in the log
}

// attempt is the last login that was requested. It is kept as long as the session, because a person may choose during the
// session to save the password (see Tick).
type attempt struct {
	target, login, password string
	saved                   bool // the password came from the safe
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
	c.autoLogin = wantsAtStart(c.personal, c.registry.Bans, c.saved() != "")
	c.was = c.session.Status()
	if visible || c.autoLogin {
		c.probe()
	}
	return c
}

// Content returns what to show now.
func (c *Controller) Content() Content {
	return BuildContent(Input{Status: c.session.Status(), Lang: c.cfg.Lang, Personal: c.personal, Bans: c.registry.Bans, Gateway: c.Server(),
		Locked: c.locked(), Typed: c.typed, Saved: c.saved() != "", OwnMessage: c.ownMessage, Now: c.cfg.Now(), Traffic: c.traffic()})
}

// traffic is read only while the window shows it.
func (c *Controller) traffic() *Traffic {
	if !c.Counts() || c.cfg.Traffic == nil {
		return nil
	}
	t, ok := c.cfg.Traffic()
	if !ok {
		return nil
	}
	return &t
}

// Counts tells whether the window is shown and there is a VPN whose traffic changes all the time. What a session in the
// local network sends and receives is known to nobody on this computer: it goes past the program.
func (c *Controller) Counts() bool {
	v := c.session.Status()
	return c.visible && c.place == inService && v.Control == session.Yours && v.State == client.TunnelUp && v.Mode == client.ModeVPN
}

// Server is the gateway as a person would write it; empty = none.
func (c *Controller) Server() string {
	if c.gateway.Host == "" {
		return ""
	}
	return c.gateway.String()
}

// Here tells whether the access is of this process, which has to end it in time and to look after the network.
func (c *Controller) Here() bool { return c.place == here }

// Nudge tells that the network has changed or the computer woke.
func (c *Controller) Nudge() {
	if c.local != nil {
		c.local.Nudge()
	}
}

// SetVisible tells whether the window is shown. When it is, the settings of the administrators are read again.
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
		c.session.Rest()
	}
}

// reloadGateway loads the gateway again. It probes it when it is another one, or when the last answer may be out of date.
func (c *Controller) reloadGateway() {
	before, beforeWrong, beforeSession := c.gateway, c.wrong, c.session
	c.loadGateway()
	if c.session.Status().Busy() {
		return
	}
	same := reflect.DeepEqual(before, c.gateway) && (beforeWrong == nil) == (c.wrong == nil) && beforeSession == c.session
	if !same {
		c.typed.Address = c.addressText()
	}
	state := c.session.Status().State
	if !same || state == session.Resting || state == session.Ready { // a Ready gateway may have stopped answering
		c.probe()
	}
}

// probe asks the session to find out whether the gateway answers.
func (c *Controller) probe() { c.probed, c.loginPending = true, false; c.session.Probe() }

// Shown tells what is on show now. Each line of the status goes into the log once.
func (c *Controller) Shown(content Content) {
	line := string(content.Icon) + ": " + content.Status
	if c.quiet && content.Status == c.ownMessage {
		line = string(content.Icon) + ": what was typed is no address"
	}
	if line != c.shown {
		c.shown = line
		c.cfg.Log("status " + line)
	}
}

// Close ends the access and everything of the controller.
func (c *Controller) Close() {
	c.leave()
	c.session.Close()
	c.closed.Wait()
}

// HasAccess tells whether there is access of this window's to lose.
func (c *Controller) HasAccess() bool {
	v := c.session.Status()
	return v.Control == session.Yours && v.Busy()
}

// ReturnsHidden tells whether the program, started again after an installer has closed it, may stay out of sight: the
// person had no access to lose, or gets it back without doing anything. Otherwise it shows itself and asks for the
// password.
func (c *Controller) ReturnsHidden() bool {
	return !c.HasAccess() || wantsAtStart(c.personal, c.registry.Bans, c.saved() != "")
}
