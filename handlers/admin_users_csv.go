package handlers

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminUsersCSV answers with the list of accounts as a file: all that the filter selects, in the order of the list. The file to be loaded
// again is that of adminUsersExport.
func (s *Site) adminUsersCSV(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).L
	form, list := readUserList(c, c.QueryParam)
	filter, err := userFilter(form, list, time.Now())
	if err != nil {
		return agent.Problem{Field: "when", Code: choose(form.When == "", "filter_when_empty", "filter_when_wrong")}
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	_, total, err := s.Accounts.Users(ctx, filter, 0, 1)
	if err != nil {
		return err
	}
	export := agent.Act{Code: agent.ActAccountsExported, Count: total}
	return s.sendSheet(c, "users", export, []any{"accounts", total}, userTitles(l), func(row func([]any) error) error {
		return s.eachUser(ctx, filter, 0, 0, func(u agent.User) error { return row(userCells(l, tree, u)) })
	})
}

// eachUser calls do for at most limit of the accounts that a filter selects, after the first offset ones. A zero limit means all.
func (s *Site) eachUser(ctx context.Context, filter agent.UserFilter, offset, limit int, do func(agent.User) error) error {
	for n := 0; limit == 0 || n < limit; {
		size := restUsersPage
		if limit > 0 {
			size = min(size, limit-n)
		}
		users, _, err := s.Accounts.Users(ctx, filter, offset+n, size)
		if err != nil {
			return err
		}
		for _, u := range users {
			if err := do(u); err != nil {
				return err
			}
		}
		if n += len(users); len(users) < size {
			return nil
		}
	}
	return nil
}

func userTitles(l *locale.Localizer) (cells []any) {
	for _, id := range []string{"column_login", "column_name", "column_directory", "column_group", "column_state", "column_vpn", "column_role",
		"column_last_login", "column_created", "phone_field", "comment_field"} {
		cells = append(cells, l.T(id))
	}
	return cells
}

// userCells returns the cells of an account for userTitles.
func userCells(l *locale.Localizer, tree agent.GroupTree, u agent.User) []any {
	directory := u.Directory
	if u.Local() {
		directory = ""
	}
	state := "user_on"
	switch {
	case !u.Enabled:
		state = "user_off"
	case u.Refused != "":
		state = "user_refused_state"
	case u.MustChange:
		state = "user_must_change_state"
	}
	var last any
	if !u.LastLogin.IsZero() {
		last = u.LastLogin.Local()
	}
	paths := groupPaths(tree, []agent.User{u})
	return []any{u.Login, u.Name, directory, paths[u.ID], l.T(state), l.T(choose(u.RemoteAccess, "vpn_allowed", "vpn_not_set")),
		l.T(choose(u.Administrator(), "role_admin", "role_user")), last, u.Created.Local(), u.Phone, u.Comment}
}
