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

	"golang.org/x/sys/unix"
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

// minSpace is how many bytes must be free on a disk that was full before it counts as one with room: the first login
// afterwards must find some.
const minSpace = 1 << 20

// readers is how many transactions read at the same time. A page is read in well under a millisecond; more
// connections would only cost memory.
const readers = 4

// journalReaders is the same for queries of the journal, some of which take seconds.
const journalReaders = 2

// busyTimeout is how long a transaction waits for one of another process.
const busyTimeout = time.Second

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
	info, err := os.Stat(path)
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
	journal, err := sql.Open("sqlite", source(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	journal.SetMaxOpenConns(journalReaders)
	return &Store{writer: writer, reader: reader, journal: journal, file: file{path: path, info: info}}, nil
}

// openReaders opens the connections for reading. Each reads something, because SQLite opens the write-ahead log with that.
func (s *Store) openReaders(ctx context.Context) error {
	for range readers {
		conn, err := s.reader.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := countSettings(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// file is the database file as this process has opened it.
type file struct {
	path   string
	info   fs.FileInfo
	hasLog bool // there is a write-ahead log; not on a file system that cannot have one
}

// errMoved is why nothing can be written into a file that is no longer in its place.
var errMoved = errors.New("the database file was removed, moved or replaced")

// check reports whether the file and its write-ahead log are still in their place. What is written into a file without a
// name is lost when the process ends. SQLite keeps the log while it has a connection.
func (f *file) check() error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, f.info) {
		return fmt.Errorf("%w: %s is not the file that this process has opened; put that one back, or restart the gateway to use what lies there now", errMoved, f.path)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.path + "-wal"); f.hasLog && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s-wal is gone, in which the last changes are; stop the gateway in order and start it, which saves them (never kill it)", errMoved, f.path)
	}
	return nil
}

// space is how many bytes this process may still write on the disk of a file; known is false where the file system does
// not say.
func space(path string) (free uint64, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &s); err != nil || s.Blocks == 0 {
		return 0, false
	}
	blocks := s.Bavail
	if os.Geteuid() == 0 {
		blocks = s.Bfree
	}
	return blocks * uint64(s.Bsize), true
}

func isFull(path string) bool {
	free, known := space(path)
	return known && free < minSpace
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
	options.Set("_pragma", "temp_store(2)") // sorting in memory takes neither disk nor descriptors
	options.Set("mode", "rw")               // a file that was removed is not created again
	options.Set("_error_rc", "1")           // without it an unreadable file is reported as "out of memory"
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}

// rowNumber is SQLite's own key of a row: it is in every index, and newer rows have higher ones.
const rowNumber = "rowid"

// usedBytes is how much of the file is in use. SQLite knows that without reading it.
func usedBytes(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&n)
	return n, err
}

// bytesBesideJournal is how much of the file the tables beside the journal take, with their indexes. It reads the pages of those
// tables (https://www.sqlite.org/dbstat.html), and none of the journal.
func bytesBesideJournal(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(sum(d.pgsize), 0) FROM sqlite_schema AS m CROSS JOIN dbstat AS d
		WHERE m.tbl_name NOT IN ('sessions', 'journal_people', 'journal_places') AND m.rootpage <> 0
			AND d.name = m.name AND d.aggregate = TRUE`).Scan(&n)
	return n, err
}

// code is the family of an error of SQLite, or 0.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}
