package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// groupUsersSize is the number of accounts on a group's page.
const groupUsersSize = 10

func (s *Site) adminGroup(c echo.Context, tree agent.GroupTree, g agent.Group) error {
	return s.groupPage(c, http.StatusOK, tree, g, templates.NewGroupForm(g), nil)
}

// groupPage shows one group, or a new one, with the errors of the form if there are any.
func (s *Site) groupPage(c echo.Context, status int, tree agent.GroupTree, g agent.Group, form templates.GroupForm, problems agent.Problems) error {
	ctx, p := c.Request().Context(), s.page(c)
	d := templates.AdminGroupData{ID: g.ID, Name: g.Name, Form: form, Errors: fieldTexts(p.L, problems), Tree: tree}
	d.Inherited = s.inheritedByGroup(tree, form)
	if len(problems) > 0 {
		p.Alert = p.L.T(locale.AlertCheckFields)
	}
	if form.Directory != "" {
		if one, err := s.directoryByName(ctx, form.Directory); err == nil {
			d.Check = one.CheckInterval
		} else if !errors.As(err, new(agent.Problems)) {
			return err
		}
	}
	if g.ID != 0 {
		var err error
		if d.Users, d.Total, err = s.Accounts.Users(ctx, agent.UserFilter{Group: g.ID}, 0, groupUsersSize); err != nil {
			return err
		}
	}
	return s.render(c, status, templates.AdminGroup(p, d))
}

// inheritedByGroup is what an account of the group would inherit if the group set nothing.
func (s *Site) inheritedByGroup(tree agent.GroupTree, form templates.GroupForm) templates.Inherited {
	parent, _ := formGroup(form.Parent)
	u := agent.User{Directory: agent.LocalDirectory, Group: parent, RemoteByGroups: true}
	if form.Directory != "" {
		u.Directory = form.Directory
	}
	return templates.Inherited{Tree: tree, Rights: tree.Apply(u, s.Settings.Current())}
}

func groupForm(c echo.Context) templates.GroupForm {
	return templates.GroupForm{
		Name:       c.FormValue("name"),
		Parent:     c.FormValue("parent_id"),
		Comment:    c.FormValue("comment"),
		Remote:     c.FormValue("remote_access"),
		Admin:      c.FormValue("admin") == "1",
		RightsForm: rightsForm(c),
		Directory:  c.FormValue("directory"),
		Member:     c.FormValue("member"),
		MemberName: c.FormValue("member_name"),
	}
}

// applyGroupForm sets what the form has, without the directory, and returns what cannot be parsed.
func applyGroupForm(g *agent.Group, form templates.GroupForm) agent.Problems {
	rights, problems := readRights(form.RightsForm)
	parent, problem := formGroup(form.Parent)
	problems = append(problems, problemsOf(problem)...)
	switch form.Remote {
	case templates.RemoteByGroups:
	case "0", "1":
		allowed := form.Remote == "1"
		rights.RemoteAccess = &allowed
	default:
		problems = append(problems, agent.Problem{Field: "remote_access", Code: "field_choice"})
	}
	g.Name, g.Comment = agent.Clean(form.Name, len(form.Name)), agent.Clean(form.Comment, len(form.Comment))
	g.Parent, g.Rights, g.Admin = parent, rights, form.Admin
	return problems
}
