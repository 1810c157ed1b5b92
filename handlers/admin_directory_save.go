package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminDirectorySave(c echo.Context, saved agent.DirectorySettings) error {
	form, d, problems := s.readDirectory(c, saved)
	if problems == nil {
		_, err := s.saveDirectory(c, d)
		if err == nil {
			s.drafts.drop(form.Draft)
			return done(c, locale.ToastSaved, "/admin/directories")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	return s.directoryPage(c, http.StatusBadRequest, saved, templates.AdminDirectoryData{Form: form}, problems, locale.AlertCheckFields)
}

func (s *Site) saveDirectory(c echo.Context, d agent.DirectorySettings) (agent.DirectoryID, error) {
	id, err := s.Directories.Save(c.Request().Context(), d)
	if problem := (agent.Problem{}); errors.As(err, &problem) {
		return 0, agent.Problems{problem}
	}
	if err != nil {
		return 0, err
	}
	s.securityEvent(c, "directory_saved", "directory", d.Name)
	return id, nil
}
