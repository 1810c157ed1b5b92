package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminGroupSave(c echo.Context, tree agent.GroupTree, saved agent.Group) error {
	form := groupForm(c)
	form.Directory, form.Member, form.MemberName = templates.NewGroupForm(saved).Directory, saved.Member.ID, saved.Member.Name
	g := saved
	problems := applyGroupForm(&g, form)
	if problems = append(problems, withoutNoted(problems, checkGroup(tree, g))...); len(problems) > 0 {
		return s.groupPage(c, http.StatusBadRequest, tree, saved, form, problems)
	}
	if c.FormValue("confirm") != "1" {
		impact, err := s.impact(c.Request().Context(), tree, withGroup(tree, g), g.ID, unmoved)
		if err != nil {
			return err
		}
		if newAdmin := g.Admin && !saved.Admin; newAdmin || impact.LoseRemote+impact.Sessions+impact.LoseAdmin+impact.GainAdmin > 0 {
			return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmGroup(who(c).L, g.ID, form, impact, newAdmin)))
		}
	}
	_, err := s.changeGroup(c, g.ID, func(g *agent.Group) error {
		applyGroupForm(g, form)
		return nil
	})
	if errors.As(err, &problems) {
		return s.groupPage(c, http.StatusBadRequest, tree, saved, form, problems)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/groups")
}

// unmoved is for impact if the change moves no account.
func unmoved(u agent.User) agent.User { return u }
