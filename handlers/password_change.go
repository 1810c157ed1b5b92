package handlers

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates/locale"
)

// changeUnderOld changes a password under the old one, voids the person's resume tokens and signs out the person's browsers except
// one. Live sessions go on. Errors: those of Gate.ChangePassword; failures of the store, after which the new password holds.
func (s *Site) changeUnderOld(ctx context.Context, p access.PasswordChange, exceptBrowser string) (agent.User, error) {
	u, err := s.Gate.ChangePassword(ctx, p)
	if err != nil {
		return agent.User{}, err
	}
	ctx = context.WithoutCancel(ctx) // must finish also if the peer disconnects
	return u, errors.Join(s.Sessions.VoidResume(ctx, u.ID), s.Browsers.EndBrowserSessions(ctx, u.ID, exceptBrowser))
}

// changesHere reports whether the passwords of a directory can be changed through the gateway.
func (s *Site) changesHere(ctx context.Context, directory string) bool {
	if directory == agent.LocalDirectory {
		return true
	}
	all, err := s.Directories.List(ctx)
	if err != nil {
		return false
	}
	for _, d := range all {
		if d.Name == directory {
			return d.PasswordChange != agent.PasswordChangeOff
		}
	}
	return false
}

// typedTwice checks the fields psw and psw2. What else a new password must be is up to its directory.
func typedTwice(c echo.Context) agent.Problems {
	switch psw := c.FormValue("psw"); {
	case psw == "":
		return agent.Problems{{Field: "psw", Code: "field_required"}}
	case psw != c.FormValue("psw2"):
		return agent.Problems{{Field: "psw2", Code: locale.FieldPasswordMismatch}}
	}
	return nil
}

// fullLogin is the login that means this account and no other.
func fullLogin(u agent.User) string {
	if u.Local() {
		return u.Login
	}
	return u.Directory + `\` + u.Login
}
