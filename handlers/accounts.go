package handlers

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// Accounts stores the accounts.
type Accounts interface {
	User(context.Context, agent.UserID) (agent.User, error)
	Users(ctx context.Context, filter agent.UserFilter, offset, limit int) (page []agent.User, total int, err error)
	// LookAlikes returns the local accounts whose login equals that of another one by the rules of the package spelling.
	LookAlikes(context.Context) ([]agent.User, error)
	CreateUser(ctx context.Context, u agent.User, hash string) (agent.UserID, error)
	CreateFirstAdministrator(ctx context.Context, u agent.User, hash string) (agent.UserID, error)
	// UpdateUser changes an account in one transaction. If change returns an error, nothing is stored.
	UpdateUser(ctx context.Context, id agent.UserID, change func(*agent.User) error) (agent.User, error)
	// SaveUsers creates and changes accounts, all or none. Errors: agent.ErrAccountChanged, agent.ErrLoginTaken,
	// agent.ErrLastAdministrator, and agent.ErrNotFound for an account or a group.
	SaveUsers(context.Context, []agent.ImportedUser) ([]agent.User, error)
	SetPassword(ctx context.Context, u agent.UserID, hash string) error
	SetRemoteAccess(ctx context.Context, u agent.UserID, allowed bool) error
	DeleteUser(context.Context, agent.UserID) error
	CountRemoteAccess(context.Context) (int, error)
	// LastAdministrator reports whether this account is the only one that can sign in as an administrator.
	LastAdministrator(context.Context, agent.UserID) (bool, error)
}

// account loads the account in the path and passes it to action.
func (s *Site) account(action func(echo.Context, agent.User) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := pathID[agent.UserID](c)
		if err != nil {
			return err
		}
		u, err := s.Accounts.User(c.Request().Context(), id)
		if err != nil {
			return err
		}
		return action(c, u)
	}
}

// checkUser validates an account's fields. Texts that do not change may be longer, because an earlier version allowed it.
func checkUser(u, before agent.User) agent.Problems {
	var problems agent.Problems
	if u.Local() {
		problems = problemsOf(agent.CheckLogin(u.Login))
	}
	for _, f := range []struct {
		field, text, was string
		max              int
	}{{"name", u.Name, before.Name, agent.MaxName}, {"phone", u.Phone, before.Phone, agent.MaxPhone}, {"comment", u.Comment, before.Comment, agent.MaxComment}} {
		if f.text != f.was && utf8.RuneCountInString(f.text) > f.max {
			problems = append(problems, agent.Problem{Field: f.field, Code: "field_too_long"})
		}
	}
	return append(problems, u.Rights.Check()...)
}

// cleanUser removes surrounding space and invisible characters. It does not shorten texts: checkUser reports those.
func cleanUser(u agent.User) agent.User {
	u.Login = strings.TrimSpace(u.Login)
	for _, text := range []*string{&u.Name, &u.Phone, &u.Comment} {
		*text = agent.Clean(*text, len(*text))
	}
	return u
}

// noteAdministrator logs that an account became an administrator by a group, or stopped being one.
func (s *Site) noteAdministrator(c echo.Context, before, after agent.User) {
	if before.AdminByGroups != after.AdminByGroups {
		s.securityEvent(c, "administrator_by_group", "account", after.Login, "admin", after.AdminByGroups)
	}
}

// endForbiddenSessions ends the sessions that the account no longer permits. If the account may not log in (User.Refusal), it also signs
// its browsers out.
func (s *Site) endForbiddenSessions(c echo.Context, u agent.User) error {
	ctx := context.WithoutCancel(c.Request().Context())
	s.Sessions.UserChanged(ctx, u)
	if u.Refusal() == "" {
		return nil
	}
	return s.Browsers.EndBrowserSessions(ctx, u.ID, "")
}

// sessionsOf returns an account's live sessions.
func (s *Site) sessionsOf(id agent.UserID) []agent.LiveSession {
	return slices.DeleteFunc(s.Sessions.Sessions(), func(live agent.LiveSession) bool { return live.UserID != id })
}

// checkNewPassword validates the fields psw and psw2.
func checkNewPassword(c echo.Context) agent.Problem {
	psw := c.FormValue("psw")
	if p := agent.CheckPassword(psw); p.Code != "" {
		return p
	}
	if psw != c.FormValue("psw2") {
		return agent.Problem{Field: "psw2", Code: locale.FieldPasswordMismatch}
	}
	return agent.Problem{}
}

// problemsOf drops the empty problems. It returns nil if none is left.
func problemsOf(all ...agent.Problem) agent.Problems {
	if all = slices.DeleteFunc(all, func(p agent.Problem) bool { return p.Code == "" }); len(all) == 0 {
		return nil
	}
	return all
}
