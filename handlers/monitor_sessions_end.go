package handlers

import (
	"errors"
	"net/http"
	"slices"

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

// endSession ends a session for an administrator. That of a rule is refused, because it would begin again at once.
func (s *Site) endSession(c echo.Context, id string) error {
	if s.isByRule(id) {
		return refusal{http.StatusConflict, locale.SessionByRule}
	}
	name := s.sessionName(id)
	if err := s.Sessions.End(c.Request().Context(), id, agent.ReasonAdmin); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActSessionEnded, Object: id, Name: name}, "session", id)
	return nil
}

// isByRule reports whether a session is of KindStatic.
func (s *Site) isByRule(id string) bool {
	return slices.ContainsFunc(s.Sessions.Sessions(), func(l agent.LiveSession) bool { return l.ID == id && l.Kind == agent.KindStatic })
}
