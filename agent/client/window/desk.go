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

	typed      Typed
	tried      attempt
	ownMessage string // see Input
	quiet      bool   // ownMessage repeats what was typed, which may be a password in the wrong field
	looking    bool
	armed      bool // the program logs in by itself as soon as it can
	knocked    bool // while armed: the gateway is asked for
	entering   bool // a login was asked for and has not begun yet
	out        bool // a logout was asked for, and no login since: whatever comes of it, the program stays out
	was        seat.View
	shown      string // the last status in the log
}

// attempt is the last login that was asked for, until it is known what came of it.
type attempt struct {
	target, login, password string
	saved                   bool // the password came from the safe
}

// Open connects the window to the session it controls. looking: the window is shown.
func Open(cfg Config, looking bool) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	d := &Desk{cfg: cfg, looking: looking}
	var err error
	if d.personal, err = cfg.Personal.Load(); err != nil {
		cfg.Log(err.Error())
	}
	d.typed.Login = d.personal.Login
	d.settle()
	d.typed.Address = d.addressText()
	d.armed = wantsAtStart(d.personal, d.registry.Bans, d.saved() != "")
	d.was = d.seat.View()
	if looking || d.armed {
		d.wake()
	}
	return d
}

// Content returns what to show now.
func (d *Desk) Content() Content {
	return BuildContent(Input{View: d.seat.View(), Lang: d.cfg.Lang, Personal: d.personal, Bans: d.registry.Bans, Server: d.Server(),
		Locked: d.locked(), Typed: d.typed, Saved: d.saved() != "", OwnMessage: d.ownMessage, Now: d.cfg.Now(), Traffic: d.traffic()})
}

// traffic is asked for only while somebody sees it.
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

// Counts tells whether the window is on show and there is a VPN whose traffic changes all the time. What a session in the
// local network sends and receives is known to nobody on this computer: it goes past the program.
func (d *Desk) Counts() bool {
	v := d.seat.View()
	return d.looking && d.place == inService && v.Control == seat.Yours && v.State == client.TunnelUp && v.Mode == client.ModeVPN
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

// Look tells whether the window is on show. What administrators have set may have changed meanwhile.
func (d *Desk) Look(looking bool) {
	d.looking = looking
	if looking {
		d.resettle()
		return
	}
	d.restUnseen()
}

// restUnseen leaves the gateway in peace while nobody looks and nothing is to be done by the program itself.
func (d *Desk) restUnseen() {
	if !d.looking && !d.armed {
		d.seat.Rest()
	}
}

// resettle asks for the gateway again when it is another one, or when nobody has asked yet.
func (d *Desk) resettle() {
	before, beforeWrong, beforeSeat := d.gateway, d.wrong, d.seat
	d.settle()
	if d.seat.View().Busy() {
		return
	}
	same := reflect.DeepEqual(before, d.gateway) && (beforeWrong == nil) == (d.wrong == nil) && beforeSeat == d.seat
	if !same {
		d.typed.Address = d.addressText()
	}
	state := d.seat.View().State
	if !same || state == keeper.Resting || state == keeper.Ready { // which may be true no longer
		d.wake()
	}
}

// wake looks for the gateway.
func (d *Desk) wake() { d.knocked, d.entering = true, false; d.seat.Knock() }

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
