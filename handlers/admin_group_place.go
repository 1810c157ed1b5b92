package handlers

import (
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminGroupPlace moves a group one place up or down among the groups of its parent.
func (s *Site) adminGroupPlace(c echo.Context, tree agent.GroupTree, g agent.Group) error {
	place := slices.IndexFunc(tree.Below(g.Parent), func(one agent.Group) bool { return one.ID == g.ID }) + 1
	if c.FormValue("way") == "up" {
		place = max(place-1, 1)
	} else {
		place++
	}
	if _, err := s.changeGroup(c, g.ID, func(g *agent.Group) error { g.Position = place; return nil }); err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/groups")
}
