package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserNew(c echo.Context) error {
	d := templates.AdminUserData{Local: true, Form: templates.UserForm{Enabled: true, MustChange: true}}
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

func (s *Site) restUserCreate(c echo.Context) error {
	var body userChange
	if err := decode(c, &body, nullableUserFields...); err != nil {
		return err
	}
	if t, ok := body.DomainType.(string); ok && t != "local" {
		return agent.Problems{{Field: "domain_type", Code: "field_domain_type"}}
	}
	if problems := body.owned(agent.User{Directory: agent.LocalDirectory}); problems != nil {
		return problems
	}
	psw := ""
	body.Psw.into(&psw)
	id, err := s.createUser(c, body.apply(agent.User{Directory: agent.LocalDirectory, Enabled: true}), psw)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.UserID{"id": id})
}

// createUser creates a local account. Errors: agent.Problems if a field is invalid.
func (s *Site) createUser(c echo.Context, u agent.User, password string) (agent.UserID, error) {
	ctx := c.Request().Context()
	if problems := append(checkUser(u), problemsOf(agent.CheckPassword(password))...); len(problems) > 0 {
		return 0, problems
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return 0, err
	}
	id, err := s.Accounts.CreateUser(ctx, u, hash)
	if errors.Is(err, agent.ErrLoginTaken) {
		return 0, agent.Problems{{Field: "login", Code: locale.FieldLoginTaken}}
	}
	if err != nil {
		return 0, err
	}
	s.securityEvent(c, "account_created", "account", u.Login)
	return id, nil
}
