package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ideco-agent/agent"
)

// keptActs limits the acts that are kept in memory while the database cannot be written.
const keptActs = 1000

const (
	actsCounted   = 10_000 // where counting stops
	actNamesShown = 4_000  // characters of the names of an act that Acts returns
)

// AddActs writes acts into the journal of acts, in one transaction. After KeepUnwritten, acts that cannot be written now are kept in
// memory and written later. Errors: those of the database, and CodeStoreUnavailable when too many acts are kept.
func (s *Store) AddActs(ctx context.Context, acts ...agent.Act) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return addActs(ctx, tx, acts) })
	if isUnavailable(err) && s.unwritten.addActs(acts) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write into the journal of acts: %w", err)
	}
	return nil
}

func addActs(ctx context.Context, tx *sql.Tx, acts []agent.Act) error {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO acts (at, user_id, login, source, peer, inside, kind, code, object, name, count, names, changes, search)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, a := range acts {
		changes, err := json.Marshal(a.Changes)
		if err != nil {
			return err
		}
		names := strings.Join(a.Names, "\n")
		_, err = insert.ExecContext(ctx, micros(a.At), int64(a.By), a.Login, string(a.Source), addrText(a.Peer.Addr), a.Peer.Inside, string(agent.ActCodes[a.Code]),
			string(a.Code), a.Object, a.Name, a.Count, names, string(changes), fold(strings.Join([]string{a.Login, a.Name, addrText(a.Peer.Addr), names}, "\n")))
		if err != nil {
			return err
		}
	}
	return nil
}

// Acts returns a page of the journal of acts, the newest first. Long lists of names are cut. Errors: agent.Problem if the query is invalid or takes too long.
func (s *Store) Acts(ctx context.Context, q agent.ActQuery) (page agent.ActPage, err error) {
	switch {
	case q.Offset < 0 || q.Offset > agent.MaxJournalOffset:
		return page, agent.Problem{Field: "offset", Code: "field_journal_value", Value: fmt.Sprint(q.Offset)}
	case q.Limit < 0 || q.Limit > agent.MaxJournalPage:
		return page, agent.Problem{Field: "limit", Code: "field_journal_value", Value: fmt.Sprint(q.Limit)}
	}
	where, args := actConditions(q)
	counted := max(actsCounted, q.Offset+q.Limit)
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM acts WHERE %s ORDER BY at DESC LIMIT %d) AS newest`,
			where, counted+1), args...).Scan(&page.Total)
		if err != nil {
			return err
		}
		if page.Total > counted {
			page.Total, page.AtLeast = counted, true
		}
		if page.Total <= q.Offset {
			return nil
		}
		// Only the rows of the page are read with all columns; the index has the others.
		page.Acts, err = all(ctx, tx, scanAct, fmt.Sprintf(`SELECT %s FROM acts WHERE id IN (SELECT id FROM acts WHERE %s ORDER BY at DESC, id DESC LIMIT %d OFFSET %d)
			ORDER BY at DESC, id DESC`, fmt.Sprintf(actColumns, fmt.Sprintf(`substr(names, 1, %d)`, actNamesShown)), where, q.Limit, q.Offset), args...)
		return err
	})
	if err != nil {
		return agent.ActPage{}, err
	}
	for i, a := range page.Acts {
		if n := len(a.Names); n > 1 && n < a.Count {
			page.Acts[i].Names = a.Names[:n-1] // the last one may be cut
		}
	}
	return page, nil
}

// EachAct calls do for all acts that a query selects, the newest first. It ignores Offset and Limit, and does not hold up writers.
// Errors: as of Acts, and those of do.
func (s *Store) EachAct(ctx context.Context, q agent.ActQuery, do func(agent.Act) error) error {
	where, args := actConditions(q)
	n := len(args)
	last := agent.Act{At: time.UnixMicro(1<<62 - 1)}
	for {
		var batch []agent.Act
		err := s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			batch, err = all(ctx, tx, scanAct, fmt.Sprintf(`SELECT %[1]s FROM acts WHERE %[2]s AND (at < $%[3]d OR at = $%[3]d AND id < $%[4]d)
				ORDER BY at DESC, id DESC LIMIT %[5]d`, fmt.Sprintf(actColumns, "names"), where, n+1, n+2, journalBatch), append(args[:n:n], micros(last.At), last.ID)...)
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range batch {
			if err := do(a); err != nil {
				return err
			}
		}
		if len(batch) < journalBatch {
			return nil
		}
		last = batch[len(batch)-1]
	}
}

// actConditions returns the condition of a query with its arguments.
func actConditions(q agent.ActQuery) (where string, args []any) {
	all := []string{"TRUE"}
	add := func(condition string, value any) {
		args = append(args, value)
		all = append(all, strings.Replace(condition, "?", fmt.Sprint("$", len(args)), 1))
	}
	if fold(q.Search) != "" {
		add(`search LIKE ? ESCAPE '\'`, likePattern(q.Search))
	}
	if q.Login != "" {
		add(`login = ?`, q.Login)
	}
	if q.Source != "" {
		add(`source = ?`, string(q.Source))
	}
	if q.Kind != "" {
		add(`kind = ?`, string(q.Kind))
	}
	if !q.From.IsZero() {
		add(`at >= ?`, micros(q.From))
	}
	if !q.Until.IsZero() {
		add(`at < ?`, micros(q.Until))
	}
	return strings.Join(all, ` AND `), args
}

