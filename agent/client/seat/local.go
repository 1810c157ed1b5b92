package seat

import (
	"sync"

	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Local is a seat over a keeper in the same process, which nobody else drives.
type Local struct {
	Bell
	keeper  *keeper.Keeper
	choose  func() (settings.Gateway, error)
	lang    locale.Lang
	forward sync.WaitGroup
	quit    chan struct{} // closed by Close
	once    sync.Once     // for Close

	mu      sync.Mutex // guards problem
	problem *Problem
}

// NewLocal takes a seat. choose tells which gateway it is, each time that it is needed; an error of it is a
// *settings.Problem, and a gateway without a Host is none. Close closes the keeper too.
func NewLocal(k *keeper.Keeper, choose func() (settings.Gateway, error), lang locale.Lang) *Local {
	l := &Local{keeper: k, choose: choose, lang: lang, quit: make(chan struct{})}
	changed, leave := k.Watch()
	l.forward.Add(1)
	go func() {
		defer l.forward.Done()
		defer leave()
		for {
			select {
			case <-changed:
				l.Ring()
			case <-l.quit:
				return
			}
		}
	}()
	return l
}

// Probe is Seat's.
func (l *Local) Probe() {
	if g, ok := l.gateway(); ok {
		l.keeper.Probe(keeper.Wish{Gateway: g, Lang: l.lang})
	} else {
		l.keeper.Rest()
	}
}

// Rest is Seat's.
func (l *Local) Rest() { l.keeper.Rest() }

// Login is Seat's.
func (l *Local) Login(login, password string) {
	if g, ok := l.gateway(); ok {
		l.keeper.Login(keeper.Wish{Gateway: g, Login: login, Password: password, Lang: l.lang})
	}
}

// gateway finds the gateway, or the problem that is then on show.
func (l *Local) gateway() (settings.Gateway, bool) {
	g, err := l.choose()
	problem := Unsettled(l.lang, g, err)
	l.mu.Lock()
	l.problem = problem
	l.mu.Unlock()
	l.Ring()
	return g, problem == nil
}

// Extend is Seat's.
func (l *Local) Extend(password string) { l.keeper.Extend(password) }

// Logout is Seat's.
func (l *Local) Logout() { l.keeper.Logout() }

// End is Seat's: nobody else can have this access.
func (l *Local) End() { l.keeper.Logout() }

// View is Seat's.
func (l *Local) View() View {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := View{Status: l.keeper.Status(), Control: Free, Problem: l.problem}
	if v.Busy() {
		v.Control, v.Problem = Yours, nil
	}
	return v
}

// Close is Seat's.
func (l *Local) Close() {
	l.keeper.Close()
	l.once.Do(func() { close(l.quit) })
	l.forward.Wait()
}
