package keeper

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// States of a keeper besides those of package client.
const (
	Resting client.State = "resting" // nothing is wanted
	Ready   client.State = "ready"   // the gateway answers and waits for a login
)

// Status is all that there is to show, whole at every change.
type Status struct {
	State   client.State `json:"state"`
	Mode    string       `json:"mode"`    // client.ModeLAN or client.ModeVPN, while there is access
	Address string       `json:"address"` // that has access
	Expires string       `json:"expires"` // when the session ends, RFC 3339; empty = not known
	Code    string       `json:"code"`    // an agent.Code; for client.Ended an agent.Reason or a code of package seat
	Message string       `json:"message"` // in the language of the Wish
	Server  string       `json:"server"`  // the gateway as a person would write it
	Login   string       `json:"login"`   // of the person who has access or asks for it
	Notices []Notice     `json:"notices"` // what was said of this login beside its state, each code once, the newest last
}

// Notice is something that a person should know beside the state.
type Notice struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// HasAccess tells whether the gateway gives access now.
func (s Status) HasAccess() bool { return s.State == client.Authorized || s.State == client.TunnelUp }

// AsksPassword tells whether the session can only be extended with another password.
func (s Status) AsksPassword() bool {
	for _, n := range s.Notices {
		if client.AsksPassword(n.Code) {
			return true
		}
	}
	return false
}

// Busy tells whether somebody has access, gets it or gets it back.
func (s Status) Busy() bool {
	return s.HasAccess() || s.State == client.Reconnecting || s.State == client.Connecting && s.Login != ""
}

// Notice finds what was said under a code.
func (s Status) Notice(code string) (Notice, bool) {
	for _, n := range s.Notices {
		if n.Code == code {
			return n, true
		}
	}
	return Notice{}, false
}

// asking is the status of a login that has just begun, or waits for what went before to end.
func asking(w Wish) Status {
	return Status{State: client.Connecting, Server: w.Gateway.String(), Login: w.Login,
		Message: locale.Text(w.Lang, locale.Connecting, "server", w.Gateway.String())}
}

// loggedOut is the status after a login that never came to ask the gateway.
func loggedOut(lang locale.Lang) Status {
	return Status{State: client.Ended, Code: string(agent.ReasonLogout), Message: locale.Text(lang, locale.Reason(agent.ReasonLogout))}
}

// saw puts an event into the status.
func (k *Keeper) saw(e client.Event) {
	if k.waiting {
		return // what ends has made room for a login, which is on show
	}
	s := k.Status()
	if e.Notice {
		s.Notices = withNotice(s.Notices, Notice{e.Code, e.Message})
		k.show(s)
		return
	}
	if e.Expires != "" && e.Expires != k.expires { // extended, and not only back after a loss
		k.expires = e.Expires
		s.Notices = without(s.Notices, func(n Notice) bool { return n.Code == client.NoticeExpiring || client.AsksPassword(n.Code) })
	}
	s.State, s.Mode, s.Address, s.Expires, s.Code, s.Message = e.State, e.Mode, e.Address, e.Expires, e.Code, e.Message
	if e.State == client.Ended || e.State == client.Failed {
		s.Notices = nil
	}
	k.show(s)
}

// withNotice never changes the list that it gets, which may be on show.
func withNotice(list []Notice, n Notice) []Notice {
	return append(without(list, func(old Notice) bool { return old.Code == n.Code }), n)
}

func without(list []Notice, unwanted func(Notice) bool) []Notice {
	var rest []Notice
	for _, n := range list {
		if !unwanted(n) {
			rest = append(rest, n)
		}
	}
	return rest
}

// Status is what there is to show now.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Watch gives a channel that holds one element after every change, and a function that gives it back.
func (k *Keeper) Watch() (<-chan struct{}, func()) {
	changed := make(chan struct{}, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watchers[changed] = struct{}{}
	return changed, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.watchers, changed)
	}
}

func (k *Keeper) show(s Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status = s
	for w := range k.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}
