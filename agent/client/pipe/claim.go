package pipe

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
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

// claim is whose the access is: that of the one who logged in last. It counts while the keeper is busy.
type claim struct {
	owner Person // the zero Person is nobody
	why   string // key of the text, in package locale, that says why the access was taken from the owner; empty = it was not
}

// control tells what a person may do.
func (c claim) control(p Person, s keeper.Status) seat.Control {
	switch {
	case !s.Busy():
		return seat.Free
	case c.owner == p:
		return seat.Yours
	}
	return seat.Other
}

// view is what somebody gets to see.
func (c claim) view(who Caller, s keeper.Status, lang locale.Lang) seat.View {
	v := seat.View{Status: s, Control: c.control(who.Person, s)}
	switch {
	case v.Control == seat.Other:
		v.CanEnd = who.Admin
		v.Status = keeper.Status{State: keeper.Resting, Message: locale.Text(lang, locale.SeatTaken)}
	case c.owner != who.Person && (s.Login != "" || s.State == client.Ended): // how somebody else's access ended
		v.Status = keeper.Status{State: keeper.Resting}
	case c.why != "" && s.State == client.Ended && s.Code == string(agent.ReasonLogout):
		v.Code, v.Message = seat.Taken, locale.Text(lang, c.why)
		if c.why == locale.SeatStopped {
			v.Code = seat.Stopped
		}
	}
	return v
}

// ends tells whether the access has to end now that a Windows session is not worked in any more.
func (c claim) ends(session uint32, s keeper.Status) bool {
	return s.Busy() && c.owner.Session == session
}
