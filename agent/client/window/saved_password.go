package window

import "ideco-agent/agent/client/settings"

// PasswordStore stores passwords, each under its target.
type PasswordStore interface {
	// Password returns "" when there is none.
	Password(target string) (string, error)
	// SetPassword with "" deletes the password, if there is one.
	SetPassword(target, password string) error
}

// target returns the name of the saved password for a gateway and a login.
func target(g settings.Gateway, login string) string {
	return "IdecoAgent: " + login + " @ " + g.String()
}
