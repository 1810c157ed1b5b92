package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Login asks for access with what is typed, or with the saved password. It tells what is missing: the field to go to, or "".
func (d *Desk) Login() (missing part) {
	d.armed = false
	d.typed.Login = strings.TrimSpace(d.typed.Login)
	if !d.TypedAddress() {
		return partAddress
	}
	d.settle()
	d.word = ""
	password, saved := d.typed.Password, false
	if password == "" {
		password = d.saved()
		saved = password != ""
	}
	switch {
	case d.gateway.Host == "":
		d.wake() // it says what is wrong
		return partAddress
	case d.typed.Login == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskLogin)
		return partLogin
	case password == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskPassword)
		return partPassword
	}
	d.login(password, saved)
	return ""
}

// firstEmpty is where a person goes on: at the first field of the form that has to be filled in, or at the button.
func (d *Desk) firstEmpty() part {
	switch {
	case d.seat.View().Busy():
		return partMain
	case d.gateway.Host == "" && d.typed.Address == "" && !d.locked():
		return partAddress
	case d.typed.Login == "":
		return partLogin
	case d.typed.Password == "" && d.saved() == "":
		return partPassword
	}
	return partMain
}

func (d *Desk) login(password string, saved bool) {
	d.tried = attempt{target(d.gateway, d.typed.Login), d.typed.Login, password, saved}
	d.knocked, d.entering, d.out = false, true, false
	d.seat.Login(d.typed.Login, password)
}

// Logout ends the access, or the attempt to get it.
func (d *Desk) Logout() { d.armed, d.out, d.word = false, true, ""; d.seat.Logout() }

// Extend asks for a longer session.
func (d *Desk) Extend() {
	d.seat.Extend(d.typed.Password)
	d.typed.Password = ""
}

// End ends somebody else's access.
func (d *Desk) End() { d.seat.End() }
