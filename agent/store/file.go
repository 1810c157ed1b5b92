package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
)

// Result codes of SQLite that a person can do something about (https://www.sqlite.org/rescode.html). The low byte of a
// code is the family.
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// readers is how many transactions read at the same time. A page is read in well under a millisecond; more
// connections would only cost memory.
const readers = 4

// busyTimeout is how long a transaction waits for one of another process.
const busyTimeout = 10 * time.Second

// prepareFile makes the file before SQLite does, because SQLite would make it with mode 0644; the -wal and -shm
// files get the mode of the file. It never opens a file that exists: closing it again would drop the locks that
// another connection of this process holds on it (POSIX).
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func connect(path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", source(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", source(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &Store{writer: writer, reader: reader}, nil
}

// source is the name of the file for the driver. With synchronous NORMAL in WAL mode a power cut may take the last
// transactions, never the consistency; a commit then costs no wait for the disk.
func source(path string, options url.Values) string {
	options.Set("_busy_timeout", strconv.FormatInt(busyTimeout.Milliseconds(), 10))
	options.Set("_foreign_keys", "1")
	options.Set("_journal_mode", "WAL")
	options.Set("_synchronous", "NORMAL")
	options.Set("_dqs", "0")
	options.Set("_defensive", "1")
	options.Set("_error_rc", "1") // without it an unreadable file is reported as "out of memory"
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}

// usedBytes is how much of the file is in use. SQLite knows that without reading it.
func usedBytes(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&n)
	return n, err
}

// bytesBeside is how much of the file all tables but one take, with their indexes. It reads the pages of those tables
// (https://www.sqlite.org/dbstat.html), and none of the one.
func bytesBeside(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(sum(d.pgsize), 0) FROM sqlite_schema AS m CROSS JOIN dbstat AS d
		WHERE m.tbl_name <> $1 AND m.rootpage <> 0 AND d.name = m.name AND d.aggregate = TRUE`, table).Scan(&n)
	return n, err
}

func isBusy(err error) bool { return code(err) == codeBusy }

// code is the family of an error of SQLite, or 0.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// withCure adds to an error of SQLite what an operator can do about it.
func withCure(err error) error {
	switch code(err) {
	case codeBusy:
		return fmt.Errorf("%w: another process holds it; end that process or try again", err)
	case codeReadOnly:
		return fmt.Errorf("%w: the file and its directory must be writable for the user that runs this program", err)
	case codeCantOpen:
		return fmt.Errorf("%w: the file and its directory must be readable and writable for the user that runs this program", err)
	case codeIO:
		return fmt.Errorf("%w: look after the disk (dmesg tells more)", err)
	case codeFull:
		return fmt.Errorf("%w: make room on the disk", err)
	case codeCorrupt, codeNotADB:
		return fmt.Errorf("%w: it is damaged or not a database of this program; restore it from a backup, or move it away to begin anew", err)
	}
	return err
}
