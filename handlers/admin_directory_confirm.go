package handlers

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryConfirm asks, then ends the sessions of the withheld check.
func (s *Site) adminDirectoryConfirm(c echo.Context, d agent.DirectorySettings) error {
	withheld := s.Directories.Status(d.ID).Withheld
	if withheld == nil {
		return done(c, locale.ToastCheckOver, "/admin/directories")
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmCheck(who(c).L, d, *withheld)))
	}
	sessions, _ := strconv.Atoi(c.FormValue("sessions")) // without it, the page asks again
	err := s.Directories.ConfirmCheck(c.Request().Context(), d.ID, sessions)
	if errors.Is(err, agent.ErrNotFound) {
		return done(c, locale.ToastCheckOver, "/admin/directories")
	}
	if problems, now := problemsIn(err), s.Directories.Status(d.ID).Withheld; problems != nil && now != nil { // more would end by now
		p := s.page(c)
		p.Alert = who(c).L.Problem(problems[0])
		return s.render(c, http.StatusConflict, templates.Confirm(p, templates.ConfirmCheck(who(c).L, d, *now)))
	}
	if err != nil {
		return err
	}
	s.act(c, actOn(agent.ActDirectoryConfirmed, d.ID, d.Name), "directory", d.Name, "sessions", withheld.Sessions)
	return done(c, locale.ToastCheckConfirmed, "/admin/directories")
}
