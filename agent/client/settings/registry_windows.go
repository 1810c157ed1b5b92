package settings

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

var keys = map[Source]string{
	Policy:    `Software\Policies\Ideco\Agent`,
	Installer: `Software\Ideco\Agent`,
}

// readKey reads the 64-bit view, where the installer writes, also in a 32-bit program.
func readKey(p Source) Setting {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, keys[p], registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return Setting{Source: p}
	}
	if err != nil {
		return Setting{Source: p, Err: err}
	}
	defer k.Close()
	address, err := readText(k, "UtmAddress")
	if err != nil {
		return Setting{Source: p, Err: err}
	}
	pin, err := readText(k, "UtmPin")
	if err != nil {
		return Setting{Source: p, Err: err}
	}
	return Setting{Source: p, Address: address, Pin: pin}
}

// readText returns "" for a missing value and an error for one that is not text.
func readText(k registry.Key, name string) (string, error) {
	s, _, err := k.GetStringValue(name)
	if err != nil && !errors.Is(err, registry.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func readRestrictions() Restrictions {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, keys[Policy], registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return Restrictions{}
	}
	if err != nil {
		return Restrictions{SavedPassword: true, HomeNetwork: true}
	}
	defer k.Close()
	return Restrictions{SavedPassword: readFlag(k, "ForbidSavedPassword", true), HomeNetwork: readFlag(k, "ForbidHomeNetwork", true)}
}

// readFlag returns false for a missing value and malformed for one that is not a number.
func readFlag(k registry.Key, name string, malformed bool) bool {
	n, _, err := k.GetIntegerValue(name)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return false
	case err != nil:
		return malformed
	}
	return n != 0
}
