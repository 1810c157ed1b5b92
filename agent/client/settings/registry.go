package settings

// Registry holds the settings of this computer's administrators, from HKEY_LOCAL_MACHINE, where a plain user cannot
// write. It is empty on other systems than Windows.
type Registry struct {
	Policy       Setting
	Installer    Setting
	Restrictions Restrictions
}

// Restrictions are prohibitions of the policy: DWORD values that are not 0, beside UtmAddress. A value that cannot be read
// counts as set.
type Restrictions struct {
	SavedPassword bool // ForbidSavedPassword: passwords must not be saved
	HomeNetwork   bool // ForbidHomeNetwork: block the home network while all traffic goes through the VPN
}

// ReadRegistry reads policy and installer settings. Errors are in their Err.
func ReadRegistry() Registry {
	return Registry{Policy: readKey(Policy), Installer: readKey(Installer), Restrictions: readRestrictions()}
}

// Names reports whether the administrators' settings name this gateway with the same pin, or both without one.
func (r Registry) Names(g Gateway) bool {
	theirs, _, err := ChooseGateway(r.Policy, r.Installer)
	return err == nil && theirs.Host != "" && theirs.Host == g.Host && theirs.Port == g.Port && samePin(theirs, g)
}

func samePin(a, b Gateway) bool {
	if a.Pin == nil || b.Pin == nil {
		return a.Pin == b.Pin
	}
	return *a.Pin == *b.Pin
}
