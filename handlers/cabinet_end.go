package handlers

import (
	"errors"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// cabinetEndSession ends one of the account's own sessions.
func (s *Site) cabinetEndSession(c echo.Context) error {
	live, found := s.Sessions.Session(c.Param("id"))
	if !found || live.UserID != who(c).User.ID || live.Kind == agent.KindStatic {
		return done(c, locale.ToastSessionGone, "/cabinet")
	}
	err := s.Sessions.End(c.Request().Context(), live.ID, agent.ReasonLogout)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return err
	}
	return done(c, locale.ToastSessionEnded, "/cabinet")
}

// cabinetEndBrowser signs the account out in another of its browsers.
func (s *Site) cabinetEndBrowser(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	record, err := s.Browsers.BrowserSession(ctx, id)
	if err == nil && record.UserID == who(c).User.ID {
		err = s.Browsers.EndBrowserSession(ctx, id)
	}
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return err
	}
	return done(c, locale.ToastBrowserEnded, "/cabinet")
}
