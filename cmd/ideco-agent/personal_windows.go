package main

import "ideco-agent/agent/client/settings"

// readPersonal returns zero settings on an error.
func readPersonal() settings.Personal {
	p, err := settings.PersonalRegistry{}.Load()
	if err != nil {
		return settings.Personal{}
	}
	return p
}
