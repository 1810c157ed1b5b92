package handlers

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// Accounts keeps the people. Search is over login and name without regard to case.
type Accounts interface {
	User(context.Context, agent.UserID) (agent.User, error)
	Users(ctx context.Context, search string, offset, limit int) (page []agent.User, total int, err error)
	CreateUser(ctx context.Context, u agent.User, hash string) (agent.UserID, error)
	CreateFirstAdministrator(ctx context.Context, u agent.User, hash string) (agent.UserID, error)
	// UpdateUser changes an account in one transaction; an error of change leaves it as it was.
	UpdateUser(ctx context.Context, id agent.UserID, change func(*agent.User) error) (agent.User, error)
	SetPassword(ctx context.Context, u agent.UserID, hash string) error
	SetRemoteAccess(ctx context.Context, u agent.UserID, allowed bool) error
	DeleteUser(context.Context, agent.UserID) error
	CountRemoteAccess(context.Context) (int, error)
	// LastAdministrator tells whether nobody but this account can sign in as an administrator.
	LastAdministrator(context.Context, agent.UserID) (bool, error)
}

// userOf is the account that the path names.
func (s *Site) userOf(c echo.Context) (agent.User, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != c.Param("id") { // +1 and 01 are no ids
		return agent.User{}, agent.ErrNotFound
	}
	return s.Accounts.User(c.Request().Context(), agent.UserID(id))
}

// checkUser tells what is wrong with an account's fields.
func checkUser(u agent.User) agent.Problems {
	var problems agent.Problems
	if u.Local() {
		problems = problemsOf(agent.CheckLogin(u.Login))
	}
	for _, f := range []struct {
		field, text string
		max         int
	}{{"name", u.Name, agent.MaxName}, {"phone", u.Phone, agent.MaxPhone}, {"comment", u.Comment, agent.MaxComment}} {
		if utf8.RuneCountInString(f.text) > f.max {
			problems = append(problems, agent.Problem{Field: f.field, Code: "field_too_long"})
		}
	}
	return problems
}

// createUser makes a local account; what is wrong with it is agent.Problems.
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

// changeUser changes an account and ends what it may no longer have; what is wrong with it is agent.Problems. Once the
// change is stored, what follows from it does not depend on a browser that goes away.
func (s *Site) changeUser(c echo.Context, id agent.UserID, change func(agent.User) agent.User) (agent.User, error) {
	u, err := s.Accounts.UpdateUser(c.Request().Context(), id, func(u *agent.User) error {
		*u = change(*u)
		if problems := checkUser(*u); len(problems) > 0 {
			return problems
		}
		return nil
	})
	if errors.Is(err, agent.ErrLoginTaken) {
		return agent.User{}, agent.Problems{{Field: "login", Code: locale.FieldLoginTaken}}
	}
	if err != nil {
		return agent.User{}, err
	}
	s.securityEvent(c, "account_changed", "account", u.Login, "enabled", u.Enabled, "admin", u.Admin, "remote_access", u.RemoteAccess)
	return u, s.enforce(c, u)
}

// enforce ends what an account may no longer have.
func (s *Site) enforce(c echo.Context, u agent.User) error {
	ctx := context.WithoutCancel(c.Request().Context())
	s.Sessions.UserChanged(ctx, u)
	if u.Enabled {
		return nil
	}
	return s.Browsers.EndBrowserSessions(ctx, u.ID, "")
}

// changePassword sets a local account's password. Every browser but this one is signed out and no agent comes back
// without the new password; sessions that are live go on.
func (s *Site) changePassword(c echo.Context, u agent.User, password string) error {
	ctx := c.Request().Context()
	if !u.Local() {
		return agent.ErrNotFound
	}
	if problems := problemsOf(agent.CheckPassword(password)); problems != nil {
		return problems
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.Accounts.SetPassword(ctx, u.ID, hash); err != nil {
		return err
	}
	s.securityEvent(c, "password_changed", "account", u.Login)
	except := ""
	if v := who(c); v.User != nil && v.User.ID == u.ID {
		except = v.Browser.ID
	}
	ctx = context.WithoutCancel(ctx) // the old password must not live on because a browser went away
	return errors.Join(s.Sessions.VoidResume(ctx, u.ID), s.Browsers.EndBrowserSessions(ctx, u.ID, except))
}

func (s *Site) deleteUser(c echo.Context, u agent.User) error {
	if err := s.Accounts.DeleteUser(c.Request().Context(), u.ID); err != nil {
		return err
	}
	s.securityEvent(c, "account_deleted", "account", u.Login)
	u.Enabled = false
	s.Sessions.UserChanged(context.WithoutCancel(c.Request().Context()), u)
	return nil
}

// denyVPN takes the right to connect from outside; sessions that need it end.
func (s *Site) denyVPN(c echo.Context, u agent.User) error {
	ctx := c.Request().Context()
	if err := s.Accounts.SetRemoteAccess(ctx, u.ID, false); err != nil {
		return err
	}
	u.RemoteAccess = false
	s.Sessions.UserChanged(context.WithoutCancel(ctx), u)
	s.securityEvent(c, "vpn_denied", "account", u.Login)
	return nil
}

// sessionsOf counts a person's live sessions.
func (s *Site) sessionsOf(id agent.UserID) int {
	n := 0
	for _, live := range s.Sessions.Sessions() {
		if live.UserID == id {
			n++
		}
	}
	return n
}

// cleanUser takes off what nobody sees. Nothing is cut: what is too long is told.
func cleanUser(u agent.User) agent.User {
	u.Login = strings.TrimSpace(u.Login)
	for _, text := range []*string{&u.Name, &u.Phone, &u.Comment} {
		*text = agent.Clean(*text, len(*text))
	}
	return u
}
