package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Login requests access with what is typed, or with the saved password. It returns the field that has to be filled in first,
// or "".
func (d *Desk) Login() (missing control) {
	d.autoLogin = false
	d.typed.Login = strings.TrimSpace(d.typed.Login)
	if !d.TypedAddress() {
		return controlAddress
	}
	d.loadGateway()
	d.ownMessage = ""
	password, saved := d.typed.Password, false
	if password == "" {
		password = d.saved()
		saved = password != ""
	}
	switch {
	case d.gateway.Host == "":
		d.probe() // the seat then shows what is wrong
		return controlAddress
	case d.typed.Login == "":
		d.ownMessage = locale.Text(d.cfg.Lang, locale.AskLogin)
		return controlLogin
	case password == "":
		d.ownMessage = locale.Text(d.cfg.Lang, locale.AskPassword)
		return controlPassword
	}
	d.login(password, saved)
	return ""
}

// firstEmpty is where a person goes on: at the first field of the form that has to be filled in, or at the button.
func (d *Desk) firstEmpty() control {
	switch {
	case d.seat.View().Busy():
		return controlMain
	case d.gateway.Host == "" && d.typed.Address == "" && !d.locked():
		return controlAddress
	case d.typed.Login == "":
		return controlLogin
	case d.typed.Password == "" && d.saved() == "":
		return controlPassword
	}
	return controlMain
}

func (d *Desk) login(password string, saved bool) {
	d.tried = attempt{target(d.gateway, d.typed.Login), d.typed.Login, password, saved}
	d.probed, d.loginPending, d.loggedOut = false, true, false
	d.seat.Login(d.typed.Login, password)
}

// Logout ends the access, or the attempt to get it.
func (d *Desk) Logout() {
	d.autoLogin, d.loggedOut, d.ownMessage = false, true, ""
	d.seat.Logout()
}

// Extend requests a longer session.
func (d *Desk) Extend() {
	d.seat.Extend(d.typed.Password)
	d.typed.Password = ""
}

// End ends somebody else's access.
func (d *Desk) End() { d.seat.End() }
