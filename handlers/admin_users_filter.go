package handlers

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// readUserFilter reads the filter of the list of accounts from the fields of a query string or of a form. It ignores values that no page
// sends.
func readUserFilter(value func(string) string) templates.UserFilterForm {
	f := templates.UserFilterForm{
		Query:     agent.Clean(value("q"), agent.MaxName),
		Directory: agent.Clean(value("directory"), agent.MaxName),
		Group:     value("group"),
		Remote:    value("remote"),
		Role:      value("role"),
		State:     value("state"),
		Login:     value("login"),
		When:      agent.Clean(value("when"), 10),
	}
	if _, err := strconv.ParseInt(f.Group, 10, 64); err != nil && f.Group != templates.NoGroup {
		f.Group = ""
	}
	keep := func(field *string, values ...string) {
		for _, one := range values {
			if *field == one {
				return
			}
		}
		*field = ""
	}
	keep(&f.Remote, "1", "0")
	keep(&f.Role, "admin")
	keep(&f.State, string(agent.UserEnabled), string(agent.UserDisabled), string(agent.UserRefused), string(agent.UserMustChange))
	keep(&f.Login, templates.LoginNever, templates.LoginBefore, templates.LoginSince)
	if f.Login == "" || f.Login == templates.LoginNever {
		f.When = ""
	}
	return f
}

// errWhen says that a number of days or a date cannot be read.
var errWhen = errors.New("neither a number of days nor a date")

// userFilter returns the filter of a form in the order of the list. Error: errWhen.
func userFilter(f templates.UserFilterForm, list templates.TableView, now time.Time) (agent.UserFilter, error) {
	filter := agent.UserFilter{Search: f.Query, Directory: f.Directory, NoGroup: f.Group == templates.NoGroup, Admin: f.Role != "", State: agent.UserState(f.State),
		Sort: agent.UserSort(list.Sort), Desc: list.Down}
	if id, err := strconv.ParseInt(f.Group, 10, 64); err == nil {
		filter.Group = agent.GroupID(id)
	}
	if f.Remote != "" {
		allowed := f.Remote == "1"
		filter.Remote = &allowed
	}
	var err error
	switch f.Login {
	case templates.LoginNever:
		filter.Before = time.Unix(1, 0) // before anybody could log in
	case templates.LoginBefore:
		filter.Before, err = readWhen(f.When, now)
	case templates.LoginSince:
		filter.Since, err = readWhen(f.When, now)
	}
	return filter, err
}

// maxDays is the most days of a filter by the last login.
const maxDays = 10_000

// readWhen reads a number of days back from now, or a date in the form of either language. A date begins at midnight.
func readWhen(text string, now time.Time) (time.Time, error) {
	if days, err := strconv.Atoi(text); err == nil && days > 0 && days <= maxDays {
		return now.AddDate(0, 0, -days), nil
	}
	return readDay(text)
}

// readDay reads a date in the form of either language: the midnight at which it begins.
func readDay(text string) (time.Time, error) {
	for _, layout := range []string{"2.1.2006", time.DateOnly} {
		if day, err := time.ParseInLocation(layout, text, time.Local); err == nil && day.Year() > 1970 {
			return day, nil
		}
	}
	return time.Time{}, errWhen
}

// groupChoices returns all groups in the order of the tree.
func groupChoices(tree agent.GroupTree) (choices []templates.GroupChoice) {
	for _, g := range tree.All() {
		choices = append(choices, templates.GroupChoice{ID: g.ID, Path: tree.FullName(g.ID), Local: g.Local()})
	}
	return choices
}

// groupPaths returns the path of the group of each account: the local one, or else the one that wins.
func groupPaths(tree agent.GroupTree, users []agent.User) map[agent.UserID]string {
	paths := map[agent.UserID]string{}
	for _, u := range users {
		id := u.Group
		if of := tree.Of(u); id == 0 && len(of) > 0 {
			id = of[0].ID
		}
		paths[u.ID] = tree.FullName(id)
	}
	return paths
}

// selectUsers returns the accounts that a filter selects, at most limit of them, and how many there are.
func (s *Site) selectUsers(ctx context.Context, filter agent.UserFilter, limit int) (all []agent.User, total int, err error) {
	for {
		var users []agent.User
		users, total, err = s.Accounts.Users(ctx, filter, len(all), min(restUsersPage, limit-len(all)))
		if err != nil {
			return nil, 0, err
		}
		if all = append(all, users...); len(users) == 0 || len(all) >= min(total, limit) {
			return all, total, nil
		}
	}
}

// whenError is the text for errWhen.
func whenError(l *locale.Localizer, f templates.UserFilterForm) string {
	return l.T(choose(strings.TrimSpace(f.When) == "", "filter_when_empty", "filter_when_wrong"))
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
