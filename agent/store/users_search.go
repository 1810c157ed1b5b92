package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ideco-agent/agent"
)

// Users returns at most limit of the accounts that a filter selects, in its order and after the first offset ones, and how many it selects
// in all. A zero limit means all. Errors: agent.Problem for an unknown order.
func (s *Store) Users(ctx context.Context, f agent.UserFilter, offset, limit int) (page []agent.User, total int, err error) {
	if _, known := userSorts[f.Sort]; !known {
		return nil, 0, agent.Problem{Field: "sort", Code: "field_choice", Value: agent.Clean(string(f.Sort), 64)}
	}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		page, total, err = searchUsers(ctx, tx, f, offset, limit)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the users: %w", err)
	}
	return page, total, nil
}

// userOrder are the expressions of an order: the one to sort by, then what decides between equal values. Those with an index reverse
// all of them in descending order, as an index does.
type userOrder struct{ by, ties, tiesDown string }

func indexed(by string) userOrder {
	return userOrder{by, ", login_norm, id", ", login_norm DESC, id DESC"}
}

func unindexed(by string) userOrder { return userOrder{by, ", login_norm, id", ", login_norm, id"} }

var userSorts = map[agent.UserSort]userOrder{
	"":                    {"login_norm", ", id", ", id DESC"},
	agent.UserByLogin:     {"login_norm", ", id", ", id DESC"},
	agent.UserByName:      indexed("name_fold"),
	agent.UserByLastLogin: indexed("last_login"),
	agent.UserByCreated:   indexed("created"),
	agent.UserByState:     unindexed("CASE WHEN NOT enabled THEN 3 WHEN refused <> '' THEN 2 WHEN must_change THEN 1 ELSE 0 END"),
	agent.UserByRemote:    unindexed("remote_access"),
	agent.UserByRole:      unindexed("(admin OR admin_by_groups)"),
}

// clause is the order as SQL. Few accounts are found in the index users_list, which has all columns of a filter, and then sorted. With
// many, a page is full soon in the index of the order.
func (o userOrder) clause(desc, few bool) string {
	by := o.by
	if few {
		by = "coalesce(" + by + ", NULL)" // SQLite uses no index for it
	}
	if desc {
		return by + " DESC" + o.tiesDown
	}
	return by + o.ties
}

// searchUsers finds the accounts in an index, and reads only the rows of the page.
func searchUsers(ctx context.Context, tx *sql.Tx, f agent.UserFilter, offset, limit int) (page []agent.User, total int, err error) {
	match, args := conditions(f)
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM users`+match, args...).Scan(&total); err != nil || total == 0 {
		return nil, 0, err
	}
	if limit <= 0 {
		limit = math.MaxInt32
	}
	order := userSorts[f.Sort].clause(f.Desc, total <= 1000)
	page, err = all(ctx, tx, func(row scanner) (agent.User, error) { return scanUser(row) },
		fmt.Sprintf(`SELECT %[1]s FROM (SELECT id AS found FROM users%[2]s ORDER BY %[3]s LIMIT %[4]d OFFSET %[5]d) AS page
			CROSS JOIN users WHERE id = found ORDER BY %[3]s`, userColumns, match, order, limit, max(offset, 0)), args...)
	return page, total, err
}

// conditions returns the WHERE clause of a filter, empty for all accounts, with its arguments.
func conditions(f agent.UserFilter) (where string, args []any) {
	var all []string
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprint("$", len(args)), 1)
		}
		all = append(all, condition)
	}
	if fold(f.Search) != "" {
		add(`search LIKE ? ESCAPE '\'`, likePattern(f.Search))
	}
	if f.Directory != "" {
		add(`directory || '' = ?`, f.Directory) // without users_by_directory_login, which lacks the other columns
	}
	if f.Group != 0 {
		add(`in_groups LIKE ?`, inGroup(f.Group))
	}
	if f.NoGroup {
		add(`in_groups = ''`)
	}
	if f.Remote != nil {
		add(`remote_access = ?`, *f.Remote)
	}
	if f.Admin {
		add(`(admin OR admin_by_groups)`)
	}
	switch f.State {
	case agent.UserEnabled:
		add(`enabled AND refused = ''`)
	case agent.UserDisabled:
		add(`NOT enabled`)
	case agent.UserRefused:
		add(`refused <> ''`)
	case agent.UserMustChange:
		add(`must_change`)
	}
	if !f.Since.IsZero() {
		add(`last_login >= ?`, micros(f.Since))
	}
	if !f.Before.IsZero() {
		add(`last_login < ?`, micros(f.Before))
	}
	if len(all) == 0 {
		return "", nil
	}
	return ` WHERE ` + strings.Join(all, ` AND `), args
}

// searchText is what Search looks into. Login and name are apart by a line break, which no search holds, so that
// nothing matches across the two.
func searchText(u agent.User) string { return fold(u.Login) + "\n" + fold(u.Name) }

// fold makes spellings equal that people search for alike: the code points of a letter, case, and «ё» and «е». It is done
// here because SQLite and PostgreSQL differ in what they take for lower case outside of ASCII.
func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))), "ё", "е")
}

// likePattern finds text anywhere; % and _ in it are themselves.
func likePattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(fold(text)) + "%"
}
