package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryConfirm lets the withheld check of the accounts end its sessions.
func (s *Site) adminDirectoryConfirm(c echo.Context, d agent.DirectorySettings) error {
	withheld := s.Directories.Status(d.ID).Withheld
	if withheld == nil {
		return done(c, locale.ToastCheckOver, "/admin/directories")
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmCheck(who(c).L, d, *withheld)))
	}
	if err := s.Directories.ConfirmCheck(c.Request().Context(), d.ID); err != nil {
		return err
	}
	s.securityEvent(c, "directory_check_confirmed", "directory", d.Name, "sessions", withheld.Sessions)
	return done(c, locale.ToastCheckConfirmed, "/admin/directories")
}
