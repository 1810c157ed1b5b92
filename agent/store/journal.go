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
// the journal takes more than most bytes of the file. Of the latter it drops refusals while there are more of them than sessions,
// because strangers can cause any number of refusals. Open sessions stay whatever they take. One call drops a bounded number and leaves
// the rest to the next. It returns how many were dropped for the size alone.
//
// The file does not become smaller: SQLite writes new sessions into the pages that have become free.
func (s *Store) TrimJournal(ctx context.Context, before time.Time, most int64) (forSize int64, err error) {
	surplus, counted := int64(0), false // how many more refusals than sessions there are
	for range trimBatches {
		large, err := s.journalExceeds(ctx, most)
		if err != nil {
			return forSize, fmt.Errorf("measure the journal: %w", err)
		}
		if large && !counted {
			if surplus, err = s.refusalSurplus(ctx); err != nil {
				return forSize, fmt.Errorf("count the refusals in the journal: %w", err)
			}
			counted = true
		}
		until, batch := micros(before), oldestEnded
		if large {
			until = math.MaxInt64
		}
		if large && surplus > 0 {
			batch = oldestRefusals
		}
		d, err := s.dropEnded(ctx, batch, micros(before), until)
		if err != nil {
			return forSize, fmt.Errorf("trim the journal: %w", err)
		}
		forSize += d.all - d.old
		surplus += d.all - 2*d.refusals
		if d.all < trimBatch && batch == oldestEnded {
			break
		}
	}
	return forSize, nil
}

// refusalSurplus returns how many more refusals than sessions the journal has.
func (s *Store) refusalSurplus(ctx context.Context) (surplus int64, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT 2 * (SELECT count(*) FROM sessions WHERE refusal) - (SELECT count(*) FROM sessions)`).Scan(&surplus)
	})
	return surplus, err
}

// Batches of dropEnded: the oldest of all that have ended, and of the refusals. A refusal ended when it started.
const (
	oldestEnded    = `SELECT id, ended, refusal FROM sessions WHERE ended <> 0 AND ended < $1 ORDER BY ended LIMIT $2`
	oldestRefusals = `SELECT id, ended, refusal FROM sessions WHERE refusal AND started < $1 ORDER BY started LIMIT $2`
)

// dropped counts the rows of a batch of dropEnded.
type dropped struct {
	all      int64
	old      int64 // rows that ended before the time of TrimJournal
	refusals int64
}

// dropEnded drops a batch, oldestEnded or oldestRefusals, of those that ended before until.
func (s *Store) dropEnded(ctx context.Context, batch string, before, until int64) (d dropped, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN ended < $3 THEN 1 END), count(CASE WHEN refusal THEN 1 END)
			FROM (`+batch+`) AS oldest`, until, trimBatch, before).Scan(&d.all, &d.old, &d.refusals)
		if err != nil || d.all == 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM (`+batch+`) AS oldest)`, until, trimBatch)
		return err
	})
	return d, err
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
