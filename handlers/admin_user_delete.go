package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserDelete(c echo.Context, u agent.User) error {
	if c.FormValue("confirm") != "1" {
		return s.askUser(c, templates.ConfirmUserDelete(who(c).L, u, len(s.sessionsOf(u.ID))))
	}
	back, err := s.listWithout(c, u.ID)
	if err != nil {
		return err
	}
	err = s.deleteUser(c, u)
	if errors.Is(err, agent.ErrLastAdministrator) {
		return s.userPage(c, http.StatusConflict, u, templates.NewUserForm(u), nil, locale.AlertLastAdministrator)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastUserDeleted, back)
}

// listWithout returns the URL of the list from which an account was opened, at the row that takes its place when it is deleted.
func (s *Site) listWithout(c echo.Context, id agent.UserID) (string, error) {
	form, list := readListField(c)
	filter, err := userFilter(form, list, time.Now())
	if err != nil {
		return list.URL(), nil
	}
	users, _, err := s.Accounts.Users(c.Request().Context(), filter, list.Offset(), list.Size)
	if beside := rowBeside(users, func(u agent.User) bool { return u.ID == id }); beside.ID != 0 {
		return templates.UserRow(list, beside.ID), err
	}
	return list.URL(), err
}

func (s *Site) restUserDelete(c echo.Context, u agent.User) error {
	return doneREST(c, s.deleteUser(c, u))
}

func (s *Site) deleteUser(c echo.Context, u agent.User) error {
	if err := s.Accounts.DeleteUser(c.Request().Context(), u.ID); err != nil {
		return err
	}
	s.act(c, actOnAccount(agent.ActAccountDeleted, u, s.accountChanges(c, u, agent.User{})...), "account", u.Login)
	u.Enabled = false
	s.Sessions.UserChanged(context.WithoutCancel(c.Request().Context()), u)
	return nil
}
