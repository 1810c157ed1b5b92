package session

import (
	"sync"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Local is a Session in the window's own process. Nobody else controls it.
type Local struct {
	*Manager
	choose func() (settings.Gateway, error)
	lang   locale.Lang

	mu      sync.Mutex // guards problem
	problem *Problem
}

// NewLocal starts a session with its own Manager. choose is called each time that the gateway is needed; its error is
// a *settings.Problem. A gateway without a Host means that there is none.
func NewLocal(cfg Config, choose func() (settings.Gateway, error), lang locale.Lang) *Local {
	return &Local{Manager: New(cfg), choose: choose, lang: lang}
}

func (l *Local) Probe() {
	if g, ok := l.gateway(); ok {
		l.Manager.Probe(Request{Gateway: g, Lang: l.lang})
	} else {
		l.StopProbing()
	}
}

func (l *Local) Login(login, password string) {
	if g, ok := l.gateway(); ok {
		l.Manager.Login(Request{Gateway: g, Login: login, Password: password, Lang: l.lang})
	}
}

// gateway returns the gateway, or stores the problem to show.
func (l *Local) gateway() (settings.Gateway, bool) {
	g, err := l.choose()
	problem := GatewayProblem(l.lang, g, err)
	l.mu.Lock()
	l.problem = problem
	l.mu.Unlock()
	l.Notify()
	return g, problem == nil
}

// End implements Session: the access can only be the window's own.
func (l *Local) End() { l.Logout() }

func (l *Local) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Status: l.Manager.Status(), Holder: Nobody, Problem: l.problem}
	if s.Busy() {
		s.Holder, s.Problem = You, nil
	}
	return s
}
