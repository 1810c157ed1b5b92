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

// UserQuery asks for a page of the list of accounts.
type UserQuery struct {
	Search string // part of the login or of the name, without regard to case; empty = everybody
	Offset int    // how many to leave out from the beginning
	Limit  int    // how many to return at most; 0 = all
}

// Users returns the accounts that match, ordered by login, and how many there are on all pages together.
func (s *Store) Users(ctx context.Context, q UserQuery) (users []agent.User, total int, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		users, total, err = searchUsers(ctx, tx, q)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the users: %w", err)
	}
	return users, total, nil
}

func searchUsers(ctx context.Context, tx *sql.Tx, q UserQuery) (users []agent.User, total int, err error) {
	const match = ` FROM users WHERE search LIKE $1 ESCAPE '\'`
	pattern := likePattern(q.Search)
	if err := tx.QueryRowContext(ctx, `SELECT count(*)`+match, pattern).Scan(&total); err != nil {
		return nil, 0, err
	}
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = math.MaxInt64
	}
	users, err = all(ctx, tx, func(row scanner) (agent.User, error) { return scanUser(row) },
		`SELECT `+userColumns+match+` ORDER BY login_norm, id LIMIT $2 OFFSET $3`, pattern, limit, max(q.Offset, 0))
	return users, total, err
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
