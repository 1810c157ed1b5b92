package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminGroups(c echo.Context) error {
	ctx := c.Request().Context()
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	accounts, err := s.Groups.CountByGroup(ctx)
	if err != nil {
		return err
	}
	directories, err := s.Directories.List(ctx)
	if err != nil {
		return err
	}
	d := templates.AdminGroupsData{Tree: tree, Accounts: accounts, Directories: len(directories) > 0,
		Query: agent.Clean(c.QueryParam("q"), agent.MaxGroupName)}
	return s.render(c, http.StatusOK, templates.AdminGroups(s.page(c), d))
}
