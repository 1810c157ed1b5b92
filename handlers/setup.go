package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// SetupToken is the secret in the link with which the first administrator is created.
type SetupToken interface {
	Valid(ctx context.Context, token string) bool
	Needed(context.Context) bool // there is no administrator yet
	Void()
}

// Passwords hashes passwords for storage.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	// HashLater is Hash for an import of many passwords: all logins go first.
	HashLater(ctx context.Context, password string) (string, error)
}

func (s *Site) setupPage(c echo.Context) error {
	token := c.Param("token")
	if !s.Setup.Valid(c.Request().Context(), token) {
		return refusal{http.StatusNotFound, locale.SetupLinkOver}
	}
	return s.render(c, http.StatusOK, templates.Setup(s.page(c), templates.SetupData{Token: token}))
}

// setup creates the first administrator. CreateFirstAdministrator fails if there is one already, so a link works once.
func (s *Site) setup(c echo.Context) error {
	token, ctx := c.Param("token"), c.Request().Context()
	if !s.Setup.Valid(ctx, token) {
		return refusal{http.StatusNotFound, locale.SetupLinkOver}
	}
	u := agent.User{
		Login:     strings.TrimSpace(c.FormValue("login")),
		Name:      agent.Clean(c.FormValue("name"), agent.MaxName),
		Directory: agent.LocalDirectory,
		Enabled:   true,
		Admin:     true,
	}
	problems := problemsOf(agent.CheckLogin(u.Login), checkNewPassword(c))
	if problems != nil {
		d := templates.SetupData{Token: token, Login: u.Login, Name: u.Name, Errors: fieldTexts(who(c).L, problems)}
		return s.render(c, http.StatusBadRequest, templates.Setup(s.page(c), d))
	}
	hash, err := s.Passwords.Hash(ctx, c.FormValue("psw"))
	if err != nil {
		return err
	}
	u.ID, err = s.Accounts.CreateFirstAdministrator(ctx, u, hash)
	if errors.Is(err, agent.ErrAdministratorExists) {
		s.Setup.Void()
		return refusal{http.StatusNotFound, locale.SetupLinkOver}
	}
	if err != nil {
		return err
	}
	s.Setup.Void()
	if err := s.signInBrowser(c, u); err != nil {
		return err
	}
	who(c).User = &u
	s.act(c, actOnAccount(agent.ActFirstAdministrator, u), "account", u.Login)
	return c.Redirect(http.StatusSeeOther, overviewPath)
}
