package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"time"

	"ideco-agent/agent"
)

// Snapshot is one state of a database, read while other processes may write to it.
type Snapshot struct {
	Schema   int64 // version of the schema
	Domain   string
	Accounts int
	Size     int64 // of Content, in bytes
	Content  io.Reader
}

// ReadSnapshot passes the state of the database file at path to do. It takes a connection of its own, also beside an open Store. Content
// is a database file and is read page by page: no copy is written anywhere. Until do returns, SQLite cannot shorten the write-ahead log.
func ReadSnapshot(ctx context.Context, path string, do func(Snapshot) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return err
	}
	err = within(ctx, db, &sql.TxOptions{ReadOnly: true}, func(tx *sql.Tx) error {
		snapshot, err := newSnapshot(ctx, tx)
		if err != nil {
			return err
		}
		pages, err := tx.QueryContext(ctx, `SELECT data FROM sqlite_dbpage ORDER BY pgno`)
		if err != nil {
			return err
		}
		defer pages.Close()
		snapshot.Content = &pageReader{rows: pages}
		return do(snapshot)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("read the database %s: %w", path, err)
	}
	return nil
}

func newSnapshot(ctx context.Context, tx *sql.Tx) (s Snapshot, err error) {
	err = tx.QueryRowContext(ctx, `SELECT page_count * page_size, (SELECT max(version_id) FROM goose_db_version), (SELECT count(*) FROM users),
		coalesce((SELECT value FROM settings WHERE key = 'auth_domain'), '""')
		FROM pragma_page_count, pragma_page_size`).Scan(&s.Size, &s.Schema, &s.Accounts, jsonColumn{&s.Domain})
	return s, err
}

// jsonColumn reads a column with JSON.
type jsonColumn struct{ to any }

func (c jsonColumn) Scan(value any) error {
	text, _ := value.(string)
	return json.Unmarshal([]byte(text), c.to)
}

// pageReader reads the pages of a database one after the other.
type pageReader struct {
	rows *sql.Rows
	page []byte
	rest bytes.Reader
}

func (p *pageReader) Read(b []byte) (int, error) {
	for p.rest.Len() == 0 {
		if !p.rows.Next() {
			if err := p.rows.Err(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		if err := p.rows.Scan((*sql.RawBytes)(&p.page)); err != nil {
			return 0, err
		}
		p.rest.Reset(p.page)
	}
	return p.rest.Read(b)
}

// Schema returns the version of the schema that this program knows.
func Schema() (int64, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	return sources[len(sources)-1].Version, nil
}

// errDamaged is why a database is refused that SQLite finds inconsistent.
var errDamaged = errors.New("the database is damaged")

// CheckFile checks the whole content of a database file that no process uses.
func CheckFile(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", source(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, found)
	}
	return nil
}

// EndEverything ends all sessions at a time, signs out all browsers and voids all resume tokens: after a restore they may be older
// than what was used since. Addresses and pins of agents are not touched.
func (s *Store) EndEverything(ctx context.Context, at time.Time) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, change := range []struct {
			query string
			args  []any
		}{
			{`UPDATE sessions SET ended = CASE WHEN started > $1 THEN started ELSE $1 END, reason = $2 WHERE ended = 0`, []any{micros(at), string(agent.ReasonAdmin)}},
			{`UPDATE sessions SET ` + voided + ` WHERE resume_current <> '' OR resume_previous <> ''`, nil},
			{`DELETE FROM browser_sessions`, nil},
		} {
			if _, err := tx.ExecContext(ctx, change.query, change.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end all sessions: %w", err)
	}
	return nil
}
