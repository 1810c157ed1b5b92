package settings

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// PersonalRegistry is a PersonalStore in the registry of the current Windows user.
type PersonalRegistry struct{}

const personalKey = `Software\Ideco\Agent`

// Load returns zero values for settings that do not exist.
func (PersonalRegistry) Load() (Personal, error) {
	var p Personal
	k, err := registry.OpenKey(registry.CURRENT_USER, personalKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("personal settings: %w", err)
	}
	defer k.Close()
	for name, text := range map[string]*string{"Login": &p.Login, "Address": &p.Address, "AddressOver": &p.AddressOver} {
		if *text, err = readText(k, name); err != nil {
			return Personal{}, fmt.Errorf("personal settings: %w", err)
		}
	}
	p.AutoConnect, p.SavePassword = readFlag(k, "AutoConnect", false), readFlag(k, "SavePassword", false)
	return p, nil
}

// Save writes all settings.
func (PersonalRegistry) Save(p Personal) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, personalKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("personal settings: %w", err)
	}
	defer k.Close()
	for name, text := range map[string]string{"Login": p.Login, "Address": p.Address, "AddressOver": p.AddressOver} {
		if err := k.SetStringValue(name, text); err != nil {
			return fmt.Errorf("personal settings: %s: %w", name, err)
		}
	}
	for name, on := range map[string]bool{"AutoConnect": p.AutoConnect, "SavePassword": p.SavePassword} {
		var n uint32
		if on {
			n = 1
		}
		if err := k.SetDWordValue(name, n); err != nil {
			return fmt.Errorf("personal settings: %s: %w", name, err)
		}
	}
	return nil
}
