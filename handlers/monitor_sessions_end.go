package handlers

import (
	"errors"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func (s *Site) monitorEnd(c echo.Context) error {
	err := s.endSession(c, c.Param("id"))
	if errors.Is(err, agent.ErrNotFound) {
		return done(c, locale.ToastSessionGone, "/admin/monitor/sessions") // it ended while the page was open
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSessionEnded, "/admin/monitor/sessions")
}

func (s *Site) restEndAuthSession(c echo.Context) error {
	return doneREST(c, s.endSession(c, c.Param("id")))
}

// endSession ends a session for an administrator.
func (s *Site) endSession(c echo.Context, id string) error {
	if err := s.Sessions.End(c.Request().Context(), id, agent.ReasonAdmin); err != nil {
		return err
	}
	s.securityEvent(c, "session_ended", "session", id)
	return nil
}
