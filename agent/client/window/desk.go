package window

import (
	"reflect"
	"sync"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Desk is where a person drives the access. All methods belong to one goroutine, that of the window.
type Desk struct {
	cfg      Config
	registry settings.Registry
	personal settings.Personal
	gateway  settings.Gateway // without a Host there is none, or wrong says why
	wrong    error

	seat   seat.Seat
	place  place
	leave  func()         // stops watching the seat
	keeper *keeper.Keeper // of the seat here; nil in the service
	closed sync.WaitGroup // seats that were left

	typed        Typed
	tried        attempt
	ownMessage   string // see Input
	quiet        bool   // ownMessage repeats what was typed, which may be a password in the wrong field
	visible      bool   // the window is shown
	autoLogin    bool   // the program logs in by itself as soon as it can
	probed       bool   // while autoLogin: the gateway is already being probed
	loginPending bool   // a login was requested and has not begun yet
	loggedOut    bool   // the person has logged out and not logged in since, so the program does not log in by itself
	was          seat.View
	shown        string // the last status in the log
}

// attempt is the last login that was requested. It is kept as long as the session, because a person may choose during the
// session to save the password (see Tick).
type attempt struct {
	target, login, password string
	saved                   bool // the password came from the safe
}

// Open connects the window to the session it controls.
func Open(cfg Config, visible bool) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	d := &Desk{cfg: cfg, visible: visible}
	var err error
	if d.personal, err = cfg.Personal.Load(); err != nil {
		cfg.Log(err.Error())
	}
	d.typed.Login = d.personal.Login
	d.loadGateway()
	d.typed.Address = d.addressText()
	d.autoLogin = wantsAtStart(d.personal, d.registry.Bans, d.saved() != "")
	d.was = d.seat.View()
	if visible || d.autoLogin {
		d.probe()
	}
	return d
}

// Content returns what to show now.
func (d *Desk) Content() Content {
	return BuildContent(Input{View: d.seat.View(), Lang: d.cfg.Lang, Personal: d.personal, Bans: d.registry.Bans, Server: d.Server(),
		Locked: d.locked(), Typed: d.typed, Saved: d.saved() != "", OwnMessage: d.ownMessage, Now: d.cfg.Now(), Traffic: d.traffic()})
}

// traffic is read only while the window shows it.
func (d *Desk) traffic() *Traffic {
	if !d.Counts() || d.cfg.Traffic == nil {
		return nil
	}
	t, ok := d.cfg.Traffic()
	if !ok {
		return nil
	}
	return &t
}

// Counts tells whether the window is shown and there is a VPN whose traffic changes all the time. What a session in the
// local network sends and receives is known to nobody on this computer: it goes past the program.
func (d *Desk) Counts() bool {
	v := d.seat.View()
	return d.visible && d.place == inService && v.Control == seat.Yours && v.State == client.TunnelUp && v.Mode == client.ModeVPN
}

// Server is the gateway as a person would write it; empty = none.
func (d *Desk) Server() string {
	if d.gateway.Host == "" {
		return ""
	}
	return d.gateway.String()
}

// Here tells whether the access is of this process, which has to end it in time and to look after the network.
func (d *Desk) Here() bool { return d.place == here }

// Nudge tells that the network has changed or the computer woke.
func (d *Desk) Nudge() {
	if d.keeper != nil {
		d.keeper.Nudge()
	}
}

// SetVisible tells whether the window is shown. When it is, the settings of the administrators are read again.
func (d *Desk) SetVisible(visible bool) {
	d.visible = visible
	if visible {
		d.reloadGateway()
		return
	}
	d.pauseProbing()
}

// pauseProbing stops probing the gateway while the window is hidden and the program does not log in by itself.
func (d *Desk) pauseProbing() {
	if !d.visible && !d.autoLogin {
		d.seat.Rest()
	}
}

// reloadGateway loads the gateway again. It probes it when it is another one, or when the last answer may be out of date.
func (d *Desk) reloadGateway() {
	before, beforeWrong, beforeSeat := d.gateway, d.wrong, d.seat
	d.loadGateway()
	if d.seat.View().Busy() {
		return
	}
	same := reflect.DeepEqual(before, d.gateway) && (beforeWrong == nil) == (d.wrong == nil) && beforeSeat == d.seat
	if !same {
		d.typed.Address = d.addressText()
	}
	state := d.seat.View().State
	if !same || state == keeper.Resting || state == keeper.Ready { // a Ready gateway may have stopped answering
		d.probe()
	}
}

// probe asks the seat to find out whether the gateway answers.
func (d *Desk) probe() { d.probed, d.loginPending = true, false; d.seat.Probe() }

// Shown tells what is on show now. Each line of the status goes into the log once.
func (d *Desk) Shown(c Content) {
	line := string(c.Icon) + ": " + c.Status
	if d.quiet && c.Status == d.ownMessage {
		line = string(c.Icon) + ": what was typed is no address"
	}
	if line != d.shown {
		d.shown = line
		d.cfg.Log("status " + line)
	}
}

// Close ends the access and everything of the desk.
func (d *Desk) Close() {
	d.leave()
	d.seat.Close()
	d.closed.Wait()
}

// HasAccess tells whether there is access of this window's to lose.
func (d *Desk) HasAccess() bool {
	v := d.seat.View()
	return v.Control == seat.Yours && v.Busy()
}

// ReturnsHidden tells whether the program, started again after an installer has closed it, may stay out of sight: the
// person had no access to lose, or gets it back without doing anything. Otherwise it shows itself and asks for the
// password.
func (d *Desk) ReturnsHidden() bool {
	return !d.HasAccess() || wantsAtStart(d.personal, d.registry.Bans, d.saved() != "")
}
