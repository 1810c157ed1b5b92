package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"ideco-agent/agent"
)

// trafficKept is how long the slots of the table traffic are kept.
const trafficKept = 7 * 24 * time.Hour

// Activity returns what the database has about a period. Sessions that are still open in the database are left out, but those whose end
// is not written yet are there.
func (s *Store) Activity(ctx context.Context, from, until time.Time) (a agent.Activity, err error) {
	err = s.readJournal(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if a.Ended, err = endedSpans(ctx, tx, from, until); err != nil {
			return err
		}
		unwritten, err := s.unwrittenSpans(ctx, tx, from, until)
		if err != nil {
			return err
		}
		a.Ended = append(a.Ended, unwritten...)
		if a.Refusals, err = refusalCounts(ctx, tx, from, until); err != nil {
			return err
		}
		if a.Traffic, err = trafficCounts(ctx, tx, from, until); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT coalesce(min(slot), 0) FROM traffic`).Scan(timeColumn{&a.TrafficSince})
	})
	if err != nil {
		return agent.Activity{}, fmt.Errorf("read the activity: %w", err)
	}
	return a, nil
}

func scanSpan(row scanner) (span agent.Span, err error) {
	var started, ended int64
	err = row.Scan(&started, &ended, &span.Kind)
	span.Started, span.Ended = time.UnixMicro(started), time.UnixMicro(ended)
	return span, err
}

func endedSpans(ctx context.Context, tx *sql.Tx, from, until time.Time) ([]agent.Span, error) {
	return all(ctx, tx, scanSpan, `SELECT started, ended, kind FROM sessions
		WHERE ended <> 0 AND NOT refusal AND ended > $1 AND started < $2`, micros(from), micros(until))
}

// unwrittenSpans returns the sessions that have ended, but are open in the database.
func (s *Store) unwrittenSpans(ctx context.Context, tx *sql.Tx, from, until time.Time) ([]agent.Span, error) {
	if !s.unwritten.any() {
		return nil, nil
	}
	open, err := all(ctx, tx, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE ended = 0`)
	var spans []agent.Span
	for _, session := range open {
		s.unwritten.overlay(&session)
		if session.Ended.After(from) && session.Started.Before(until) {
			spans = append(spans, agent.Span{Kind: session.Kind, Started: session.Started, Ended: session.Ended})
		}
	}
	return spans, err
}

func refusalCounts(ctx context.Context, tx *sql.Tx, from, until time.Time) ([]agent.RefusalCount, error) {
	return all(ctx, tx, func(row scanner) (r agent.RefusalCount, err error) {
		return r, row.Scan(&r.Hour, &r.Code, &r.N)
	}, `SELECT (started - $1) / 3600000000 AS hour, reason, count(*) FROM sessions WHERE refusal AND started >= $1 AND started < $2
		GROUP BY hour, reason ORDER BY hour, reason`, micros(from), micros(until))
}

func trafficCounts(ctx context.Context, tx *sql.Tx, from, until time.Time) ([]agent.TrafficCount, error) {
	return all(ctx, tx, func(row scanner) (t agent.TrafficCount, err error) {
		return t, row.Scan(&t.Kind, &t.Rx, &t.Tx)
	}, `SELECT kind, sum(rx), sum(tx) FROM traffic WHERE slot >= $1 AND slot < $2 GROUP BY kind ORDER BY kind`,
		micros(from), micros(until))
}

// Sizes returns the sizes of the database.
func (s *Store) Sizes(ctx context.Context) (sizes agent.StoreSizes, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		used, err := usedBytes(ctx, tx)
		if err != nil {
			return err
		}
		others, err := bytesBesideJournal(ctx, tx)
		sizes.Journal = uint64(max(used-others, 0))
		return err
	})
	for _, suffix := range []string{"", "-wal"} {
		info, statErr := os.Stat(s.file.path + suffix)
		if statErr == nil {
			sizes.Database += uint64(info.Size())
		} else if !errors.Is(statErr, os.ErrNotExist) {
			err = errors.Join(err, statErr)
		}
	}
	if err != nil {
		return agent.StoreSizes{}, fmt.Errorf("measure the database: %w", err)
	}
	return sizes, nil
}

// kindTraffic is traffic in bytes by kind of the sessions.
type kindTraffic map[agent.Kind]struct{ rx, tx uint64 }

// grow adds what a session counts more than the database has. Call it before writing the counts.
func (t kindTraffic) grow(ctx context.Context, tx *sql.Tx, id string, now agent.SessionCounts) error {
	var kind agent.Kind
	var hasRx, hasTx uint64
	err := tx.QueryRowContext(ctx, `SELECT kind, rx, tx FROM sessions WHERE id = $1 AND ended = 0`, id).Scan(&kind, &hasRx, &hasTx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	t.add(kind, now.Rx-min(now.Rx, hasRx), now.Tx-min(now.Tx, hasTx))
	return err
}

func (t kindTraffic) add(kind agent.Kind, rx, tx uint64) {
	sum := t[kind]
	sum.rx, sum.tx = sum.rx+rx, sum.tx+tx
	t[kind] = sum
}

// save adds the traffic to the slot of a time, and drops slots that are too old.
func (t kindTraffic) save(ctx context.Context, tx *sql.Tx, at time.Time) error {
	for kind, sum := range t {
		if sum.rx+sum.tx == 0 {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO traffic (slot, kind, rx, tx) VALUES ($1, $2, $3, $4)
			ON CONFLICT (slot, kind) DO UPDATE SET rx = traffic.rx + excluded.rx, tx = traffic.tx + excluded.tx`,
			micros(at.Truncate(agent.TrafficSlot)), string(kind), int64(sum.rx), int64(sum.tx)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM traffic WHERE slot < $1`, micros(at.Add(-trafficKept))); err != nil {
			return err
		}
	}
	return nil
}
