package handlers

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates/locale"
)

// changeOwnPassword changes a password with the old one, voids the person's resume tokens and signs out the person's browsers except
// one. Live sessions go on. Errors: those of Gate.ChangePassword; failures of the store, after which the new password is valid.
func (s *Site) changeOwnPassword(ctx context.Context, p access.PasswordChange, by agent.ActSource, exceptBrowser string) (agent.User, error) {
	u, err := s.Gate.ChangePassword(ctx, p)
	if err != nil {
		return agent.User{}, err
	}
	ctx = context.WithoutCancel(ctx) // must finish also if the peer disconnects
	act := actOnAccount(agent.ActPasswordChanged, u, hiddenChange("psw"))
	act.At, act.By, act.Login, act.Source, act.Peer = time.Now(), u.ID, u.FullLogin(), by, p.Peer
	s.addActs(ctx, act)
	return u, errors.Join(s.Sessions.VoidResume(ctx, u.ID), s.Browsers.EndBrowserSessions(ctx, u.ID, exceptBrowser))
}

// changesPasswords reports whether the passwords of a directory can be changed through the gateway.
func (s *Site) changesPasswords(ctx context.Context, directory string) bool {
	if directory == agent.LocalDirectory {
		return true
	}
	d, err := s.directoryByName(ctx, directory)
	return err == nil && d.PasswordChange != agent.PasswordChangeOff
}

// checkTypedTwice checks the fields psw and psw2. The directory checks the rest.
func checkTypedTwice(c echo.Context) agent.Problems {
	switch psw := c.FormValue("psw"); {
	case psw == "":
		return agent.Problems{{Field: "psw", Code: "field_required"}}
	case psw != c.FormValue("psw2"):
		return agent.Problems{{Field: "psw2", Code: locale.FieldPasswordMismatch}}
	}
	return nil
}
