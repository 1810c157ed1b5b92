package window

import (
	"strings"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
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

	typed    Typed
	tried    attempt
	word     string
	quiet    bool // word repeats what was typed, which may be a password in the wrong field
	looking  bool
	armed    bool // the program logs in by itself as soon as it can
	knocked  bool // while armed: the gateway is asked for
	entering bool // a login was asked for and has not begun yet
	was      seat.View
	shown    string // the last status in the log
}

// attempt is the last login that was asked for, until it is known what came of it.
type attempt struct {
	target, login, password string
	saved                   bool // the password came from the safe
}

// Open sits down. looking: the window is on show.
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

// settle finds out anew which gateway it is, and takes the seat that belongs to it.
func (d *Desk) settle() {
	d.registry = d.cfg.Registry()
	d.gateway, d.wrong = d.choose(d.registry)
	if d.registry.Bans.SavedPassword {
		d.forget()
	}
	if d.seat != nil && d.seat.View().Busy() {
		return // what is going on ends where it began
	}
	service := d.cfg.HasService != nil && d.cfg.HasService()
	vouched := d.wrong != nil || d.registry.Vouches(d.gateway) // the service says what is wrong as well as we do
	where := placeOf(vouched, service)
	switch {
	case d.seat != nil && d.place == where:
	case where == inService:
		d.sit(where, d.cfg.Service(), nil)
	default:
		k := d.cfg.Keeper
		k.Tunnel, k.NoTunnel = nil, noTunnel(service)
		kept := keeper.New(k)
		d.sit(where, seat.NewLocal(kept, d.chooseNow, d.cfg.Lang), kept)
	}
}

func (d *Desk) choose(r settings.Registry) (settings.Gateway, error) {
	g, warnings, err := settings.Choose(r.Policy, d.cfg.Line, d.personal.Values(r.Installer), r.Installer)
	for _, w := range warnings {
		d.cfg.Log(w.Error())
	}
	return g, err
}

// chooseNow is for the seat here, which asks on the window's goroutine.
func (d *Desk) chooseNow() (settings.Gateway, error) { return d.gateway, d.wrong }

// sit takes a seat in place of the one before it.
func (d *Desk) sit(where place, s seat.Seat, k *keeper.Keeper) {
	if d.seat != nil {
		d.leave()
		d.dismiss(d.seat)
	}
	changed, leave := s.Watch()
	quit := make(chan struct{})
	d.closed.Add(1)
	go func() {
		defer d.closed.Done()
		for {
			select {
			case <-changed:
				d.cfg.Changed()
			case <-quit:
				return
			}
		}
	}()
	d.seat, d.place, d.keeper = s, where, k
	d.leave = func() { leave(); close(quit) }
	d.was = s.View()
}

// dismiss closes a seat that has no access, without making the window wait.
func (d *Desk) dismiss(s seat.Seat) {
	d.closed.Add(1)
	go func() {
		defer d.closed.Done()
		s.Close()
	}()
}

// addressText is what belongs into the field.
func (d *Desk) addressText() string {
	if d.gateway.Host == "" {
		return d.typed.Address
	}
	return d.gateway.String()
}

// locked: policy names the gateway, well or badly.
func (d *Desk) locked() bool {
	v := d.registry.Policy
	return v.Err != nil || strings.TrimSpace(v.Address) != ""
}

// Face is what to show now.
func (d *Desk) Face() Face {
	return Paint(Scene{View: d.seat.View(), Lang: d.cfg.Lang, Personal: d.personal, Bans: d.registry.Bans, Server: d.Server(),
		Locked: d.locked(), Typed: d.typed, Saved: d.saved() != "", Word: d.word, Now: d.cfg.Now()})
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
	if d.keeper != nil && !d.armed {
		d.keeper.Rest()
	}
}

