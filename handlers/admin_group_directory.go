package handlers

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminGroupDirectory(c echo.Context) error {
	return s.groupDirectoryPage(c, http.StatusOK, templates.AdminGroupDirectoryData{})
}

// groupDirectoryPage shows the search for a group of a directory.
func (s *Site) groupDirectoryPage(c echo.Context, status int, d templates.AdminGroupDirectoryData) error {
	all, err := s.Directories.List(c.Request().Context())
	if err != nil {
		return err
	}
	for _, one := range all {
		d.Directories = append(d.Directories, one.Name)
	}
	p := s.page(c)
	p.Path = "/admin/groups/directory"
	return s.render(c, status, templates.AdminGroupDirectory(p, d))
}

// adminGroupSearch shows the groups of a directory whose name contains a text.
func (s *Site) adminGroupSearch(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).L
	page := templates.AdminGroupDirectoryData{Directory: c.FormValue("directory"), Text: strings.TrimSpace(c.FormValue("group_text"))}
	d, err := s.directoryByName(ctx, page.Directory)
	if err == nil {
		page.Groups, err = s.Directories.SearchGroups(ctx, d, page.Text)
	}
	if err != nil {
		status, answer, _ := s.explain(err, l)
		if page.Error = answer.Message; unreachable(err) {
			page.Error = l.T("directory_groups_failed")
		}
		if status >= http.StatusInternalServerError && !unreachable(err) {
			return err
		}
		return s.groupDirectoryPage(c, status, page)
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	page.Searched, page.Taken = true, map[string]agent.GroupID{}
	for _, g := range tree.All() {
		if g.Directory == d.Name {
			page.Taken[g.Member.ID] = g.ID
		}
	}
	return s.groupDirectoryPage(c, http.StatusOK, page)
}

// adminGroupTake shows the form of a new group for a chosen group of a directory. It saves nothing.
func (s *Site) adminGroupTake(c echo.Context) error {
	ctx := c.Request().Context()
	name := agent.Clean(c.FormValue("member_name"), agent.MaxGroupName)
	g := agent.Group{Name: name, Directory: c.FormValue("directory"), Member: agent.DirectoryGroup{ID: c.FormValue("member"), Name: c.FormValue("member_name")}}
	if _, err := s.directoryByName(ctx, g.Directory); err != nil {
		return err
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	return s.groupPage(c, http.StatusOK, tree, agent.Group{}, templates.NewGroupForm(g), nil)
}
