package handlers

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserNew(c echo.Context) error {
	form := templates.NewUserForm(agent.User{Enabled: true, RemoteByGroups: true})
	form.MustChange = true
	return s.newUserPage(c, http.StatusOK, form, nil)
}

func (s *Site) newUserPage(c echo.Context, status int, form templates.UserForm, problems agent.Problems) error {
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		return err
	}
	group, _ := formGroup(form.Group)
	inherited := s.inheritedByUser(tree, agent.User{Directory: agent.LocalDirectory, Group: group})
	d := templates.AdminUserData{Local: true, Form: form, Errors: fieldTexts(who(c).L, problems), Inherited: inherited, List: userList(c)}
	return s.render(c, status, templates.AdminUser(s.page(c), d))
}

func (s *Site) adminUserCreate(c echo.Context) error {
	form := userForm(c)
	u, problems := applyUserForm(agent.User{Directory: agent.LocalDirectory}, form)
	id, err := s.createUser(c, u, c.FormValue("psw"), problems)
	if errors.As(err, &problems) {
		return s.newUserPage(c, http.StatusBadRequest, form, problems)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastUserCreated, templates.UserRow(userList(c), id))
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
	u, err := body.apply(agent.User{Directory: agent.LocalDirectory, Enabled: true, RemoteByGroups: true})
	var problems agent.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	id, err := s.createUser(c, u, psw, problems)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.UserID{"id": id})
}

// createUser creates a local account. problems are those found already. Errors: agent.Problems if a field is invalid.
func (s *Site) createUser(c echo.Context, u agent.User, password string, problems agent.Problems) (agent.UserID, error) {
	ctx := c.Request().Context()
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return 0, err
	}
	more := slices.Concat(checkUser(u, agent.User{}), problemsOf(agent.CheckPassword(password)), checkUserGroup(tree, u, 0))
	if problems = append(problems, withoutNoted(problems, more)...); len(problems) > 0 {
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
	u.ID = id
	s.act(c, actOnAccount(agent.ActAccountCreated, u, s.accountChanges(c, agent.User{}, tree.Inherit(u))...), "account", u.Login)
	s.noteAdministrator(c, agent.User{}, tree.Inherit(u))
	return id, nil
}
