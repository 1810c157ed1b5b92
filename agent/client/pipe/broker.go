package pipe

import (
	"fmt"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Manager is implemented by session.Manager.
type Manager interface {
	Probe(session.Request)
	Login(session.Request)          // the Status is Busy when it returns
	ChangePassword(session.Request) // with access it only passes the request on, otherwise the Status is Busy when it returns
	Extend(password string)
	Logout()
	StopProbing()
	Status() client.Status
	Watch() (<-chan struct{}, func())
	Notify()
}

// reopenTimeout is how long access continues after the owner's last window has closed: the window may be restarting.
const reopenTimeout = 10 * time.Second

// broker shares one manager among all windows.
type broker struct {
	manager       Manager // Notify is also called for changes in the broker
	chooseGateway func() (settings.Gateway, error)
	log           func(string)
	clock         client.Clock

	mu        sync.Mutex // guards the fields below; held while the manager is called
	claim     claim
	windows   map[*window]struct{}
	ownerBack chan struct{} // closed to stop the wait for the owner; nil = no wait

	questions    []*ticketQuestion // not answered yet
	lastQuestion int               // the last ID
}

// window is one connection to a window.
type window struct {
	caller Caller
	lang   locale.Lang

	hasTickets bool // it answers questions for tokens

	probing  bool              // it needs probes; guarded by broker.mu
	problem  *session.Problem  // of its last probe or login; guarded by broker.mu
	refusals []session.Problem // not sent yet; guarded by broker.mu
}

// join adds a window.
func (b *broker) join(w *window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.windows[w] = struct{}{}
	if b.claim.owner == w.caller.Person {
		b.stopWaiting()
	}
}

// leave removes a window after its connection has ended.
func (b *broker) leave(w *window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.windows, w)
	b.failQuestions(w)
	busy := b.manager.Status().Busy()
	switch {
	case busy && w.caller.Person == b.claim.owner && !b.hasWindow(b.claim.owner) && b.ownerBack == nil:
		b.waitForOwner()
	case !busy:
		b.pauseProbing()
	}
}

// pauseProbing stops the probes when no window needs them. b.mu is held.
func (b *broker) pauseProbing() {
	for w := range b.windows {
		if w.probing {
			return
		}
	}
	b.manager.StopProbing()
}

func (b *broker) hasWindow(p Person) bool {
	for w := range b.windows {
		if w.caller.Person == p {
			return true
		}
	}
	return false
}

// waitForOwner ends the access when its owner, who has no window, opens none within reopenTimeout. b.mu is held.
func (b *broker) waitForOwner() {
	back := make(chan struct{})
	b.ownerBack = back
	over, stop := b.clock.Timer(reopenTimeout)
	go func() {
		defer stop()
		select {
		case <-over:
		case <-back:
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.ownerBack == back { // and not stopped meanwhile
			b.ownerBack = nil
			b.endAccess(locale.AccessWindowGone)
		}
	}()
}

// stopWaiting stops waitForOwner. b.mu is held.
func (b *broker) stopWaiting() {
	if b.ownerBack != nil {
		close(b.ownerBack)
		b.ownerBack = nil
	}
}

// endAccess ends the access without a request of the owner. why is the key of the text. b.mu is held.
func (b *broker) endAccess(why string) {
	b.log(fmt.Sprintf("the access of Windows session %d ends: %s", b.claim.owner.Session, why))
	b.claim.endReason = why
	b.manager.Logout()
	b.manager.Notify()
}

// sessionLeft ends the access when it belongs to the Windows session.
func (b *broker) sessionLeft(session uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.claim.heldIn(session, b.manager.Status()) {
		b.endAccess(locale.AccessLeft)
	}
}

// serviceStops notes that the current access will end because the service stops.
func (b *broker) serviceStops() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.manager.Status().Busy() {
		b.claim.endReason = locale.AccessStopped
	}
}

// owner returns the owner of the access; false = there is no access.
func (b *broker) owner() (Person, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.claim.owner, b.manager.Status().Busy()
}

