package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"
)

const (
	trimBatch   = 100 // sessions and refusals that one transaction of TrimJournal drops, so that no login waits long for it
	trimBatches = 500 // transactions of one call of TrimJournal
)

// TrimJournal drops refusals and sessions that have ended, the oldest first: those that ended before a time, and more of them while
// the journal takes more than most bytes of the file. Open sessions stay whatever they take. One call drops a bounded
// number and leaves the rest to the next. It returns how many were dropped for the size alone.
//
// The file does not become smaller: SQLite writes new sessions into the pages that have become free.
func (s *Store) TrimJournal(ctx context.Context, before time.Time, most int64) (forSize int64, err error) {
	for range trimBatches {
		large, err := s.journalExceeds(ctx, most)
		if err != nil {
			return forSize, fmt.Errorf("measure the journal of sessions: %w", err)
		}
		until := micros(before)
		if large {
			until = math.MaxInt64
		}
		old, all, err := s.dropEnded(ctx, micros(before), until)
		if err != nil {
			return forSize, fmt.Errorf("trim the journal of sessions: %w", err)
		}
		forSize += all - old
		if all < trimBatch {
			break
		}
	}
	return forSize, nil
}

// dropEnded drops a batch of the oldest sessions that ended before until. It returns the number of all, and of the old ones, which ended
// before the time before.
func (s *Store) dropEnded(ctx context.Context, before, until int64) (old, all int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		const batch = `SELECT id, ended FROM sessions WHERE ended <> 0 AND ended < $1 ORDER BY ended LIMIT $2`
		err := tx.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN ended < $3 THEN 1 END) FROM (`+batch+`) AS oldest`,
			until, trimBatch, before).Scan(&all, &old)
		if err != nil || all == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM (`+batch+`) AS oldest)`, until, trimBatch)
		return err
	})
	return old, all, err
}

// journalExceeds reports whether the sessions with their indexes take more than most bytes of the file.
func (s *Store) journalExceeds(ctx context.Context, most int64) (exceeds bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		used, err := usedBytes(ctx, tx)
		if err != nil || used <= most {
			return err
		}
		others, err := bytesBesideJournal(ctx, tx)
		exceeds = used-others > most
		return err
	})
	return exceeds, err
}
