package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// monitorEnd ends a session. It returns to the page of the table from which the form came, at the row beside the one that is gone.
func (s *Site) monitorEnd(c echo.Context) error {
	d, err := s.monitorData(c, templates.SessionsTable, c.FormValue)
	if err != nil {
		return err
	}
	id := c.Param("id")
	back := d.View.AtRow(rowBeside(d.Sessions, func(l agent.LiveSession) bool { return l.ID == id }).ID)
	err = s.endSession(c, id)
	if errors.Is(err, agent.ErrNotFound) {
		return done(c, locale.ToastSessionGone, back) // it ended while the page was open
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSessionEnded, back)
}

func (s *Site) restEndAuthSession(c echo.Context) error {
	return doneREST(c, s.endSession(c, c.Param("id")))
}

// endSession ends a session for an administrator. That of a rule is refused, because it would begin again at once.
func (s *Site) endSession(c echo.Context, id string) error {
	live, found := s.Sessions.Session(id)
	if !found {
		return agent.ErrNotFound
	}
	if live.Kind == agent.KindStatic {
		return refusal{http.StatusConflict, locale.SessionByRule}
	}
	if err := s.Sessions.End(c.Request().Context(), id, agent.ReasonAdmin); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActSessionEnded, Object: id, Name: sessionName(live)}, "session", id)
	return nil
}
