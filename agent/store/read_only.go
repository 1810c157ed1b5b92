package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"ideco-agent/agent"
)

// ErrOlder is the error of OpenReadOnly for a database that this version of the program has not used yet.
var ErrOlder = errors.New("its schema is that of an older version of the program")

// OpenReadOnly opens an existing database, also beside a running gateway. It writes into no file and makes none; methods that write
// fail. Errors: ErrNewer, ErrOlder, and those of reading the file.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", readOnlySource(path))
	if err != nil {
		return nil, err
	}
	s := &Store{writer: db, reader: db, journal: db, file: file{path: path, info: info}}
	current, err := isUpToDate(ctx, db)
	if err == nil && !current {
		err = ErrOlder
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read database %s: %w", path, err), db.Close())
	}
	return s, nil
}

// readOnlySource is the name of the file for the driver. A write-ahead log is read as it is. Without one no process has the database
// open, and it is read without locks, because SQLite would make a log even for reading.
func readOnlySource(path string) string {
	options := url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_error_rc": {"1"}, "_dqs": {"0"}, "_defensive": {"1"}, "_pragma": {"temp_store(2)"},
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())}}
	if _, err := os.Stat(path + "-wal"); err == nil {
		options.Set("readonly_shm", "1")
	} else {
		options.Set("immutable", "1")
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}

// QuickCheck looks for damage of the file, without comparing indexes with their tables. It returns what SQLite says about the first
// fault; empty if there is none.
func (s *Store) QuickCheck(ctx context.Context) (fault string, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&fault) })
	if fault == "ok" {
		fault = ""
	}
	return agent.Clean(fault, 300), err
}

// counted are the tables whose rows Counts counts, by the name of the count.
var counted = map[string]string{
	"accounts": "users", "groups": "groups", "directories": "directories", "authorization_rules": "auth_rules", "uploaded_certificates": "uploaded_certificates",
	"sessions_in_journal": "sessions", "acts": "acts", "devices": "devices", "browsers": "browser_sessions",
}

// Counts returns how many rows there are of each kind.
func (s *Store) Counts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := s.read(ctx, func(tx *sql.Tx) error {
		for name, table := range counted {
			var n int
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
				return err
			}
			counts[name] = n
		}
		return nil
	})
	return counts, err
}

// IsDamaged reports whether an error says that the file is damaged, or is no database.
func IsDamaged(err error) bool {
	c := code(err)
	return c == codeCorrupt || c == codeNotADB
}
