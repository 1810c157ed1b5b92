package window

import (
	"strings"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

// Type takes what stands in the fields.
func (d *Desk) Type(t Typed) {
	if t != d.typed {
		d.typed, d.ownMessage, d.quiet = t, "", false
	}
}

// TypedAddress takes the address that a person has finished typing. One that is none is refused in words.
func (d *Desk) TypedAddress() bool {
	if d.locked() || d.seat.View().Busy() || strings.TrimSpace(d.typed.Address) == d.Server() {
		return true
	}
	own := d.personal.WithAddress(d.typed.Address, d.registry.Installer)
	if own.Address != "" {
		if _, _, err := settings.Choose(own.Values(d.registry.Installer)); err != nil {
			d.ownMessage = seat.Unsettled(d.cfg.Lang, settings.Gateway{}, err).Message
			d.quiet = true
			return false
		}
	}
	d.ownMessage, d.autoLogin = "", false
	d.cfg.Line = settings.Values{} // which counts again at the next start; now a person says otherwise
	d.saveSettings(own)
	d.loadGateway()
	d.typed.Address = d.addressText()
	d.probe()
	return true
}

// saveSettings saves what the person chose. An error is shown in the window.
func (d *Desk) saveSettings(p settings.Personal) {
	if p == d.personal {
		return
	}
	d.personal = p
	if err := d.cfg.Personal.Save(p); err != nil {
		d.cfg.Log(err.Error())
		d.ownMessage = locale.Text(d.cfg.Lang, locale.ChoicesNotSaved, "value", err.Error())
	}
}

// Tick takes the two boxes. To be logged in by the program takes a saved password: who ticks the second box means the
// first one too, and who unticks the first one means the second.
func (d *Desk) Tick(save, auto bool) {
	if d.registry.Bans.SavedPassword {
		return
	}
	p := d.personal
	switch wasAuto := p.AutoConnect && p.SavePassword; {
	case auto && !wasAuto:
		save = true
	case !save:
		auto = false
	}
	p.SavePassword, p.AutoConnect = save, auto
	d.saveSettings(p)
	switch {
	case !save:
		d.forget()
	case d.tried.password != "" && d.seat.View().HasAccess():
		d.savePassword()
	}
}

// saved is the saved password for the login that is typed; "" = none.
func (d *Desk) saved() string {
	if d.gateway.Host == "" || d.typed.Login == "" || d.registry.Bans.SavedPassword {
		return ""
	}
	password, err := d.cfg.Safe.Password(target(d.gateway, d.typed.Login))
	if err != nil {
		d.cfg.Log(err.Error())
	}
	return password
}

// forget deletes what is saved for the person who sits here.
func (d *Desk) forget() {
	for _, login := range []string{d.personal.Login, d.typed.Login} {
		if login == "" || d.gateway.Host == "" {
			continue
		}
		if err := d.cfg.Safe.SetPassword(target(d.gateway, login), ""); err != nil {
			d.cfg.Log(err.Error())
		}
	}
}

// savePassword saves the password of the login that succeeded. An error is shown in the window.
func (d *Desk) savePassword() {
	if err := d.cfg.Safe.SetPassword(d.tried.target, d.tried.password); err != nil {
		d.cfg.Log(err.Error())
		d.ownMessage = locale.Text(d.cfg.Lang, locale.NotSaved, "value", err.Error())
	}
}
