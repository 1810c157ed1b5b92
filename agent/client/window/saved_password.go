package window

import "ideco-agent/agent/client/settings"

// Safe keeps the passwords that people chose to have saved, each under its target.
type Safe interface {
	// Password gives "" when there is none.
	Password(target string) (string, error)
	// SetPassword with "" deletes it. There need not be any.
	SetPassword(target, password string) error
}

// target is the name of a saved password: the gateway's that it is for, and the login's.
func target(g settings.Gateway, login string) string {
	return "IdecoAgent: " + login + " @ " + g.String()
}
