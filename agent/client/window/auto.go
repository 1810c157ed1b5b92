package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Nobody is logged in by the program itself but with a password that they chose to save, and only at two times: when the
// program starts, and when the session has run out. After every other end, and after a refusal, a person has to ask.

// mayLogIn tells whether there is a password to log in with. saved: one is there.
func mayLogIn(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.SavePassword && !bans.SavedPassword && saved
}

// wantsAtStart tells whether to log in when the program starts.
func wantsAtStart(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.AutoConnect && mayLogIn(p, bans, saved)
}

// wantsAfter tells whether to log in after a change.
func wantsAfter(was, is seat.View, p settings.Personal, bans settings.Bans, saved bool) bool {
	justEnded := is.State == client.Ended && was.State != client.Ended
	return justEnded && is.Code == string(agent.ReasonExpired) && mayLogIn(p, bans, saved)
}

// step is what a login by the program itself comes to next.
type step int

const (
	stepWait  step = iota // for the gateway, or for its answer
	stepKnock             // until the gateway is there
	stepLogin             // now
	stepOver              // it has come to an end, good or bad
)

// nextStep reads it off what is. Before the first login the gateway is waited for: the network may come up later than
// the person logs on to Windows.
func nextStep(v seat.View) step {
	switch {
	case v.Control == seat.Other:
		return stepOver
	case v.Problem != nil:
		return stepWait // for the service, or for settings
	case v.HasAccess():
		return stepOver
	}
	switch v.State {
	case keeper.Ready:
		return stepLogin
	case keeper.Resting:
		return stepKnock
	case client.Ended:
		if v.Code == string(agent.ReasonExpired) {
			return stepLogin
		}
		return stepOver
	case client.Failed:
		switch {
		case v.Login == "":
			return stepWait // it is knocked again and again
		case v.Code == string(agent.CodeUnreachable):
			return stepKnock
		}
		return stepOver
	}
	return stepWait
}
