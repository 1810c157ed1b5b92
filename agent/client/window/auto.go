package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// The program logs in by itself only with a saved password, and only when the session has expired or, if the person
// chose automatic connection, when the program starts and when the service returns after it ended the access. After
// any other end or a refusal the person has to log in.

// mayLogIn reports whether there is a saved password that may be used.
func mayLogIn(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.SavePassword && !bans.SavedPassword && saved
}

// wantsAtStart reports whether to log in when the program starts.
func wantsAtStart(p settings.Personal, bans settings.Bans, saved bool) bool {
	return p.AutoConnect && mayLogIn(p, bans, saved)
}

// wantsAfter reports whether to log in after a change of the status.
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

// wentWithService reports whether the person's access, or login, has just ended because the service stopped or does
// not answer.
func wentWithService(was, is session.Status) bool {
	if was.Control != session.Yours || !was.Busy() {
		return false
	}
	return is.State == client.Ended && is.Code == session.Stopped || is.Problem != nil && is.Problem.Code == session.ServiceStopped
}

// step is a step of the automatic login.
type step int

const (
	stepWait  step = iota // for the gateway, the answer to a login, or the service
	stepProbe             // probe until the gateway answers
	stepLogin             // log in now
	stepOver              // the automatic login has succeeded or failed
)

// nextStep returns the next step of the automatic login. It waits until the gateway answers, because the network may
// come up after the person has logged on to Windows.
func nextStep(v session.Status) step {
	switch {
	case v.Control == session.Other:
		return stepOver
	case v.Problem != nil:
		return stepWait // for the service or for valid settings
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
			return stepWait // the session keeps probing
		case v.Code == string(agent.CodeUnreachable):
			return stepProbe
		}
		return stepOver
	}
	return stepWait
}
