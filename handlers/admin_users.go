package handlers

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// usersPageSize is how many accounts a page of the list shows.
const usersPageSize = 50

func (s *Site) adminUsers(c echo.Context) error {
	number, _ := strconv.Atoi(c.QueryParam("page"))
	number = min(max(number, 1), 1_000_000)
	d := templates.AdminUsersData{Query: agent.Clean(c.QueryParam("q"), agent.MaxName), Page: number, Size: usersPageSize}
	var err error
	d.Users, d.Total, err = s.Accounts.Users(c.Request().Context(), d.Query, (number-1)*usersPageSize, usersPageSize)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminUsers(s.page(c), d))
}

func (s *Site) adminUserNew(c echo.Context) error {
	d := templates.AdminUserData{Local: true, Form: templates.UserForm{Enabled: true}}
	return s.render(c, http.StatusOK, templates.AdminUser(s.page(c), d))
}

func (s *Site) adminUserCreate(c echo.Context) error {
	form := userForm(c)
	u := applyUserForm(agent.User{Directory: agent.LocalDirectory}, form)
	_, err := s.createUser(c, u, c.FormValue("psw"))
	if problems := (agent.Problems)(nil); errors.As(err, &problems) {
		d := templates.AdminUserData{Local: true, Form: form, Errors: fieldTexts(who(c).L, problems)}
		return s.render(c, http.StatusBadRequest, templates.AdminUser(s.page(c), d))
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastUserCreated, "/admin/users")
}

func (s *Site) adminUser(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	return s.userPage(c, http.StatusOK, u, templates.FormOfUser(u), nil, "")
}

func (s *Site) adminUserSave(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	form := userForm(c)
	changed := applyUserForm(u, form)
	if question, asks := s.losing(c, u, changed, form); asks && c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), question))
	}
	_, err = s.changeUser(c, u.ID, func(u agent.User) agent.User { return applyUserForm(u, form) })
	if problems := (agent.Problems)(nil); errors.As(err, &problems) {
		return s.userPage(c, http.StatusBadRequest, u, form, problems, "")
	}
	if errors.Is(err, agent.ErrLastAdministrator) {
		return s.userPage(c, http.StatusConflict, u, form, nil, locale.AlertLastAdministrator)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/users")
}

// losing is the question before live sessions end because the account becomes what the form says.
func (s *Site) losing(c echo.Context, before, after agent.User, form templates.UserForm) (templates.ConfirmData, bool) {
	if before.Enabled && !after.Enabled {
		n := s.sessionsOf(before.ID)
		return templates.ConfirmUserOff(who(c).L, before.ID, form, n), n > 0
	}
	if before.RemoteAccess && !after.RemoteAccess {
		n := s.vpnSessionsOf(before.ID)
		return templates.ConfirmUserVPN(who(c).L, before, form, n), n > 0
	}
	return templates.ConfirmData{}, false
}

func (s *Site) adminUserPassword(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	err = s.changePassword(c, u, c.FormValue("psw"))
	if problems := (agent.Problems)(nil); errors.As(err, &problems) {
		return s.userPage(c, http.StatusBadRequest, u, templates.FormOfUser(u), problems, "")
	}
	if err != nil {
		return err
	}
	s.Gate.Lift(u.ID) // the new password is to work at once
	return done(c, locale.ToastPasswordChanged, "/admin/users/"+c.Param("id"))
}

func (s *Site) adminUserDelete(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if c.FormValue("confirm") != "1" {
		d := templates.ConfirmUserDelete(who(c).L, u, s.sessionsOf(u.ID))
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), d))
	}
	err = s.deleteUser(c, u)
	if errors.Is(err, agent.ErrLastAdministrator) {
		return s.userPage(c, http.StatusConflict, u, templates.FormOfUser(u), nil, locale.AlertLastAdministrator)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastUserDeleted, "/admin/users")
}

// userPage shows one account, with what is wrong with the form, if anything.
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
		ID:        u.ID,
		Local:     u.Local(),
		Directory: u.Directory,
		Self:      v.User.ID == u.ID,
		Title:     u.Title(),
		Created:   u.Created,
		Form:      form,
		Errors:    fieldTexts(v.L, problems),
		Sessions:  s.sessionsOf(u.ID),
		LastAdmin: last,
		Throttled: s.Gate.Throttled(u.ID),
	}))
}

func userForm(c echo.Context) templates.UserForm {
	return templates.UserForm{
		Login:        c.FormValue("login"),
		Name:         c.FormValue("name"),
		Phone:        c.FormValue("phone"),
		Comment:      c.FormValue("comment"),
		Enabled:      c.FormValue("enabled") == "1",
		RemoteAccess: c.FormValue("remote_access") == "1",
		Admin:        c.FormValue("admin") == "1",
	}
}

// applyUserForm is the account as the form wants it. What a directory says of a person is not changed here.
func applyUserForm(u agent.User, f templates.UserForm) agent.User {
	if u.Local() {
		u.Login, u.Name, u.Phone, u.Admin = f.Login, f.Name, f.Phone, f.Admin
	}
	u.Comment, u.Enabled, u.RemoteAccess = f.Comment, f.Enabled, f.RemoteAccess
	return cleanUser(u)
}
