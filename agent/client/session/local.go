package session

import (
	"sync"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Local is a Session in the window's own process.
type Local struct {
	*Manager
	chooseGateway func() (settings.Gateway, error)
	lang          locale.Lang

	mu      sync.Mutex // guards problem
	problem *Problem
}

// NewLocal starts a session with its own Manager. chooseGateway is called each time that the gateway is needed; its error
// is a *settings.Problem. A gateway without a Host means that there is none.
func NewLocal(cfg Config, chooseGateway func() (settings.Gateway, error), lang locale.Lang) *Local {
	return &Local{Manager: New(cfg), chooseGateway: chooseGateway, lang: lang}
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

func (l *Local) LoginSSO() {
	tickets := l.cfg.Tickets
	if tickets == nil {
		return
	}
	if g, ok := l.gateway(); ok {
		l.Manager.Login(Request{Gateway: g, Login: tickets.Person(), Tickets: tickets, Lang: l.lang})
	}
}

func (l *Local) ChangePassword(login, password, newPassword string) {
	if g, ok := l.gateway(); ok {
		l.Manager.ChangePassword(Request{Gateway: g, Login: login, Password: password, NewPassword: newPassword, Lang: l.lang})
	}
}

// gateway returns the gateway, or stores the problem to show.
func (l *Local) gateway() (settings.Gateway, bool) {
	g, err := l.chooseGateway()
	problem := GatewayProblem(l.lang, g, err)
	l.mu.Lock()
	l.problem = problem
	l.mu.Unlock()
	l.Notify()
	return g, problem == nil
}

// End implements Session. All access is the window's own.
func (l *Local) End() { l.Logout() }

func (l *Local) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Status: l.Manager.Status(), Holder: Nobody, Problem: l.problem, ChangesPasswords: true}
	if s.Busy() {
		s.Holder, s.Problem = You, nil
	}
	return s
}
