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
		if unreachable(err) {
			return s.directoryPage(c, http.StatusServiceUnavailable, saved, templates.AdminDirectoryData{Form: form}, nil, locale.AlertGroupsUnread)
		}
		if problems = problemsIn(err); problems == nil {
			return err
		}
	}
	return s.directoryPage(c, http.StatusBadRequest, saved, templates.AdminDirectoryData{Form: form}, problems, locale.AlertCheckFields)
}

func (s *Site) saveDirectory(c echo.Context, d agent.DirectorySettings) (agent.DirectoryID, error) {
	before := s.savedDirectory(c, d.ID)
	id, err := s.Directories.Save(c.Request().Context(), d)
	if err != nil {
		return 0, err
	}
	s.act(c, actOn(agent.ActDirectorySaved, id, d.Name, directoryChanges(before, s.savedDirectory(c, id), d)...), "directory", d.Name)
	return id, nil
}

// unreachable reports whether an error is a refusal with CodeDirectoryUnreachable.
func unreachable(err error) bool {
	var refused *agent.Error
	return errors.As(err, &refused) && refused.Code == agent.CodeDirectoryUnreachable
}
