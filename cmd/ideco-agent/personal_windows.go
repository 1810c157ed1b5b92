package main

import "ideco-agent/agent/client/settings"

// readPersonal gives nothing where it cannot be read.
func readPersonal() settings.Personal {
	p, err := settings.PersonalRegistry{}.Load()
	if err != nil {
		return settings.Personal{}
	}
	return p
}
