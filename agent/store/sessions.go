package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ideco-agent/agent"
)

// SaveSession writes a session into the journal, or over what the journal has under its ID. Every field is kept, Ended
// and Reason too.
func (s *Store) SaveSession(ctx context.Context, session agent.Session) error {
	var unwritten *agent.SessionEnd
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := saveSession(ctx, tx, session); err != nil {
			return err
		}
		if e, was := s.unwritten.removeEnd(session.ID); was {
			unwritten = &e
		}
		return nil
	})
	if err != nil {
		if unwritten != nil {
			s.unwritten.addEnd(session.ID, *unwritten)
		}
		return fmt.Errorf("save session %s: %w", session.ID, err)
	}
	return nil
}

// EndSession closes a session in the journal. What ended before keeps its end and its counts. Counts that are smaller than the
// stored ones, and an empty MAC, change nothing. After a reason with which an agent does not come back by itself Resume.Current and
// Resume.Previous are cleared. After KeepUnwritten an end that cannot be written now is no error: it is kept and written later.
// Errors: agent.ErrNotFound.
func (s *Store) EndSession(ctx context.Context, id string, e agent.SessionEnd) error {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	kept := s.unwritten.addEnd(id, e)
	err := s.write(ctx, func(tx *sql.Tx) error { return endSession(ctx, tx, id, e) })
	if err == nil || errors.Is(err, agent.ErrNotFound) {
		s.unwritten.removeEnd(id)
	} else if kept {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end session %s: %w", id, err)
	}
	return nil
}

// savedAtOnce is how many sessions SaveCounts writes in one transaction, so that logins do not wait for all of them.
const savedAtOnce = 200

// SaveCounts stores the counts of open sessions by session ID. It ignores unknown and ended sessions. Counts below the stored ones and
// an empty MAC change nothing.
func (s *Store) SaveCounts(ctx context.Context, counts map[string]agent.SessionCounts) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(counts)), savedAtOnce) {
		err := s.write(ctx, func(tx *sql.Tx) error {
			return saveAllCounts(ctx, tx, ids, counts, time.Now())
		})
		if err != nil {
			return fmt.Errorf("save the counts of sessions: %w", err)
		}
	}
	return nil
}

// OpenSessions returns the sessions that have not ended, by start.
func (s *Store) OpenSessions(ctx context.Context) (sessions []agent.Session, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		sessions, err = all(ctx, tx, scanSession,
			`SELECT `+sessionColumns+` FROM sessions WHERE ended = 0 ORDER BY started, id`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the open sessions: %w", err)
	}
	return slices.DeleteFunc(sessions, func(session agent.Session) bool { return s.unwritten.isEnded(session.ID) }), nil
}

// SessionByResume returns the session, open or ended, whose Resume.Chain is chain. Errors: agent.ErrNotFound, also for the zero chain.
func (s *Store) SessionByResume(ctx context.Context, chain [32]byte) (session agent.Session, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		session, err = scanSession(tx.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM sessions
			WHERE resume_chain = $1 AND resume_chain <> ''`, digestText(chain)))
		return err
	})
	if err != nil {
		return agent.Session{}, fmt.Errorf("find a session by its resume token: %w", err)
	}
	s.unwritten.overlay(&session)
	return session, nil
}

// VoidResume clears Resume.Current and Resume.Previous of every session of a person, ended or not, as a change of the
// password wants it. Resume.Chain stays, so that the tokens are still recognised.
func (s *Store) VoidResume(ctx context.Context, id agent.UserID) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return voidResume(ctx, tx, id) })
	if err != nil {
		return fmt.Errorf("void the resume tokens of user %d: %w", id, err)
	}
	return nil
}

// VoidDevice does what VoidResume does for those sessions of a person that have ended on one device.
func (s *Store) VoidDevice(ctx context.Context, id agent.UserID, deviceID string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET `+voided+`
			WHERE user_id = $1 AND device_id = $2 AND ended <> 0 AND resume_current <> ''`, int64(id), deviceID)
		return err
	})
	if err != nil {
		return fmt.Errorf("void the resume tokens of a device of user %d: %w", id, err)
	}
	return nil
}

const sessionColumns = `id, user_id, login, name, directory, kind, address, external_ip, device_id, device_name, device_os,
	started, logged_in, expires, ended, reason, resume_chain, resume_current, resume_previous,
	way, groups, mac, rx, tx, inside`

// voided makes the resume tokens of a session void.
const voided = `resume_current = '', resume_previous = ''`

