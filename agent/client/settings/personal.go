package settings

import "strings"

// Personal is what one person chose in the window. It is kept in HKCU\Software\Ideco\Agent under the names of the
// fields; the password is not among it.
type Personal struct {
	Login        string // of the last login
	Address      string // typed by the person in place of the installer's; empty = none was
	AddressOver  string // what the installer had named then
	AutoConnect  bool   // log in when the program starts, with the saved password
	SavePassword bool
}

// PersonalStore keeps a Personal.
type PersonalStore interface {
	Load() (Personal, error)
	Save(Personal) error
}

// Values are the person's own address. It is void once the installer names another gateway than the one that the
// person did not want.
func (p Personal) Values(installer Values) Values {
	if blank(p.Address) || !sameAddress(p.AddressOver, installer.Address) {
		return Values{Place: Typed}
	}
	return Values{Place: Typed, Address: p.Address}
}

// WithAddress is p after the person has typed an address. One that is empty or the installer's own is none of the
// person's.
func (p Personal) WithAddress(address string, installer Values) Personal {
	p.Address, p.AddressOver = strings.TrimSpace(address), strings.TrimSpace(installer.Address)
	if p.Address == "" || sameAddress(p.Address, installer.Address) {
		p.Address, p.AddressOver = "", ""
	}
	return p
}

// sameAddress compares what is meant where both are addresses, and what is written otherwise.
func sameAddress(a, b string) bool {
	if strings.TrimSpace(a) == strings.TrimSpace(b) {
		return true
	}
	g, err := Values{Address: a}.gateway(nil)
	return err == nil && g.isNamedBy(Values{Address: b})
}
