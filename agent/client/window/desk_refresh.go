package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
)

// Refresh reads what has changed, does what the program does by itself, and gives the notifications that are due.
func (d *Desk) Refresh() []News {
	is := d.seat.View()
	was := d.was
	d.was = is
	news := Tell(d.cfg.Lang, was, is)
	d.settleAttempt(was, is)
	if is.Control == seat.Other && was.Control != seat.Other && !is.CanEnd { // which is no news for who is not an administrator
		d.cfg.Log("somebody else has access; an administrator may end it: IdecoAgent.exe end, run as administrator")
	}
	if !d.out && wantsAfter(was, is, d.personal, d.registry.Bans, d.saved() != "") {
		d.armed, d.knocked = true, false
	}
	if is.Busy() || justOver(was, is) { // an attempt may be over before it was seen
		d.entering = false
	}
	if d.armed {
		d.goOn(is)
	}
	if d.looking && is.State == client.Failed && is.Login == "" { // it will be knocked again, maybe elsewhere
		d.resettle()
	}
	return news
}

// justOver tells whether an attempt or a session has come to an end between two looks.
func justOver(was, is seat.View) bool {
	over := is.State == client.Ended || is.State == client.Failed
	return over && (is.State != was.State || is.Code != was.Code)
}

// settleAttempt draws the lessons of a login.
func (d *Desk) settleAttempt(was, is seat.View) {
	switch {
	case is.HasAccess() && !was.HasAccess() && d.tried.password != "":
		p := d.personal
		p.Login = d.tried.login
		d.keep(p)
		d.typed.Password = ""
		if p.SavePassword && !d.registry.Bans.SavedPassword && !d.tried.saved {
			d.store()
		}
	case is.State == client.Failed && was.State != client.Failed && is.Login != "":
		if is.Code == string(agent.CodeUnreachable) {
			return // the password may be good
		}
		d.typed.Password = ""
		if is.Code == string(agent.CodeBadCredentials) && d.tried.saved {
			d.ownMessage = locale.Text(d.cfg.Lang, locale.SavedForgotten)
			if err := d.cfg.Safe.SetPassword(d.tried.target, ""); err != nil {
				d.cfg.Log(err.Error())
			}
		}
		d.tried = attempt{}
	case is.State == client.Ended && was.State != client.Ended:
		d.tried = attempt{}
	}
}

// goOn takes the next step towards a login by the program itself.
func (d *Desk) goOn(is seat.View) {
	switch nextStep(is) {
	case stepKnock:
		if !d.knocked {
			d.wake()
		}
	case stepLogin:
		if d.entering {
			return
		}
		if password := d.saved(); password != "" {
			d.login(password, true)
			return
		}
		d.armed = false
	case stepOver:
		d.armed = false
	}
	d.restUnseen()
}
