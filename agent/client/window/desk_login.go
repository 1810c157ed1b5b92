package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Login asks for access with what is typed, or with the saved password. It tells what is missing: the field to go to.
func (d *Desk) Login() (missing Missing) {
	d.armed = false
	d.typed.Login = strings.TrimSpace(d.typed.Login)
	if !d.TypedAddress() {
		return MissingAddress
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
		return MissingAddress
	case d.typed.Login == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskLogin)
		return MissingLogin
	case password == "":
		d.word = locale.Text(d.cfg.Lang, locale.AskPassword)
		return MissingPassword
	}
	d.login(password, saved)
	return MissingNothing
}

// Missing is a field that a login needs.
type Missing int

// Fields that may be missing.
const (
	MissingNothing Missing = iota
	MissingLogin
	MissingPassword
	MissingAddress
)

// FirstEmpty is the field that a person has to fill in first.
func (d *Desk) FirstEmpty() Missing {
	switch {
	case d.seat.View().Busy():
		return MissingNothing
	case d.gateway.Host == "" && d.typed.Address == "" && !d.locked():
		return MissingAddress
	case d.typed.Login == "":
		return MissingLogin
	case d.typed.Password == "" && d.saved() == "":
		return MissingPassword
	}
	return MissingNothing
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
