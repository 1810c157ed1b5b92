package main

import "ideco-agent/agent/client/settings"

// readPersonal returns zero settings on an error.
func readPersonal() settings.Personal {
	p, _ := settings.PersonalRegistry{}.Load()
	return p
}
