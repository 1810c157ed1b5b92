package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminGroupNew(c echo.Context) error {
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		return err
	}
	parent, _ := formGroup(c.QueryParam("parent"))
	if _, ok := tree.Group(parent); !ok {
		parent = 0
	}
	return s.groupPage(c, http.StatusOK, tree, agent.Group{}, templates.NewGroupForm(agent.Group{Directory: agent.LocalDirectory, Parent: parent}), nil)
}

func (s *Site) adminGroupCreate(c echo.Context) error {
	ctx := c.Request().Context()
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	form := groupForm(c)
	g := agent.Group{Directory: agent.LocalDirectory}
	problems := applyGroupForm(&g, form)
	problems = append(problems, withoutNoted(problems, checkGroup(tree, g))...)
	if len(problems) == 0 && g.Admin && c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmGroup(who(c).L, 0, form, templates.GroupImpact{}, true)))
	}
	if len(problems) == 0 {
		if form.Directory != "" {
			g.Directory = form.Directory
			g.Member, err = s.directoryGroup(ctx, form.Directory, form.Member)
		}
		if err == nil {
			_, err = s.createGroup(c, g)
		}
		if err == nil {
			return done(c, locale.ToastGroupCreated, "/admin/groups")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	return s.groupPage(c, http.StatusBadRequest, tree, agent.Group{}, form, problems)
}
