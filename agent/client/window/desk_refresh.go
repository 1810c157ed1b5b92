package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
)

// Refresh compares the session with the last look, continues the automatic login, and returns notifications.
func (d *Desk) Refresh() []News {
	is := d.seat.View()
	was := d.was
	d.was = is
	news := Tell(d.cfg.Lang, was, is)
	d.settleAttempt(was, is)
	if is.Control == seat.Other && was.Control != seat.Other && !is.CanEnd { // Tell has no notification for this
		d.cfg.Log("somebody else has access; an administrator may end it: IdecoAgent.exe end, run as administrator")
	}
	if !d.loggedOut && wantsAfter(was, is, d.personal, d.registry.Bans, d.saved() != "") {
		d.autoLogin, d.probed = true, false
	}
	if is.Busy() || justOver(was, is) { // a login may begin and end between two looks
		d.loginPending = false
	}
	if d.autoLogin {
		d.autoLoginStep(is)
	}
	if d.visible && is.State == client.Failed && is.Login == "" { // a probe failed: the next one goes to the gateway that is set by then
		d.reloadGateway()
	}
	return news
}

// justOver reports whether the state is newly Ended or Failed, or its code has changed.
func justOver(was, is seat.View) bool {
	over := is.State == client.Ended || is.State == client.Failed
	return over && (is.State != was.State || is.Code != was.Code)
}

// settleAttempt saves or forgets what was typed after a login succeeded or failed.
func (d *Desk) settleAttempt(was, is seat.View) {
	switch {
	case is.HasAccess() && !was.HasAccess() && d.tried.password != "":
		p := d.personal
		p.Login = d.tried.login
		d.saveSettings(p)
		d.typed.Password = ""
		if p.SavePassword && !d.registry.Bans.SavedPassword && !d.tried.saved {
			d.savePassword()
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

// autoLoginStep takes the next step of the automatic login.
func (d *Desk) autoLoginStep(is seat.View) {
	switch nextStep(is) {
	case stepProbe:
		if !d.probed {
			d.probe()
		}
	case stepLogin:
		if d.loginPending {
			return
		}
		if password := d.saved(); password != "" {
			d.login(password, true)
			return
		}
		d.autoLogin = false
	case stepOver:
		d.autoLogin = false
	}
	d.pauseProbing()
}
