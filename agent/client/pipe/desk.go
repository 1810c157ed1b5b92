package pipe

import (
	"fmt"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Keeper is what the service gives access with.
type Keeper interface {
	Probe(keeper.Wish)
	Login(keeper.Wish) // the Status is Busy when it returns
	Extend(password string)
	Logout()
	Rest()
	Status() keeper.Status
	Watch() (<-chan struct{}, func())
}

// absence is how long the access outlives the owner's last window, which may only be starting again.
const absence = 10 * time.Second

// desk is where the windows of all persons meet the one keeper.
type desk struct {
	keeper Keeper
	choose func() (settings.Gateway, error)
	log    func(string)
	clock  client.Clock
	bell   seat.Bell // rung when a window may have to show something else

	mu      sync.Mutex // guards the fields below; held while the keeper is told something
	claim   claim
	windows map[*window]struct{}
	missing *missing // nil = nobody is waited for
}

// window is one connection.
type window struct {
	who  Caller
	lang locale.Lang

	probing bool          // it has sent a probe and no rest since; guarded by desk.mu
	problem *seat.Problem // of its last probe or login; guarded by desk.mu
	refused []answer      // not sent yet; guarded by desk.mu
}

// missing is the time in which an owner without a window has to come back.
type missing struct{ cameBack chan struct{} }

// come lets a window in.
func (d *desk) come(w *window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.windows[w] = struct{}{}
	if d.claim.owner == w.who.Person {
		d.waitNoMore()
	}
}

// leave is when its connection has ended.
func (d *desk) leave(w *window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.windows, w)
	busy := d.keeper.Status().Busy()
	switch {
	case busy && w.who.Person == d.claim.owner && d.countOf(d.claim.owner) == 0 && d.missing == nil:
		d.miss()
	case !busy:
		d.pauseProbing()
	}
}

// pauseProbing stops probing the gateway when no window wants it. d.mu is held.
func (d *desk) pauseProbing() {
	for w := range d.windows {
		if w.probing {
			return
		}
	}
	d.keeper.Rest()
}

func (d *desk) countOf(p Person) int {
	n := 0
	for w := range d.windows {
		if w.who.Person == p {
			n++
		}
	}
	return n
}

// miss ends the access unless its owner comes back. d.mu is held.
func (d *desk) miss() {
	m := &missing{cameBack: make(chan struct{})}
	d.missing = m
	over, stop := d.clock.Timer(absence)
	go func() {
		defer stop()
		select {
		case <-over:
		case <-m.cameBack:
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.missing == m { // and has not come back just now
			d.missing = nil
			d.take(locale.SeatWindowGone)
		}
	}()
}

// waitNoMore is when the owner has come back, or the access that was waited for is nobody's any more. d.mu is held.
func (d *desk) waitNoMore() {
	if d.missing != nil {
		close(d.missing.cameBack)
		d.missing = nil
	}
}

// take ends the access against the owner's will, or without it. d.mu is held.
func (d *desk) take(why string) {
	d.log(fmt.Sprintf("the access of Windows session %d ends: %s", d.claim.owner.Session, why))
	d.claim.why = why
	d.keeper.Logout()
	d.bell.Ring()
}

// left is when nobody works in a Windows session any more.
func (d *desk) left(session uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claim.ends(session, d.keeper.Status()) {
		d.take(locale.SeatLeft)
	}
}

// retire has the access that is there end as the service's own doing.
func (d *desk) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keeper.Status().Busy() {
		d.claim.why = locale.SeatStopped
	}
}

// owner is who has access.
func (d *desk) owner() (Person, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.claim.owner, d.keeper.Status().Busy()
}

// close ends what the desk waits for.
func (d *desk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waitNoMore()
}

// does what a window asks for.
func (d *desk) does(w *window, r request) {
	defer d.bell.Ring()
	switch r.Type {
	case typeProbe:
		d.probe(w)
	case typeRest:
		d.rest(w)
	case typeLogin:
		d.login(w, r.Login, r.Password)
	case typeExtend:
		d.asOwner(w, func() { d.keeper.Extend(r.Password) })
	case typeLogout:
		d.asOwner(w, d.keeper.Logout)
	case typeEnd:
		d.end(w)
	}
}

func (d *desk) probe(w *window) {
	g, wrong := d.gateway(w)
	d.mu.Lock()
	defer d.mu.Unlock()
	w.problem, w.probing = wrong, true
	switch {
	case d.keeper.Status().Busy():
	case wrong != nil:
		d.keeper.Rest()
	default:
		d.keeper.Probe(keeper.Wish{Gateway: g, Lang: w.lang})
	}
}

func (d *desk) rest(w *window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.probing = false
	if !d.keeper.Status().Busy() {
		d.pauseProbing()
	}
}

func (d *desk) login(w *window, login, password string) {
	g, wrong := d.gateway(w)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.claim.control(w.who.Person, d.keeper.Status()) == seat.Other {
		w.refuse(seat.Busy, locale.SeatBusy)
		return
	}
	if w.problem = wrong; wrong != nil {
		return
	}
	d.log(fmt.Sprintf("login by %s in Windows session %d", w.who.User, w.who.Session)) // not as whom: people type passwords there
	d.waitNoMore()
	d.claim = claim{owner: w.who.Person}
	d.keeper.Login(keeper.Wish{Gateway: g, Login: login, Password: password, Lang: w.lang})
}

// gateway finds out where to go, or why that is not known.
func (d *desk) gateway(w *window) (settings.Gateway, *seat.Problem) {
	g, err := d.choose()
	wrong := seat.Unsettled(w.lang, g, err)
	if wrong != nil {
		d.log("gateway: " + wrong.Code + " " + agent.Clean(fmt.Sprint(err), maxLogged))
	}
	return g, wrong
}

const maxLogged = 300 // characters of what others wrote

// asOwner does something with the access of the window's person.
func (d *desk) asOwner(w *window, do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.claim.control(w.who.Person, d.keeper.Status()) {
	case seat.Yours:
		do()
	case seat.Other:
		w.refuse(seat.Busy, locale.SeatBusy)
	}
}

func (d *desk) end(w *window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch control := d.claim.control(w.who.Person, d.keeper.Status()); {
	case control == seat.Yours:
		d.keeper.Logout()
	case control == seat.Other && w.who.Admin:
		d.log(fmt.Sprintf("ended by %s in Windows session %d", w.who.User, w.who.Session))
		d.take(locale.SeatEnded)
	case control == seat.Other:
		w.refuse(seat.Busy, locale.SeatBusy)
	}
}

// refuse is said to the window as soon as it listens. desk.mu is held.
func (w *window) refuse(code, key string) {
	w.refused = append(w.refused, answer{Type: typeRefused, Code: code, Message: locale.Text(w.lang, key)})
}

// news are what there is to tell a window now: refusals once, and the status.
func (d *desk) news(w *window) (refused []answer, status answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	refused, w.refused = w.refused, nil
	v := d.claim.view(w.who, d.keeper.Status(), w.lang)
	if v.Control == seat.Free {
		v.Problem = w.problem
	}
	return refused, statusOf(v)
}