// close stops waiting for the owner.
func (b *broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopWaiting()
}

// handle handles a request of a window.
func (b *broker) handle(w *window, r request) {
	defer b.manager.Notify()
	switch r.Type {
	case typeProbe:
		b.probe(w)
	case typeStopProbing:
		b.stopProbing(w)
	case typeLogin, typeLoginSSO, typeChange:
		b.login(w, r)
	case typeTicket:
		b.answered(w, r)
	case typeExtend:
		b.ifOwner(w, func() { b.manager.Extend(r.Password) })
	case typeLogout:
		b.ifOwner(w, b.manager.Logout)
	case typeEnd:
		b.end(w)
	}
}

func (b *broker) probe(w *window) {
	g, wrong := b.gateway(w)
	b.mu.Lock()
	defer b.mu.Unlock()
	w.problem, w.probing = wrong, true
	switch {
	case b.manager.Status().Busy():
	case wrong != nil:
		b.manager.StopProbing()
	default:
		b.manager.Probe(session.Request{Gateway: g, Lang: w.lang})
	}
}

func (b *broker) stopProbing(w *window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.probing = false
	if !b.manager.Status().Busy() {
		b.pauseProbing()
	}
}

func (b *broker) login(w *window, r request) {
	g, wrong := b.gateway(w)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder(w) == session.Other {
		w.addRefusal()
		return
	}
	if w.problem = wrong; wrong != nil {
		return
	}
	b.log(fmt.Sprintf("%s by %s in Windows session %d", r.Type, w.caller.User, w.caller.Session)) // without the login: people type passwords into that field
	b.stopWaiting()
	b.claim = claim{owner: w.caller.Person}
	to := session.Request{Gateway: g, Login: r.Login, Password: r.Password, NewPassword: r.NewPassword, Lang: w.lang}
	switch r.Type {
	case typeChange:
		b.manager.ChangePassword(to)
		return
	case typeLoginSSO:
		to.Tickets = &windowTickets{b, w.caller.Person, r.Login}
	}
	b.manager.Login(to)
}

// gateway returns the gateway, or the problem with it.
func (b *broker) gateway(w *window) (settings.Gateway, *session.Problem) {
	g, err := b.chooseGateway()
	wrong := session.GatewayProblem(w.lang, g, err)
	if wrong != nil {
		b.log("gateway: " + wrong.Code + " " + agent.Clean(fmt.Sprint(err), maxLogged))
	}
	return g, wrong
}

const maxLogged = 300 // characters of text from outside

// holder returns the holder of the access, as seen from a window. b.mu is held.
func (b *broker) holder(w *window) session.Holder {
	return b.claim.holder(w.caller.Person, b.manager.Status())
}

// ifOwner calls do when the access belongs to the window's person.
func (b *broker) ifOwner(w *window, do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.holder(w) {
	case session.You:
		do()
	case session.Other:
		w.addRefusal()
	}
}

func (b *broker) end(w *window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch holder := b.holder(w); {
	case holder == session.You:
		b.manager.Logout()
	case holder == session.Other && w.caller.Admin:
		b.log(fmt.Sprintf("ended by %s in Windows session %d", w.caller.User, w.caller.Session))
		b.endAccess(locale.AccessEnded)
	case holder == session.Other:
		w.addRefusal()
	}
}

// addRefusal queues the answer that another person has access. broker.mu is held.
func (w *window) addRefusal() {
	w.refusals = append(w.refusals, session.Problem{Code: session.Busy, Message: locale.Text(w.lang, locale.AccessBusy)})
}

// unsent returns the refusals not sent yet, and the status for a window.
func (b *broker) unsent(w *window) (refusals []session.Problem, s session.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	refusals, w.refusals = w.refusals, nil
	now := b.manager.Status()
	s = b.claim.status(w.caller, now, w.lang)
	s.ChangesPasswords, s.PasswordChanges = true, now.PasswordChanges // also while another person has access: windows wait for the number to grow
	if s.Holder == session.Nobody {
		s.Problem = w.problem
	}
	return refusals, s
}
