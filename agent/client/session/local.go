package session

import (
	"sync"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Local is a session in the window's own process, which nobody else controls.
type Local struct {
	*Manager
	choose func() (settings.Gateway, error)
	lang   locale.Lang

	mu      sync.Mutex // guards problem
	problem *Problem
}

// NewLocal starts a session with a Manager of its own. choose is asked for the gateway each time that it is needed; its
// error is a *settings.Problem, and a gateway without a Host is none.
func NewLocal(cfg Config, choose func() (settings.Gateway, error), lang locale.Lang) *Local {
	return &Local{Manager: New(cfg), choose: choose, lang: lang}
}

// Probe is Session's.
func (l *Local) Probe() {
	if g, ok := l.gateway(); ok {
		l.Manager.Probe(Request{Gateway: g, Lang: l.lang})
	} else {
		l.Rest()
	}
}

// Login is Session's.
func (l *Local) Login(login, password string) {
	if g, ok := l.gateway(); ok {
		l.Manager.Login(Request{Gateway: g, Login: login, Password: password, Lang: l.lang})
	}
}

// gateway finds the gateway, or the problem that is then shown.
func (l *Local) gateway() (settings.Gateway, bool) {
	g, err := l.choose()
	problem := GatewayProblem(l.lang, g, err)
	l.mu.Lock()
	l.problem = problem
	l.mu.Unlock()
	l.Notify()
	return g, problem == nil
}

// End is Session's: nobody else can have this access.
func (l *Local) End() { l.Logout() }

// Status is Session's.
func (l *Local) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Status: l.Manager.Status(), Control: Free, Problem: l.problem}
	if s.Busy() {
		s.Control, s.Problem = Yours, nil
	}
	return s
}
