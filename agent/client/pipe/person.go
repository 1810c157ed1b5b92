package pipe

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// Person is a user in one logon session of Windows.
type Person struct {
	Session uint32
	User    string // the security identifier
}

// Caller is the user of a window.
type Caller struct {
	Person
	Admin bool // with elevated rights
}

// claim holds the owner of the access: the person who logged in last. It is valid while the status is busy.
type claim struct {
	owner     Person // zero = none
	endReason string // locale key of the reason why the service ended the access; empty = it did not
}

// holder returns the holder of the access, as seen by a person.
func (c claim) holder(p Person, s client.Status) session.Holder {
	switch {
	case !s.Busy():
		return session.Nobody
	case c.owner == p:
		return session.You
	}
	return session.Other
}

// status returns the status for a caller. Callers other than the owner learn only that there is access.
func (c claim) status(who Caller, s client.Status, lang locale.Lang) session.Status {
	v := session.Status{Status: s, Holder: c.holder(who.Person, s)}
	switch {
	case v.Holder == session.Other:
		v.CanEnd = who.Admin
		v.Status = client.Status{State: session.Idle, Message: locale.Text(lang, locale.AccessTaken)}
	case c.owner != who.Person && (s.Login != "" || s.BySSO || s.State == client.Ended): // hide how another person's access ended
		v.Status = client.Status{State: session.Idle}
	case c.endReason != "" && s.State == client.Ended && s.Code == string(agent.ReasonLogout):
		v.Code, v.Message = session.EndedLocally, locale.Text(lang, c.endReason)
		if c.endReason == locale.AccessStopped {
			v.Code = session.ServiceStops
		}
	}
	return v
}

// heldIn reports whether the access belongs to the Windows session.
func (c claim) heldIn(session uint32, s client.Status) bool {
	return s.Busy() && c.owner.Session == session
}
