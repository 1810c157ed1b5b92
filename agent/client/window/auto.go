package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Nobody is logged in by the program itself but with a password that they chose to save, and only at three times: when the
// session has run out, and, for who also chose to be connected automatically, when the program starts and when the service
// is there again that took the access with it. After every other end, and after a refusal, a person has to ask.

// mayLogIn tells whether there is a password to log in with. saved: one is there.
func mayLogIn(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.SavePassword && !bans.SavedPassword && saved
}

// wantsAtStart tells whether to log in when the program starts.
func wantsAtStart(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.AutoConnect && mayLogIn(p, bans, saved)
}

// wantsAfter tells whether to log in after a change.
func wantsAfter(was, is session.Status, p settings.Personal, bans settings.Bans, saved bool) bool {
	justEnded := is.State == client.Ended && was.State != client.Ended
	switch {
	case !mayLogIn(p, bans, saved):
		return false
	case justEnded && is.Code == string(agent.ReasonExpired):
		return true
	}
	return p.AutoConnect && wentWithService(was, is)
}

// wentWithService tells whether the person's access, or the attempt to get it, has just ended because the service did:
// it was stopped and said so, or it does not answer any more.
func wentWithService(was, is session.Status) bool {
	if was.Control != session.Yours || !was.Busy() {
		return false
	}
	return is.State == client.Ended && is.Code == session.Stopped || is.Problem != nil && is.Problem.Code == session.ServiceStopped
}

// step is a step of the automatic login.
type step int

const (
	stepWait  step = iota // for the gateway, or for its answer
	stepProbe             // until the gateway answers
	stepLogin             // now
	stepOver              // the automatic login has succeeded or failed
)

// nextStep returns the next step of the automatic login. Before the first login it waits for the gateway: the network may
// come up after the person has logged on to Windows.
func nextStep(v session.Status) step {
	switch {
	case v.Control == session.Other:
		return stepOver
	case v.Problem != nil:
		return stepWait // for the service, or for settings
	case v.HasAccess():
		return stepOver
	}
	switch v.State {
	case session.Ready:
		return stepLogin
	case session.Resting:
		return stepProbe
	case client.Ended:
		switch v.Code {
		case string(agent.ReasonExpired):
			return stepLogin
		case session.Stopped:
			return stepWait // for the service
		}
		return stepOver
	case client.Failed:
		switch {
		case v.Login == "":
			return stepWait // the session probes it again and again
		case v.Code == string(agent.CodeUnreachable):
			return stepProbe
		}
		return stepOver
	}
	return stepWait
}
