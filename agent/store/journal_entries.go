package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
)

// A query of the journal is answered in one of two ways. If it has a selective condition, which has an index and is met by at most
// journalFew rows, these rows are read, counted and sorted. Otherwise the journal is read from its newest row on until the page is
// full. Both read a number of rows that hardly depends on the size of the journal. The whole journal is read for an order other than
// by start and end, for rare rows that no index finds, and for conditions that are often met alone but rarely together.
const (
	journalFew     = 10_000 // rows of a selective condition, and where counting stops
	journalTimeout = 20 * time.Second
	journalBatch   = 2_000 // rows that EachEntry reads in one transaction
)

// journalSorts are the expressions to sort by.
var journalSorts = map[agent.JournalColumn]string{
	"":                    "started",
	agent.JournalLogin:    "login",
	agent.JournalName:     "name",
	agent.JournalGroup:    "groups",
	agent.JournalDevice:   "device_name",
	agent.JournalMAC:      "mac",
	agent.JournalInner:    "address",
	agent.JournalOuter:    "external_ip",
	agent.JournalWay:      "way",
	agent.JournalReason:   "reason",
	agent.JournalStart:    "started",
	agent.JournalEnd:      "ended",
	agent.JournalDuration: "ended - started",
	agent.JournalBytes:    "rx + tx",
}

// journalSearch is a query as SQL.
type journalSearch struct {
	conditions []condition
	args       []any
	by         string // the expression to sort by
	desc       bool
	selective  int // the index of the selective condition; -1 if there is none. Set by count
}

func newJournalSearch(q agent.JournalQuery) (s journalSearch, err error) {
	by, ok := journalSorts[q.Sort]
	if !ok {
		return s, agent.Problem{Field: "sort", Code: "field_journal_column", Value: agent.Clean(string(q.Sort), 64)}
	}
	s = journalSearch{by: by, desc: !q.Asc}
	s.conditions, s.args, err = journalConditions(q, time.Now())
	if len(s.conditions) == 0 {
		s.conditions = []condition{{plain: "TRUE", indexed: "TRUE", column: "started"}}
	}
	return s, err
}

// Entries returns a page of the journal. Errors: agent.Problem if the query is invalid or takes too long.
func (s *Store) Entries(ctx context.Context, q agent.JournalQuery) (page agent.JournalPage, err error) {
	switch {
	case q.Offset < 0 || q.Offset > agent.MaxJournalOffset:
		return page, agent.Problem{Field: "offset", Code: "field_journal_value", Value: fmt.Sprint(q.Offset)}
	case q.Limit < 0 || q.Limit > agent.MaxJournalPage:
		return page, agent.Problem{Field: "limit", Code: "field_journal_value", Value: fmt.Sprint(q.Limit)}
	}
	search, err := newJournalSearch(q)
	if err != nil {
		return page, err
	}
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if page.Total, page.AtLeast, err = search.count(ctx, tx); err != nil {
			return err
		}
		if page.Entries, err = search.entries(ctx, tx, q.Offset, q.Limit); err != nil || !page.AtLeast {
			return err
		}
		page.Total = max(page.Total, q.Offset+len(page.Entries))
		if len(page.Entries) < q.Limit { // the journal was read to its end
			page.AtLeast = false
			page.Total, err = search.countAtMost(ctx, tx, "sessions", allOf(search.conditions, -1), q.Offset+len(page.Entries))
		}
		return err
	})
	if err != nil {
		return agent.JournalPage{}, err
	}
	s.overlayEntries(page.Entries)
	return page, nil
}

// readJournal runs do like read, on connections of its own: a query of an administrator must not hold up logins.
func (s *Store) readJournal(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	err := s.refusal(within(limited, s.journal, &sql.TxOptions{ReadOnly: true}, func(tx *sql.Tx) error { return do(limited, tx) }))
	switch {
	case err == nil:
		return nil
	case errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return filterProblem("field_journal_slow", "")
	}
	return fmt.Errorf("read the journal: %w", err)
}

