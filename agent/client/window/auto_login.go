package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// The program logs in by itself only with a saved password or the person's Kerberos tickets, and only when the session has
// expired or, if the person chose automatic connection, when the program starts and when the service returns after it ended the
// access. After any other end or a refusal the person has to log in.
//
// hasTickets says below that the person can have Kerberos tickets; whether the gateway accepts them is known only when it
// answers.

// hasUsablePassword reports whether there is a saved password that may be used.
func hasUsablePassword(p settings.Personal, bans settings.Restrictions, saved bool) bool {
	return p.SavePassword && !bans.SavedPassword && saved
}

// logsInAtStart reports whether to log in when the program starts.
func logsInAtStart(p settings.Personal, bans settings.Restrictions, saved, hasTickets bool) bool {
	return p.AutoConnect && (hasTickets || hasUsablePassword(p, bans, saved))
}

// logsInAfter reports whether to log in after a change of the status. After a login with tickets the tickets are used again.
func logsInAfter(was, is session.Status, p settings.Personal, bans settings.Restrictions, saved, hasTickets bool) bool {
	if is.State == client.Ended && was.State != client.Ended && is.Code == string(agent.ReasonExpired) {
		return is.BySSO && hasTickets || hasUsablePassword(p, bans, saved)
	}
	return logsInAtStart(p, bans, saved, hasTickets) && endedWithService(was, is)
}

// endedWithService reports whether the person's access, or login, has just ended because the service stopped or does
// not answer.
func endedWithService(was, is session.Status) bool {
	if was.Holder != session.You || !was.Busy() {
		return false
	}
	return is.State == client.Ended && is.Code == session.ServiceStops || is.Problem != nil && is.Problem.Code == session.ServiceStopped
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
	case v.Holder == session.Other:
		return stepOver
	case v.Problem != nil:
		return stepWait // for the service or for valid settings
	case v.HasAccess():
		return stepOver
	}
	switch v.State {
	case session.Ready:
		return stepLogin
	case session.Idle:
		return stepProbe
	case client.Ended:
		switch v.Code {
		case string(agent.ReasonExpired):
			return stepLogin
		case session.ServiceStops:
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
