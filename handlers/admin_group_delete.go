package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminGroupDelete(c echo.Context, tree agent.GroupTree, g agent.Group) error {
	if c.FormValue("confirm") != "1" {
		question, err := s.confirmGroupDelete(c, tree, g)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), question))
	}
	if err := s.deleteGroup(c, g); err != nil {
		return err
	}
	return done(c, locale.ToastGroupDeleted, "/admin/groups")
}

func (s *Site) confirmGroupDelete(c echo.Context, tree agent.GroupTree, g agent.Group) (templates.ConfirmData, error) {
	left := slices.DeleteFunc(tree.All(), func(one agent.Group) bool { return one.ID == g.ID })
	for i := range left {
		if left[i].Parent == g.ID {
			left[i].Parent = g.Parent
		}
	}
	impact, err := s.impact(c.Request().Context(), tree, agent.NewGroupTree(left), g.ID, func(u agent.User) agent.User {
		if u.Group == g.ID {
			u.Group = g.Parent
		}
		return u
	})
	parent, _ := tree.Group(g.Parent)
	return templates.ConfirmGroupDelete(who(c).L, g, impact, parent.Name), err
}
