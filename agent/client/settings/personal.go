package settings

import "strings"

// Personal holds one person's choices in the window, except the password. The registry values under
// HKCU\Software\Ideco\Agent have the names of the fields.
type Personal struct {
	Login        string // used for the last login
	Address      string // typed in place of the installer's; empty = none
	AddressOver  string // the installer's address when Address was typed
	AutoConnect  bool   // log in when the program starts, with the saved password
	SavePassword bool
}

// PersonalStore stores a Personal.
type PersonalStore interface {
	Load() (Personal, error)
	Save(Personal) error
}

// Setting returns the typed address as a setting for ChooseGateway. It is blank if the installer has named another gateway
// since the address was typed.
func (p Personal) Setting(installer Setting) Setting {
	if blank(p.Address) || !sameAddress(p.AddressOver, installer.Address) {
		return Setting{Source: Typed}
	}
	return Setting{Source: Typed, Address: p.Address}
}

// WithAddress returns p after the person has typed an address. An empty address, or the installer's own, removes the
// typed one.
func (p Personal) WithAddress(address string, installer Setting) Personal {
	p.Address, p.AddressOver = strings.TrimSpace(address), strings.TrimSpace(installer.Address)
	if p.Address == "" || sameAddress(p.Address, installer.Address) {
		p.Address, p.AddressOver = "", ""
	}
	return p
}

// sameAddress compares host and port when both are valid addresses, otherwise the texts.
func sameAddress(a, b string) bool {
	if strings.TrimSpace(a) == strings.TrimSpace(b) {
		return true
	}
	g, err := Setting{Address: a}.gateway(nil)
	return err == nil && g.isNamedBy(Setting{Address: b})
}
