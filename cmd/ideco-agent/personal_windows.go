package main

import (
	"ideco-agent/agent/client/diagnose"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/settings"
)

// readPersonal returns zero settings on an error.
func readPersonal() settings.Personal {
	p, _ := settings.PersonalRegistry{}.Load()
	return p
}

// trustDir returns the directory with the trust file for a gateway: the service's, if the window would use the service.
func trustDir(r settings.Registry, g settings.Gateway) string {
	if pipe.Installed() && r.Names(g) {
		return diagnose.ServiceDir()
	}
	return ownDir()
}
