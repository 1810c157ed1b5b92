package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// journalCounted is where counting the entries of a query stops.
const journalCounted = 10_000

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
	agent.JournalReason:   "reason || refusal",
	agent.JournalStart:    "started",
	agent.JournalEnd:      "ended",
	agent.JournalDuration: "ended - started",
	agent.JournalBytes:    "rx + tx",
}

// Entries returns a page of the journal. Errors: agent.Problem if the query is invalid.
func (s *Store) Entries(ctx context.Context, q agent.JournalQuery) (page agent.JournalPage, err error) {
	switch {
	case q.Offset < 0 || q.Offset > agent.MaxJournalOffset:
		return page, agent.Problem{Field: "offset", Code: "field_journal_value", Value: fmt.Sprint(q.Offset)}
	case q.Limit < 0 || q.Limit > agent.MaxJournalPage:
		return page, agent.Problem{Field: "limit", Code: "field_journal_value", Value: fmt.Sprint(q.Limit)}
	}
	w := &journalWhere{now: time.Now()}
	where, err := w.query(q)
	if err != nil {
		return page, err
	}
	order, err := journalOrder(q)
	if err != nil {
		return page, err
	}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		page.Entries, err = all(ctx, tx, scanEntry, fmt.Sprintf(`SELECT %s FROM sessions WHERE %s ORDER BY %s LIMIT %d OFFSET %d`,
			entryColumns, where, order, q.Limit, q.Offset), w.args...)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM sessions WHERE %s LIMIT %d) AS counted`,
			where, journalCounted+1), w.args...).Scan(&page.Total)
	})
	if err != nil {
		return agent.JournalPage{}, fmt.Errorf("read the journal: %w", err)
	}
	if page.Total > journalCounted {
		page.Total, page.AtLeast = journalCounted, true
	}
	return page, nil
}

func journalOrder(q agent.JournalQuery) (string, error) {
	by, ok := journalSorts[q.Sort]
	if !ok {
		return "", agent.Problem{Field: "sort", Code: "field_journal_column", Value: agent.Clean(string(q.Sort), 64)}
	}
	direction := " DESC"
	if q.Asc {
		direction = " ASC"
	}
	return by + direction + ", id" + direction, nil
}

// EachEntry calls do for all entries that a query selects, without regard to its Offset and Limit. It does not hold up writers.
// Errors: as Entries, and those of do.
func (s *Store) EachEntry(ctx context.Context, q agent.JournalQuery, do func(agent.JournalEntry) error) error {
	for q.Offset, q.Limit = 0, agent.MaxJournalPage; ; q.Offset += q.Limit {
		page, err := s.Entries(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := do(e); err != nil {
				return err
			}
		}
		if len(page.Entries) < q.Limit {
			return nil
		}
	}
}

// Values returns the distinct values of a column of text, sorted, at most limit. Errors: agent.Problem if there is no such column.
func (s *Store) Values(ctx context.Context, column agent.JournalColumn, limit int) (values []string, err error) {
	expressions, ok := journalTexts[column]
	if !ok {
		return nil, agent.Problem{Field: "column", Code: "field_journal_column", Value: agent.Clean(string(column), 64)}
	}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		values, err = all(ctx, tx, func(row scanner) (v string, err error) { return v, row.Scan(&v) },
			fmt.Sprintf(`SELECT DISTINCT %s AS value FROM sessions WHERE %[1]s <> '' ORDER BY value LIMIT %d`, expressions[0], limit))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the values of %s in the journal: %w", column, err)
	}
	return values, nil
}

const entryColumns = `id, user_id, login, name, groups, directory, device_name, mac, kind, way, address, external_ip,
	started, ended, rx, tx, reason, refusal`

func scanEntry(row scanner) (e agent.JournalEntry, err error) {
	err = row.Scan(&e.ID, &e.UserID, &e.Login, &e.Name, &e.Group, &e.Directory, &e.Device, &e.MAC, &e.Kind, &e.Way,
		addrColumn{&e.Inner}, addrColumn{&e.Outer}, timeColumn{&e.Started}, timeColumn{&e.Ended}, &e.Rx, &e.Tx, &e.Reason, &e.Refusal)
	switch e.Kind {
	case agent.KindVPN:
		e.Tunnel, e.Inner = e.Inner, e.Tunnel
	case agent.KindLAN, agent.KindWeb, agent.KindStatic:
		e.Outer = e.Tunnel
	}
	return e, err
}