// ActLogins returns the logins that acts have, at most limit.
func (s *Store) ActLogins(ctx context.Context, limit int) (logins []string, err error) {
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		// DISTINCT would read the whole index.
		logins, err = all(ctx, tx, func(row scanner) (login string, err error) { return login, row.Scan(&login) },
			fmt.Sprintf(`WITH RECURSIVE logins (login) AS (
				SELECT min(login) FROM acts WHERE login > ''
				UNION ALL SELECT (SELECT min(acts.login) FROM acts WHERE acts.login > logins.login) FROM logins WHERE login IS NOT NULL
			) SELECT login FROM logins WHERE login IS NOT NULL LIMIT %d`, max(limit, 0)))
		return err
	})
	return logins, err
}

// TrimActs drops the acts before a time, and the oldest ones of more than agent.MaxActs. One call drops a bounded number and leaves the
// rest to the next. It returns how many were dropped for their number alone.
func (s *Store) TrimActs(ctx context.Context, before time.Time) (forNumber int64, err error) {
	return s.trimActs(ctx, before, agent.MaxActs)
}

func (s *Store) trimActs(ctx context.Context, before time.Time, most int) (forNumber int64, err error) {
	for range trimBatches {
		var old, surplus int64
		err := s.write(ctx, func(tx *sql.Tx) error {
			done, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE at < $1 ORDER BY at LIMIT %d)`, trimBatch), micros(before))
			if err != nil {
				return err
			}
			if old, err = done.RowsAffected(); err != nil || old > 0 {
				return err
			}
			// Ids grow by one, so this does not count the rows.
			done, err = tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE id <= (SELECT max(id) FROM acts) - %d ORDER BY id LIMIT %d)`,
				most, trimBatch))
			if err != nil {
				return err
			}
			surplus, err = done.RowsAffected()
			return err
		})
		if err != nil {
			return forNumber, fmt.Errorf("trim the journal of acts: %w", err)
		}
		forNumber += surplus
		if old < trimBatch && surplus < trimBatch {
			break
		}
	}
	return forNumber, nil
}

const actColumns = `id, at, user_id, login, source, peer, inside, code, object, name, count, %s, changes`

func scanAct(row scanner) (a agent.Act, err error) {
	var names, changes string
	err = row.Scan(&a.ID, timeColumn{&a.At}, &a.By, &a.Login, &a.Source, addrColumn{&a.Peer.Addr}, &a.Peer.Inside, &a.Code, &a.Object, &a.Name,
		&a.Count, &names, &changes)
	if err != nil {
		return a, err
	}
	if names != "" {
		a.Names = strings.Split(names, "\n")
	}
	return a, json.Unmarshal([]byte(changes), &a.Changes)
}

// addActs keeps acts in memory. It reports false if they would be too many, and before KeepUnwritten.
func (u *unwritten) addActs(acts []agent.Act) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil || len(u.acts)+len(acts) > keptActs {
		return false
	}
	u.acts = append(u.acts, acts...)
	return true
}
