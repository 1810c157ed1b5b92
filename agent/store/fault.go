package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"
	"time"

	"ideco-agent/agent"
)

const (
	// watchEvery is how often Watch looks after the database.
	watchEvery = time.Second
	// retryAfter is when an agent that was refused comes again.
	retryAfter = 5 * time.Second
)

// Watch looks after the database until ctx is over. It notices when the database cannot be written, and makes the store
// available again when it can. report is called with what is wrong when that begins or changes, and with nil when it is
// over.
func (s *Store) Watch(ctx context.Context, report func(error)) {
	var told agent.StoreTrouble
	tell := func() {
		fault := s.fault.Load()
		switch {
		case fault != nil && fault.Trouble != told:
			told = fault.Trouble
			report(fault.Err)
		case fault == nil && told != "":
			told = ""
			report(nil)
		}
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		tell()
		s.look(ctx)
		tell()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look finds out whether the database can be written. A healthy one is only locked for a moment, and nothing is written.
func (s *Store) look(ctx context.Context) {
	fault := s.fault.Load()
	if fault == nil {
		_ = s.writeUnwritten(ctx, s.write)
		s.unwritten.reopen(s.file.path + endsSuffix)
		return
	}
	if fault.Trouble == agent.StoreNoSpace && isFull(s.file.path) {
		return
	}
	conn, err := s.writer.Conn(ctx)
	if err == nil {
		defer conn.Close()
		err = s.writeUnwritten(ctx, func(ctx context.Context, do func(*sql.Tx) error) error {
			return s.writeOn(ctx, conn, func(tx *sql.Tx) error { return errors.Join(touch(tx), do(tx)) })
		})
	}
	var refusal *agent.Error
	switch errors.As(s.refusal(err), &refusal); {
	case refusal != nil:
		s.fault.Store(refusal)
	case ctx.Err() == nil: // the database works, whatever the error of do
		s.fault.Store(nil)
	}
}

// touch writes one page and changes nothing: no part of the program asks for user_version.
func touch(tx *sql.Tx) error {
	_, err := tx.Exec(`PRAGMA user_version = 1`)
	return err
}

// Trouble is why nothing can be written, as far as is known by now; empty when it can be.
func (s *Store) Trouble() agent.StoreTrouble {
	if fault := s.fault.Load(); fault != nil {
		return fault.Trouble
	}
	return ""
}

func isUnavailable(err error) bool {
	var refusal *agent.Error
	return errors.As(err, &refusal) && refusal.Code == agent.CodeStoreUnavailable
}

// refusal is CodeStoreUnavailable for an error of the database, of its disk or of its file, and any other error itself.
func (s *Store) refusal(err error) error {
	var refusal *agent.Error
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	trouble, cure := troubleOf(err)
	if (trouble == agent.StoreFailed || trouble == agent.StoreReadOnly) && isFull(s.file.path) {
		trouble, cure = agent.StoreNoSpace, cureNoSpace // SQLite has no code of its own for the files beside the database
	}
	if trouble == "" {
		return err
	}
	if cure != "" {
		err = fmt.Errorf("%w: %s", err, cure)
	}
	return &agent.Error{Code: agent.CodeStoreUnavailable, Trouble: trouble, Wait: retryAfter, Err: err}
}

const cureNoSpace = "make room on the disk"

// troubleOf is what an error means and what an operator can do about it; empty for an error that has nothing to do with
// the disk.
func troubleOf(err error) (trouble agent.StoreTrouble, cure string) {
	const (
		writable = "the file and its directory must be writable for the user that runs this program"
		readable = "the file and its directory must be readable and writable for the user that runs this program"
		restore  = "it is damaged or not a database of this program; restore it from a backup, or move it away to begin anew"
	)
	switch code(err) {
	case codeBusy:
		return agent.StoreLocked, "another process holds it; end that process or try again"
	case codeReadOnly:
		return agent.StoreReadOnly, writable
	case codeCantOpen:
		return agent.StoreFailed, readable
	case codeIO:
		return agent.StoreFailed, "look after the disk (dmesg tells more)"
	case codeFull:
		return agent.StoreNoSpace, cureNoSpace
	case codeCorrupt, codeNotADB:
		return agent.StoreDamaged, restore
	}
	switch {
	case errors.Is(err, errMoved):
		return agent.StoreMoved, ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return agent.StoreNoSpace, cureNoSpace
	case errors.Is(err, syscall.EROFS):
		return agent.StoreReadOnly, writable
	case errors.Is(err, syscall.EIO):
		return agent.StoreFailed, "look after the disk (dmesg tells more)"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return agent.StoreFailed, "this process has too many open files; raise the limit (LimitNOFILE= in the unit)"
	}
	return "", ""
}
