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

// Caller is who has the other end of a connection.
type Caller struct {
	Person
	Admin bool // with elevated rights
}

// claim is whose the access is: that of the one who logged in last. It counts while the status is busy.
type claim struct {
	owner Person // the zero Person is nobody
	why   string // key of the text, in package locale, that says why the access was taken from the owner; empty = it was not
}

// control tells what a person may do.
func (c claim) control(p Person, s client.Status) session.Control {
	switch {
	case !s.Busy():
		return session.Free
	case c.owner == p:
		return session.Yours
	}
	return session.Other
}

// status is what somebody may see.
func (c claim) status(who Caller, s client.Status, lang locale.Lang) session.Status {
	v := session.Status{Status: s, Control: c.control(who.Person, s)}
	switch {
	case v.Control == session.Other:
		v.CanEnd = who.Admin
		v.Status = client.Status{State: session.Resting, Message: locale.Text(lang, locale.AccessTaken)}
	case c.owner != who.Person && (s.Login != "" || s.State == client.Ended): // how somebody else's access ended
		v.Status = client.Status{State: session.Resting}
	case c.why != "" && s.State == client.Ended && s.Code == string(agent.ReasonLogout):
		v.Code, v.Message = session.Taken, locale.Text(lang, c.why)
		if c.why == locale.AccessStopped {
			v.Code = session.Stopped
		}
	}
	return v
}

// ends tells whether the access has to end now that a Windows session is not worked in any more.
func (c claim) ends(session uint32, s client.Status) bool {
	return s.Busy() && c.owner.Session == session
}
