package handlers

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminUser(c echo.Context, u agent.User) error {
	return s.userPage(c, http.StatusOK, u, templates.NewUserForm(u), nil, "")
}

// ownPath returns the URL of the account's page in the path, with the list from which it was opened.
func ownPath(c echo.Context) string {
	return templates.WithList("/admin/users/"+c.Param("id"), userList(c))
}

// userPage shows one account, with the errors of the form if there are any.
func (s *Site) userPage(c echo.Context, status int, u agent.User, form templates.UserForm, problems agent.Problems, alert string) error {
	d, err := s.userData(c, u, form)
	if err != nil {
		return err
	}
	d.Errors = fieldTexts(who(c).L, problems)
	p := s.page(c)
	if alert != "" {
		p.Alert = p.L.T(alert)
	}
	return s.render(c, status, templates.AdminUser(p, d))
}

func (s *Site) userData(c echo.Context, u agent.User, form templates.UserForm) (d templates.AdminUserData, err error) {
	v := who(c)
	ctx := c.Request().Context()
	last, err := s.Accounts.LastAdministrator(ctx, u.ID)
	if err != nil {
		return d, err
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return d, err
	}
	rules, err := s.userRules(ctx, u)
	if err != nil {
		return d, err
	}
	return templates.AdminUserData{
		ID:              u.ID,
		Local:           u.Local(),
		Directory:       u.Directory,
		Self:            v.User.ID == u.ID,
		Title:           u.Title(),
		Created:         u.Created,
		Refused:         u.Refused,
		Form:            form,
		Sessions:        len(s.sessionsOf(u.ID)),
		List:            userList(c),
		LastAdmin:       last,
		MustChange:      u.MustChange,
		Throttled:       s.Gate.Throttled(u),
		Group:           u.Group,
		Inherited:       s.inheritedByUser(tree, u),
		Applied:         tree.Apply(u, s.Settings.Current()),
		DirectoryGroups: directoryGroups(tree, u),
		Rules:           rules,
	}, nil
}

// inheritedByUser is what the account would inherit if it set nothing itself.
func (s *Site) inheritedByUser(tree agent.GroupTree, u agent.User) templates.Inherited {
	u.Rights, u.RemoteByGroups = agent.Rights{}, true
	return templates.Inherited{Tree: tree, Rights: tree.Apply(u, s.Settings.Current())}
}

// directoryGroups returns the groups in which an account is because of its directory.
func directoryGroups(tree agent.GroupTree, u agent.User) (groups []agent.Group) {
	for _, g := range tree.All() {
		if !g.Local() && g.Directory == u.Directory && slices.Contains(u.DirectoryGroups, g.Member.ID) {
			groups = append(groups, g)
		}
	}
	return groups
}

func userForm(c echo.Context) templates.UserForm {
	return templates.UserForm{
		Login:        c.FormValue("login"),
		Name:         c.FormValue("name"),
		Phone:        c.FormValue("phone"),
		Comment:      c.FormValue("comment"),
		MustChange:   c.FormValue("must_change") == "1",
		Enabled:      c.FormValue("enabled") == "1",
		RemoteAccess: c.FormValue("remote_access") == "1",
		ByGroups:     c.FormValue("remote_access") == templates.RemoteByGroups,
		Admin:        c.FormValue("admin") == "1",
		Group:        c.FormValue("parent_id"),
		RightsForm:   rightsForm(c),
	}
}

// applyUserForm returns the account with the form's values, and what cannot be parsed. Fields that come from a directory keep theirs.
func applyUserForm(u agent.User, f templates.UserForm) (agent.User, agent.Problems) {
	if u.Local() {
		u.Login, u.Name, u.Phone, u.Admin = f.Login, f.Name, f.Phone, f.Admin
		if u.ID == 0 { // later, the form of the password has it
			u.MustChange = f.MustChange
		}
	}
	rights, problems := readRights(f.RightsForm)
	group, problem := formGroup(f.Group)
	u.Rights, u.Group = rights, group
	u.Comment, u.Enabled = f.Comment, f.Enabled
	u.RemoteByGroups = f.ByGroups
	if !u.RemoteByGroups {
		u.RemoteAccess = f.RemoteAccess
	}
	return cleanUser(u), append(problems, problemsOf(problem)...)
}
