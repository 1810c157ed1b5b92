package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryTest tests the submitted settings and saves nothing.
func (s *Site) adminDirectoryTest(c echo.Context, saved agent.DirectorySettings) error {
	form, d, problems := s.readDirectory(c, saved)
	page := templates.AdminDirectoryData{Form: form}
	if problems == nil {
		s.act(c, actOn(agent.ActDirectoryTested, d.ID, d.Name), "directory", d.Name)
		report, err := s.Directories.Test(c.Request().Context(), d, form.Login)
		if err == nil {
			page.Report = &report
			return s.directoryPage(c, http.StatusOK, saved, page, nil, "")
		}
		if problems = problemsIn(err); problems == nil {
			return err
		}
	}
	return s.directoryPage(c, http.StatusBadRequest, saved, page, problems, locale.AlertNotTested)
}

// problemsIn returns the problems in an error, or nil.
func problemsIn(err error) (problems agent.Problems) {
	var problem agent.Problem
	if errors.As(err, &problem) {
		return agent.Problems{problem}
	}
	errors.As(err, &problems)
	return problems
}