// count finds the selective condition and counts the entries of the query. AtLeast means that there may be more.
func (s *journalSearch) count(ctx context.Context, tx *sql.Tx) (n int, atLeast bool, err error) {
	s.selective = -1
	for i, c := range s.conditions {
		if c.indexed == "" {
			continue
		}
		if n, err = s.countAtMost(ctx, tx, "sessions", c.indexed, journalFew+1); err != nil {
			return 0, false, err
		}
		if n <= journalFew {
			if s.selective = i; len(s.conditions) > 1 {
				n, err = s.countAtMost(ctx, tx, "sessions", allOf(s.conditions, i), journalFew)
			}
			return n, false, err
		}
	}
	if len(s.conditions) == 1 && s.conditions[0].indexed != "" { // its rows were counted
		return journalFew, true, nil
	}
	newest := fmt.Sprintf(`(SELECT * FROM sessions WHERE %s ORDER BY %s LIMIT %d) AS newest`, s.rangeOf("started"), s.order("started"), journalFew)
	n, err = s.countAtMost(ctx, tx, newest, allOf(s.conditions, -1), journalFew)
	return n, true, err
}

// countAtMost counts rows up to a limit.
func (s *journalSearch) countAtMost(ctx context.Context, tx *sql.Tx, from, where string, limit int) (n int, err error) {
	err = tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s LIMIT %d) AS rows`, from, where, limit), s.args...).Scan(&n)
	return n, err
}

// entries returns a page of the entries. Call count before. Only the rows of the page are read with all columns.
func (s *journalSearch) entries(ctx context.Context, tx *sql.Tx, offset, limit int) ([]agent.JournalEntry, error) {
	where, by := allOf(s.conditions, s.selective), s.by
	switch {
	case by != "started" && by != "ended":
	case s.selective < 0:
		where += " AND " + s.rangeOf(by)
	default:
		by += " + 0" // SQLite must use the index of the condition, not that of the order
	}
	return all(ctx, tx, scanEntry, fmt.Sprintf(`SELECT %[1]s FROM sessions WHERE %[2]s IN (SELECT %[2]s FROM sessions WHERE %[3]s ORDER BY %[4]s LIMIT %[5]d OFFSET %[6]d) ORDER BY %[7]s`,
		entryColumns, rowNumber, where, s.order(by), limit, offset, s.order(s.by)), s.args...)
}

// rangeOf returns the conditions on a column, which limit the part of its index that is read.
func (s *journalSearch) rangeOf(column string) string {
	parts := []string{"TRUE"}
	for _, c := range s.conditions {
		if c.column == column {
			parts = append(parts, c.indexed)
		}
	}
	return strings.Join(parts, " AND ")
}

func (s *journalSearch) order(by string) string {
	if s.desc {
		return by + " DESC, " + rowNumber + " DESC"
	}
	return by + ", " + rowNumber
}

// EachEntry calls do for all entries that a query selects, in the order of their start. It ignores Offset, Limit and Sort. It does not
// hold up writers. Errors: as of Entries, and those of do.
func (s *Store) EachEntry(ctx context.Context, q agent.JournalQuery, do func(agent.JournalEntry) error) error {
	search, err := newJournalSearch(q)
	if err != nil {
		return err
	}
	search.by = "started"
	limit := journalBatch
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, _, err := search.count(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	if search.selective >= 0 {
		limit = journalFew + journalFew/10 // all of them, with some that were added since count
	}
	conditions, args := search.conditions, search.args
	for {
		var batch []agent.JournalEntry
		err := s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			batch, err = search.entries(ctx, tx, 0, limit)
			return err
		})
		if err != nil {
			return err
		}
		s.overlayEntries(batch)
		for _, e := range batch {
			if err := do(e); err != nil {
				return err
			}
		}
		if len(batch) < limit {
			return nil
		}
		last := batch[len(batch)-1]
		search.conditions, search.args = append(slices.Clone(conditions), after(last, q.Asc, len(args))), append(slices.Clone(args), micros(last.Started), last.ID)
	}
}

// after returns the condition that an entry comes after e in the order of start. Its two arguments, the start and the ID of e, follow n
// others.
func after(e agent.JournalEntry, asc bool, n int) condition {
	sign := "<"
	if asc {
		sign = ">"
	}
	const text = `(started%[3]s %[2]s= $%[1]d AND (started %[2]s $%[1]d OR %[5]s %[2]s (SELECT %[5]s FROM sessions WHERE id = $%[4]d)))`
	return condition{plain: fmt.Sprintf(text, n+1, sign, " + 0", n+2, rowNumber), indexed: fmt.Sprintf(text, n+1, sign, "", n+2, rowNumber), column: "started"}
}

// overlayEntries adds the ends that are not in the database yet.
func (s *Store) overlayEntries(list []agent.JournalEntry) {
	for i := range list {
		e := &list[i]
		if !e.Ended.IsZero() {
			continue
		}
		session := agent.Session{ID: e.ID, MACStored: e.MAC, RxStored: e.Rx, TxStored: e.Tx}
		s.unwritten.overlay(&session)
		e.Ended, e.Reason, e.MAC, e.Rx, e.Tx = session.Ended, session.Reason, session.MACStored, session.RxStored, session.TxStored
	}
}

// Values returns the distinct values of a text column, sorted, at most limit. Errors: agent.Problem if there is no such column.
func (s *Store) Values(ctx context.Context, column agent.JournalColumn, limit int) (values []string, err error) {
	if !isJournalText(column) {
		return nil, agent.Problem{Field: "column", Code: "field_journal_column", Value: agent.Clean(string(column), 64)}
	}
	query := map[agent.JournalColumn]string{
		agent.JournalLogin:  `SELECT DISTINCT login AS value FROM journal_people WHERE login <> ''`,
		agent.JournalName:   `SELECT DISTINCT name AS value FROM journal_people WHERE name <> ''`,
		agent.JournalGroup:  `SELECT DISTINCT groups AS value FROM journal_people WHERE groups <> ''`,
		agent.JournalDevice: `SELECT DISTINCT device_name AS value FROM journal_people WHERE device_name <> ''`,
		agent.JournalMAC:    `SELECT value FROM journal_places WHERE kind = 'mac' AND value <> ''`,
		agent.JournalInner:  `SELECT value FROM journal_places WHERE kind = 'address' AND value <> ''`,
		agent.JournalOuter:  `SELECT value FROM journal_places WHERE kind = 'external_ip' AND value <> ''`,
		agent.JournalWay:    present(`way`, knownWords(agent.Ways, true, []string{""})),
		agent.JournalReason: present(`way IN ('`+strings.Join(append(knownWords(agent.Ways, true, []string{""}), ""), `', '`)+`') AND reason`,
			append(knownWords(agent.Reasons, true, []string{""}), knownWords(agent.Codes, true, []string{""})...)),
	}[column]
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		values, err = all(ctx, tx, func(row scanner) (v string, err error) { return v, row.Scan(&v) },
			fmt.Sprintf(`%s ORDER BY value LIMIT %d`, query, max(limit, 0)))
		return err
	})
	return values, err
}

// present returns the SQL that selects the words that some row has in a column.
func present(column string, words []string) string {
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = fmt.Sprintf(`SELECT '%[2]s' AS value WHERE EXISTS (SELECT 1 FROM sessions WHERE %[1]s = '%[2]s')`, column, word)
	}
	return strings.Join(parts, ` UNION ALL `)
}

const entryColumns = `id, user_id, login, name, groups, directory, device_name, mac, kind, way, address, external_ip, inside,
	started, ended, rx, tx, reason, refusal`

func scanEntry(row scanner) (e agent.JournalEntry, err error) {
	var address, external netip.Addr
	var inside, refused bool
	err = row.Scan(&e.ID, &e.UserID, &e.Login, &e.Name, &e.Group, &e.Directory, &e.Device, &e.MAC, &e.Kind, &e.Way,
		addrColumn{&address}, addrColumn{&external}, &inside, timeColumn{&e.Started}, timeColumn{&e.Ended}, &e.Rx, &e.Tx, &e.Reason, &refused)
	if refused {
		e.Reason, e.Refusal = "", agent.Code(e.Reason)
	}
	switch {
	case e.Kind == agent.KindVPN && inside:
		e.Tunnel, e.Inner = address, external
	case e.Kind == agent.KindVPN:
		e.Tunnel, e.Outer = address, external
	case refused:
		e.Inner, e.Outer = address, external
	default:
		e.Inner = address
	}
	return e, err
}
