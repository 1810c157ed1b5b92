package handlers

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserPassword(c echo.Context, u agent.User) error {
	must := c.FormValue("must_change") == "1"
	err := s.changePassword(c, u, c.FormValue("psw"))
	if problems := (agent.Problems)(nil); errors.As(err, &problems) {
		return s.userPage(c, http.StatusBadRequest, u, templates.NewUserForm(u), problems, "")
	}
	if err == nil {
		err = s.setMustChange(c, u, &must)
	}
	if err != nil {
		return err
	}
	s.Gate.Unlock(u) // the new password must work at once
	return done(c, locale.ToastPasswordChanged, ownPath(c))
}

func (s *Site) restUserPassword(c echo.Context, u agent.User) error {
	var body struct {
		Psw        string         `json:"psw"`
		Password   string         `json:"password"` // the vendor's name for psw
		MustChange optional[bool] `json:"must_change"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if err := s.changePassword(c, u, cmp.Or(body.Psw, body.Password)); err != nil {
		return err
	}
	return doneREST(c, s.setMustChange(c, u, body.MustChange.Value))
}

// setMustChange sets whether the password must be changed at the next login; nil changes nothing.
func (s *Site) setMustChange(c echo.Context, u agent.User, must *bool) error {
	if must == nil || *must == u.MustChange {
		return nil
	}
	before := u
	u, err := s.Accounts.UpdateUser(c.Request().Context(), u.ID, func(u *agent.User) error {
		u.MustChange = *must
		return nil
	})
	if err == nil {
		s.record(c, actOnAccount(agent.ActAccountChanged, u, s.accountChanges(c, before, u)...))
	}
	return err
}

// changePassword sets a local account's password, signs out all its browsers but this one and voids its resume tokens. Live
// sessions continue.
func (s *Site) changePassword(c echo.Context, u agent.User, password string) error {
	ctx := c.Request().Context()
	if !u.Local() {
		return agent.ErrNotFound
	}
	if problems := problemsOf(agent.CheckPassword(password)); problems != nil {
		return problems
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.Accounts.SetPassword(ctx, u.ID, hash); err != nil {
		return err
	}
	s.act(c, actOnAccount(agent.ActPasswordChanged, u, hiddenChange("psw")), "account", u.Login)
	ctx = context.WithoutCancel(ctx) // must finish also if the browser disconnects
	return errors.Join(s.Sessions.VoidResume(ctx, u.ID), s.Browsers.EndBrowserSessions(ctx, u.ID, ownBrowser(c, u.ID)))
}

// ownBrowser returns the ID of this browser session if it is the account's; otherwise "".
func ownBrowser(c echo.Context, id agent.UserID) string {
	if v := who(c); v.User != nil && v.User.ID == id {
		return v.Browser.ID
	}
	return ""
}