// resettle asks for the gateway again when it is another one, or when nobody has asked yet.
func (d *Desk) resettle() {
	before, beforeWrong, beforeSeat := d.gateway, d.wrong, d.seat
	d.settle()
	if d.seat.View().Busy() {
		return
	}
	same := before.String() == d.gateway.String() && (beforeWrong == nil) == (d.wrong == nil) && beforeSeat == d.seat
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

// Type takes what stands in the fields.
func (d *Desk) Type(t Typed) {
	if t != d.typed {
		d.typed, d.word, d.quiet = t, "", false
	}
}

// TypedAddress takes the address that a person has finished typing. One that is none is refused in words.
func (d *Desk) TypedAddress() bool {
	if d.locked() || d.seat.View().Busy() || strings.TrimSpace(d.typed.Address) == d.Server() {
		return true
	}
	own := d.personal.WithAddress(d.typed.Address, d.registry.Installer)
	if own.Address != "" {
		if _, _, err := settings.Choose(own.Values(d.registry.Installer)); err != nil {
			d.word = seat.Unsettled(d.cfg.Lang, settings.Gateway{}, err).Message
			d.quiet = true
			return false
		}
	}
	d.word, d.armed = "", false
	d.cfg.Line = settings.Values{} // which counts again at the next start; now a person says otherwise
	d.keep(own)
	d.settle()
	d.typed.Address = d.addressText()
	d.wake()
	return true
}

func (d *Desk) keep(p settings.Personal) {
	if p == d.personal {
		return
	}
	d.personal = p
	if err := d.cfg.Personal.Save(p); err != nil {
		d.cfg.Log(err.Error())
		d.word = locale.Text(d.cfg.Lang, locale.ChoicesNotSaved, "value", err.Error())
	}
}

// Tick takes the two boxes. To be logged in by the program takes a saved password: who ticks the second box means the
// first one too, and who unticks the first one means the second.
func (d *Desk) Tick(save, auto bool) {
	if d.registry.Bans.SavedPassword {
		return
	}
	p := d.personal
	switch wasAuto := p.AutoConnect && p.SavePassword; {
	case auto && !wasAuto:
		save = true
	case !save:
		auto = false
	}
	p.SavePassword, p.AutoConnect = save, auto
	d.keep(p)
	switch {
	case !save:
		d.forget()
	case d.tried.password != "" && d.seat.View().HasAccess():
		d.store()
	}
}

// saved is the saved password for the login that is typed; "" = none.
func (d *Desk) saved() string {
	if d.gateway.Host == "" || d.typed.Login == "" || d.registry.Bans.SavedPassword {
		return ""
	}
	password, err := d.cfg.Safe.Password(target(d.gateway, d.typed.Login))
	if err != nil {
		d.cfg.Log(err.Error())
	}
	return password
}

// forget deletes what is saved for the person who sits here.
func (d *Desk) forget() {
	for _, login := range []string{d.personal.Login, d.typed.Login} {
		if login == "" || d.gateway.Host == "" {
			continue
		}
		if err := d.cfg.Safe.SetPassword(target(d.gateway, login), ""); err != nil {
			d.cfg.Log(err.Error())
		}
	}
}

// store saves the password that has just opened the access.
func (d *Desk) store() {
	if err := d.cfg.Safe.SetPassword(d.tried.target, d.tried.password); err != nil {
		d.cfg.Log(err.Error())
		d.word = locale.Text(d.cfg.Lang, locale.NotSaved, "value", err.Error())
	}
}

// Login asks for access with what is typed, or with the saved password. It tells what is missing: the field to go to.
func (d *Desk) Login() (missing Missing) {
	d.armed = false
	d.typed.Login = strings.TrimSpace(d.typed.Login)
	if !d.TypedAddress() {
		return MissingAddress
	}
	d.settle()
	d.word = ""
	password, saved := d.typed.Password, false
	if password == "" {
		password = d.saved()
		saved = password != ""
	}
	switch {
	case d.gateway.Host == "":
		d.wake() // it says what is wrong
		return MissingAddress
	case d.typed.Login == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskLogin)
		return MissingLogin
	case password == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskPassword)
		return MissingPassword
	}
	d.login(password, saved)
	return MissingNothing
}

