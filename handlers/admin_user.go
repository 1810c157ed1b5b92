package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminUser(c echo.Context, u agent.User) error {
	return s.userPage(c, http.StatusOK, u, templates.NewUserForm(u), nil, "")
}

// userPage shows one account, with the errors of the form if there are any.
func (s *Site) userPage(c echo.Context, status int, u agent.User, form templates.UserForm, problems agent.Problems, alert string) error {
	v := who(c)
	last, err := s.Accounts.LastAdministrator(c.Request().Context(), u.ID)
	if err != nil {
		return err
	}
	p := s.page(c)
	if alert != "" {
		p.Alert = v.L.T(alert)
	}
	return s.render(c, status, templates.AdminUser(p, templates.AdminUserData{
		ID:         u.ID,
		Local:      u.Local(),
		Directory:  u.Directory,
		Self:       v.User.ID == u.ID,
		Title:      u.Title(),
		Created:    u.Created,
		Refused:    u.Refused,
		Follows:    u.RemoteByGroups,
		ByGroups:   u.RemoteAccess,
		Form:       form,
		Errors:     fieldTexts(v.L, problems),
		Sessions:   len(s.sessionsOf(u.ID)),
		LastAdmin:  last,
		MustChange: u.MustChange,
		Throttled:  s.Gate.Throttled(u),
	}))
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
	}
}

// applyUserForm returns the account with the form's values. Fields that come from a directory keep theirs.
func applyUserForm(u agent.User, f templates.UserForm) agent.User {
	if u.Local() {
		u.Login, u.Name, u.Phone, u.Admin = f.Login, f.Name, f.Phone, f.Admin
		if u.ID == 0 { // later, the form of the password has it
			u.MustChange = f.MustChange
		}
	}
	u.Comment, u.Enabled = f.Comment, f.Enabled
	u.RemoteByGroups = f.ByGroups && !u.Local()
	if !u.RemoteByGroups { // else the next login or check sets it
		u.RemoteAccess = f.RemoteAccess
	}
	return cleanUser(u)
}
