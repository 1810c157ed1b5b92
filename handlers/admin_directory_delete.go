package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminDirectoryDelete(c echo.Context, d agent.DirectorySettings) error {
	if c.FormValue("confirm") != "1" {
		accounts, err := s.usersIn(c.Request().Context(), d.Name)
		if err != nil {
			return err
		}
		question := templates.ConfirmDirectoryDelete(who(c).L, d, accounts, s.sessionsIn(d.Name))
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), question))
	}
	if err := s.deleteDirectory(c, d); err != nil {
		return err
	}
	return done(c, locale.ToastDirectoryDeleted, "/admin/directories")
}

func (s *Site) restDirectoryDelete(c echo.Context, d agent.DirectorySettings) error {
	return doneREST(c, s.deleteDirectory(c, d))
}

func (s *Site) deleteDirectory(c echo.Context, d agent.DirectorySettings) error {
	ended, err := s.Directories.Delete(c.Request().Context(), d.ID)
	if err != nil {
		return err
	}
	s.act(c, actOn(agent.ActDirectoryDeleted, d.ID, d.Name, difference(directoryValues(d), nil)...), "directory", d.Name, "sessions", ended)
	return nil
}