// Missing is a field that a login needs.
type Missing int

// Fields that may be missing.
const (
	MissingNothing Missing = iota
	MissingLogin
	MissingPassword
	MissingAddress
)

// FirstEmpty is the field that a person has to fill in first.
func (d *Desk) FirstEmpty() Missing {
	switch {
	case d.seat.View().Busy():
		return MissingNothing
	case d.gateway.Host == "" && d.typed.Address == "" && !d.locked():
		return MissingAddress
	case d.typed.Login == "":
		return MissingLogin
	case d.typed.Password == "" && d.saved() == "":
		return MissingPassword
	}
	return MissingNothing
}

func (d *Desk) login(password string, saved bool) {
	d.tried = attempt{target(d.gateway, d.typed.Login), d.typed.Login, password, saved}
	d.knocked, d.entering = false, true
	d.seat.Login(d.typed.Login, password)
}

// Logout ends the access, or the attempt to get it.
func (d *Desk) Logout() { d.armed, d.word = false, ""; d.seat.Logout() }

// Extend asks for a longer session.
func (d *Desk) Extend() {
	d.seat.Extend(d.typed.Password)
	d.typed.Password = ""
}

// End ends somebody else's access.
func (d *Desk) End() { d.seat.End() }

// Refresh reads what has changed, does what the program does by itself, and gives the notifications that are due.
func (d *Desk) Refresh() []News {
	is := d.seat.View()
	was := d.was
	d.was = is
	news := Tell(d.cfg.Lang, was, is)
	d.settleAttempt(was, is)
	if wantsAfter(was, is, d.personal, d.registry.Bans, d.saved() != "") {
		d.armed, d.knocked = true, false
	}
	if is.Busy() {
		d.entering = false
	}
	if d.armed {
		d.goOn(is)
	}
	if d.looking && is.State == client.Failed && is.Login == "" { // it will be knocked again, maybe elsewhere
		d.resettle()
	}
	return news
}

// settleAttempt draws the lessons of a login.
func (d *Desk) settleAttempt(was, is seat.View) {
	switch {
	case is.HasAccess() && !was.HasAccess() && d.tried.password != "":
		p := d.personal
		p.Login = d.tried.login
		d.keep(p)
		d.typed.Password = ""
		if p.SavePassword && !d.registry.Bans.SavedPassword && !d.tried.saved {
			d.store()
		}
	case is.State == client.Failed && was.State != client.Failed && is.Login != "":
		if is.Code == string(agent.CodeUnreachable) {
			return // the password may be good
		}
		d.typed.Password = ""
		if is.Code == string(agent.CodeBadCredentials) && d.tried.saved {
			d.word = locale.Text(d.cfg.Lang, locale.SavedForgotten)
			if err := d.cfg.Safe.SetPassword(d.tried.target, ""); err != nil {
				d.cfg.Log(err.Error())
			}
		}
		d.tried = attempt{}
	case is.State == client.Ended && was.State != client.Ended:
		d.tried = attempt{}
	}
}

// goOn takes the next step towards a login by the program itself.
func (d *Desk) goOn(is seat.View) {
	switch nextStep(is) {
	case stepKnock:
		if !d.knocked {
			d.wake()
		}
	case stepLogin:
		if d.entering {
			return
		}
		if password := d.saved(); password != "" {
			d.login(password, true)
			return
		}
		d.armed = false
	case stepOver:
		d.armed = false
	}
}

// Shown tells what is on show now. Each line of the status goes into the log once.
func (d *Desk) Shown(f Face) {
	line := string(f.Icon) + ": " + f.Status
	if d.quiet && f.Status == d.word {
		line = string(f.Icon) + ": what was typed is no address"
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
