package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryGroups shows the groups whose name contains a text, and adds the chosen ones to the form. It saves nothing.
func (s *Site) adminDirectoryGroups(c echo.Context, saved agent.DirectorySettings) error {
	form, d, problems := s.readDirectory(c, saved)
	page := templates.AdminDirectoryData{Form: form}
	if problems == nil {
		groups, err := s.Directories.SearchGroups(c.Request().Context(), d, form.GroupText)
		if err == nil {
			page.Groups, page.GroupsSearched = groups, true
			return s.directoryPage(c, http.StatusOK, saved, page, nil, "")
		}
		if unreachable(err) {
			page.GroupsError = who(c).L.T("directory_groups_failed")
			return s.directoryPage(c, http.StatusServiceUnavailable, saved, page, nil, "")
		}
		if problems = problemsIn(err); problems == nil {
			return err
		}
	}
	return s.directoryPage(c, http.StatusBadRequest, saved, page, problems, locale.AlertNotTested)
}
