package settings

// Registry is what this computer's administrators have set, both in HKEY_LOCAL_MACHINE, where a plain user cannot
// write. On other systems than Windows it says nothing.
type Registry struct {
	Policy    Values
	Installer Values
	Bans      Bans
}

// Bans are what policy forbids: a DWORD of the same name that is not 0, beside UtmAddress. One that cannot be read
// forbids as well.
type Bans struct {
	SavedPassword bool // ForbidSavedPassword: nobody may have the password saved
	HomeNetwork   bool // ForbidHomeNetwork: while all traffic goes through the VPN, the home subnet is out of reach too
}

// ReadRegistry reads both places. What could not be read stands in their Err.
func ReadRegistry() Registry {
	return Registry{Policy: readKey(Policy), Installer: readKey(Installer), Bans: readBans()}
}

// Vouches tells whether the administrators of this computer named the gateway, with the same pin or none.
func (r Registry) Vouches(g Gateway) bool {
	theirs, _, err := Choose(r.Policy, r.Installer)
	return err == nil && theirs.Host != "" && theirs.Host == g.Host && theirs.Port == g.Port && samePin(theirs, g)
}

func samePin(a, b Gateway) bool {
	if a.Pin == nil || b.Pin == nil {
		return a.Pin == b.Pin
	}
	return *a.Pin == *b.Pin
}
