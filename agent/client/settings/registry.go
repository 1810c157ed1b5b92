package settings

// Registry is what this computer's administrators have set, both in HKEY_LOCAL_MACHINE, where a plain user cannot
// write. On other systems than Windows it says nothing.
type Registry struct {
	Policy    Values
	Installer Values
}

// ReadRegistry reads both places. What could not be read stands in their Err.
func ReadRegistry() Registry {
	return Registry{Policy: readKey(Policy), Installer: readKey(Installer)}
}