func scanSession(row scanner) (s agent.Session, err error) {
	err = row.Scan(&s.ID, &s.UserID, &s.Login, &s.Name, &s.Directory, &s.Kind, addrColumn{&s.Address},
		addrColumn{&s.ExternalIP}, &s.Device.ID, &s.Device.Name, &s.Device.OS, timeColumn{&s.Started},
		timeColumn{&s.LoggedIn}, timeColumn{&s.Expires}, timeColumn{&s.Ended}, &s.Reason,
		digestColumn{&s.Resume.Chain}, digestColumn{&s.Resume.Current}, digestColumn{&s.Resume.Previous},
		&s.Way, &s.Group, &s.MACStored, &s.RxStored, &s.TxStored, &s.Inside)
	if errors.Is(err, sql.ErrNoRows) {
		err = agent.ErrNotFound
	}
	return s, err
}

func saveSession(ctx context.Context, tx *sql.Tx, s agent.Session) error {
	person, err := rememberPerson(ctx, tx, s)
	if err != nil {
		return err
	}
	traffic := kindTraffic{}
	if err := traffic.grow(ctx, tx, s.ID, agent.SessionCounts{Rx: s.RxStored, Tx: s.TxStored}); err != nil {
		return err
	}
	if err := traffic.save(ctx, tx, time.Now()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sessions (`+sessionColumns+`, person)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
		ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, login = excluded.login, name = excluded.name,
			directory = excluded.directory, kind = excluded.kind, address = excluded.address,
			external_ip = excluded.external_ip, device_id = excluded.device_id, device_name = excluded.device_name,
			device_os = excluded.device_os, started = excluded.started, logged_in = excluded.logged_in,
			expires = excluded.expires, ended = excluded.ended, reason = excluded.reason,
			resume_chain = excluded.resume_chain, resume_current = excluded.resume_current,
			resume_previous = excluded.resume_previous, way = excluded.way, groups = excluded.groups, mac = excluded.mac,
			rx = excluded.rx, tx = excluded.tx, inside = excluded.inside, person = excluded.person`,
		s.ID, int64(s.UserID), s.Login, s.Name, s.Directory, string(s.Kind), addrText(s.Address),
		addrText(s.ExternalIP), s.Device.ID, s.Device.Name, s.Device.OS, micros(s.Started),
		micros(s.LoggedIn), micros(s.Expires), micros(s.Ended), string(s.Reason),
		digestText(s.Resume.Chain), digestText(s.Resume.Current), digestText(s.Resume.Previous),
		string(s.Way), s.Group, s.MACStored, int64(s.RxStored), int64(s.TxStored), s.Inside, person)
	return err
}

func endSession(ctx context.Context, tx *sql.Tx, id string, e agent.SessionEnd) error {
	counts := map[string]agent.SessionCounts{id: {Rx: e.Rx, Tx: e.Tx, MAC: e.MAC}}
	if err := saveAllCounts(ctx, tx, []string{id}, counts, e.At); err != nil {
		return err
	}
	err := changeOne(tx.ExecContext(ctx, `UPDATE sessions SET reason = CASE WHEN ended = 0 THEN $1 ELSE reason END,
		ended = CASE WHEN ended = 0 THEN $2 ELSE ended END WHERE id = $3`, string(e.Reason), micros(e.At), id))
	if err != nil || e.Reason.Reconnects() {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE sessions SET `+voided+` WHERE id = $1`, id)
	return err
}

// saveAllCounts stores the counts of some sessions as they are at a time.
func saveAllCounts(ctx context.Context, tx *sql.Tx, ids []string, counts map[string]agent.SessionCounts, at time.Time) error {
	traffic := kindTraffic{}
	for _, id := range ids {
		if err := traffic.grow(ctx, tx, id, counts[id]); err != nil {
			return err
		}
		if err := saveCounts(ctx, tx, id, counts[id]); err != nil {
			return err
		}
	}
	return traffic.save(ctx, tx, at)
}

func saveCounts(ctx context.Context, tx *sql.Tx, id string, c agent.SessionCounts) error {
	_, err := tx.ExecContext(ctx, `UPDATE sessions SET rx = CASE WHEN rx < $1 THEN $1 ELSE rx END,
		tx = CASE WHEN tx < $2 THEN $2 ELSE tx END, mac = CASE WHEN $3 <> '' THEN $3 ELSE mac END
		WHERE id = $4 AND ended = 0`, int64(c.Rx), int64(c.Tx), c.MAC, id)
	return err
}

func voidResume(ctx context.Context, tx *sql.Tx, id agent.UserID) error {
	_, err := tx.ExecContext(ctx, `UPDATE sessions SET `+voided+`
		WHERE user_id = $1 AND resume_current <> ''`, int64(id))
	return err
}
