// Package store keeps what must survive a restart: settings, accounts, the journal of sessions, the devices on which
// people logged in before, and the browsers in which somebody is signed in. All of it lies in one SQLite file, which
// Open makes, for its owner alone, and migrates; who may read one that is there is for web to judge.
//
// Every exported method is one transaction; its unexported twin takes the transaction, so that acts can be put
// together. Writing goes through one connection, one transaction after the other, each begun with BEGIN IMMEDIATE:
// a transaction that reads and then writes can therefore never fail half-way because another one wrote in between.
// Reading has connections of its own and never waits for a writer. A writer waits up to 10 s for another process,
// such as "ideco-portal admin" beside a running gateway.
//
// The queries keep to what PostgreSQL understands too; what is SQLite's alone stands in file.go, migrate.go and
// migrations. Times are stored in microseconds and come back in UTC; a zero time stays zero.
//
// Things that are not there are agent.ErrNotFound; the other errors that a caller may want to tell apart are named
// at each method. They are to be found with errors.Is.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Store is an open database. Its methods may be called from any number of goroutines.
type Store struct {
	writer *sql.DB // one connection
	reader *sql.DB // refuses to write
}

// Open opens the database file at path and makes it, with mode 0600, when there is none; the directory must exist. The
// schema is brought up to date; one from a newer version of the program is refused. An error says what to do.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := openPatiently(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, withCure(err))
	}
	return s, nil
}

// openPatiently tries again while another process is opening the same file for the first time. The busy timeout does
// not help there: SQLite gives up at once when two want to turn a new file to WAL mode.
func openPatiently(ctx context.Context, path string) (*Store, error) {
	deadline := time.After(busyTimeout)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		s, err := open(ctx, path)
		if !isBusy(err) {
			return s, err
		}
		select {
		case <-again.C:
		case <-deadline:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

func open(ctx context.Context, path string) (*Store, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	s, err := connect(path)
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, func(*sql.Tx) error { return nil }); err != nil { // tells at once when it cannot be written
		return nil, errors.Join(err, s.Close())
	}
	if err := migrate(ctx, s.writer); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends all use of the database. Transactions under way are waited for.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.writer.Close()) // the last one folds the write-ahead log into the file
}

// Ping tells whether the database answers, by reading from it.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.reader.QueryRowContext(ctx, `SELECT count(*) FROM settings`).Scan(&n); err != nil {
		return fmt.Errorf("ping the database: %w", err)
	}
	return nil
}

// write runs do in a transaction that is kept when do succeeds and taken back when it fails. do must not call exported
// methods that write: they would wait for the very connection that do holds.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	return within(ctx, s.writer, nil, do)
}

// read runs do in a transaction that sees one state of the database throughout.
func (s *Store) read(ctx context.Context, do func(*sql.Tx) error) error {
	return within(ctx, s.reader, &sql.TxOptions{ReadOnly: true}, do)
}

func within(ctx context.Context, db *sql.DB, options *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// scanner is a row, alone or one of several.
type scanner interface{ Scan(...any) error }

// all reads every row of a query.
func all[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below has what matters
	list := []T{}
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}
