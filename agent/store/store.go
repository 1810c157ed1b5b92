// Package store keeps what must survive a restart: settings, accounts, groups, directories, uploaded certificates, the history of
// certificates, the journal, the devices on which people logged in before, and the browsers in which somebody is
// signed in. All of it is in one SQLite file, which Open makes, readable by its owner alone, and migrates. Package web checks the mode
// of an existing file.
//
// Every exported method is one transaction; its unexported twin takes the transaction, so that acts can be put
// together. Writing goes through one connection, one transaction after the other, each begun with BEGIN IMMEDIATE:
// a transaction that reads and then writes can therefore never fail half-way because another one wrote in between.
// Reading has connections of its own and never waits for a writer. A writer waits up to 1 s for another process,
// such as "ideco-portal admin" beside a running gateway.
//
// When a write fails because of the disk, of another process or of the file itself, the store is unavailable: every
// write is refused at once with agent.CodeStoreUnavailable, until Watch has found that writing works again. Reading goes
// on. Ends and the logins of administrators do not fail then: see unwritten.go.
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
	"os"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
)

// Store is an open database. Its methods may be called from any number of goroutines.
type Store struct {
	writer    *sql.DB // one connection
	reader    *sql.DB // refuses to write
	journal   *sql.DB // the same, for queries of the journal
	file      file
	fault     atomic.Pointer[agent.Error] // why writes are refused; nil when they are not
	unwritten unwritten
	writes    atomic.Uint64

	noLookAlikes atomic.Bool // see LookAlikes
}

// Open opens the database file at path and makes it, with mode 0600, when there is none; the directory must exist. The
// schema is brought up to date; one from a newer version of the program is refused. A database that cannot be written now
// is opened all the same when its schema is up to date. Errors: *OpenError.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := openPatiently(ctx, path)
	if err != nil {
		failed := &OpenError{Path: path, Err: err}
		var refusal *agent.Error
		if errors.As(err, &refusal) {
			failed.Trouble, failed.Err = refusal.Trouble, refusal.Err
		}
		return nil, failed
	}
	return s, nil
}

// OpenError is the error of Open. It says what to do.
type OpenError struct {
	Path    string
	Trouble agent.StoreTrouble // empty if it is none of these
	Err     error
}

func (e *OpenError) Error() string { return fmt.Sprintf("open database %s: %v", e.Path, e.Err) }

func (e *OpenError) Unwrap() error { return e.Err }

// ErrNewer is the error of Open for a database that a newer version of the program has used.
var ErrNewer = errors.New("a newer version of the program has used it; run that version, or restore a backup from before the update")

// openTimeout is how long Open tries to get a file that another process opens for the first time.
const openTimeout = 10 * time.Second

// openPatiently tries again while another process is opening the same file for the first time. The busy timeout does
// not help there: SQLite gives up at once when two want to turn a new file to WAL mode.
func openPatiently(ctx context.Context, path string) (*Store, error) {
	deadline := time.After(openTimeout)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		s, err := open(ctx, path)
		if code(err) != codeBusy {
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
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(s.refusal(err), s.Close())
	}
	return s, nil
}

// begin finds out what the database is and whether it can be written, and opens all connections, so that none is missing
// later when descriptors have run out.
func (s *Store) begin(ctx context.Context) error {
	current, err := isUpToDate(ctx, s.writer)
	if err != nil {
		return err
	}
	if err := s.write(ctx, touch); err != nil && !current {
		return err
	}
	if !current {
		if err := migrate(ctx, s.writer); err != nil {
			return err
		}
	}
	_, err = os.Stat(s.file.path + "-wal")
	s.file.hasLog = err == nil
	return s.openReaders(ctx)
}

// Close ends all use of the database. Transactions under way are waited for. What is unwritten is written if possible. It returns an error
// if acts are lost.
func (s *Store) Close() error {
	var lost error
	if s.unwritten.any() {
		err := s.writeUnwritten(context.Background(), s.write)
		if n := len(s.unwritten.snapshot().acts); n > 0 {
			lost = fmt.Errorf("the audit log lacks %d acts that were kept in memory: %w", n, err)
		}
	}
	return errors.Join(lost, s.unwritten.close(), s.journal.Close(), s.reader.Close(), s.writer.Close()) // the last one folds the write-ahead log into the file
}

// Ping reports why the database cannot be read, or cannot be written as far as is known by now.
func (s *Store) Ping(ctx context.Context) error {
	if fault := s.fault.Load(); fault != nil {
		return fault
	}
	return s.read(ctx, func(tx *sql.Tx) error { return countSettings(ctx, tx) })
}

// TryWriting begins a transaction that may write, and ends it without a change.
func (s *Store) TryWriting(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err == nil {
		defer conn.Close()
		err = s.writeOn(ctx, conn, func(*sql.Tx) error { return nil })
	}
	return s.refusal(err)
}

func countSettings(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) error {
	var n int
	return db.QueryRowContext(ctx, `SELECT count(*) FROM settings`).Scan(&n)
}

// write runs do in a transaction that is kept when do succeeds and rolled back when it fails. do must not call exported
// methods that write: they would wait for the very connection that do holds. Refusals: CodeStoreUnavailable.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	if fault := s.fault.Load(); fault != nil {
		return fault
	}
	conn, err := s.writer.Conn(ctx)
	if err == nil {
		defer conn.Close()
		if fault := s.fault.Load(); fault != nil { // found by the one before
			return fault
		}
		err = s.writeOn(ctx, conn, do)
	}
	if err == nil {
		s.writes.Add(1)
	}
	err = s.refusal(err)
	var refusal *agent.Error
	if errors.As(err, &refusal) && refusal.Code == agent.CodeStoreUnavailable {
		s.fault.Store(refusal)
	}
	return err
}

func (s *Store) writeOn(ctx context.Context, conn *sql.Conn, do func(*sql.Tx) error) error {
	if err := s.file.check(); err != nil {
		return err
	}
	return within(ctx, conn, nil, do)
}

// Writes returns a number that grows with every transaction that this process writes. Another process, such as "ideco-portal admin",
// does not change it.
func (s *Store) Writes() uint64 { return s.writes.Load() }

// read runs do in a transaction that sees one state of the database throughout. Refusals: CodeStoreUnavailable.
func (s *Store) read(ctx context.Context, do func(*sql.Tx) error) error {
	return s.refusal(within(ctx, s.reader, &sql.TxOptions{ReadOnly: true}, do))
}

// beginner is a database or one of its connections.
type beginner interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}

func within(ctx context.Context, db beginner, options *sql.TxOptions, do func(*sql.Tx) error) error {
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
