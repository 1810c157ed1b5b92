package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// browsersPerUser is in how many browsers a person can be signed in. Without a bound a script that signs in and never out
// would fill the disk.
const browsersPerUser = 100

// SaveBrowserSession writes the session of a browser in which somebody has just signed in, or writes over it. When a person
// has more than browsersPerUser, the one last seen longest ago ends. After KeepUnwritten an administrator's session that cannot
// be written now is kept in memory and written later. TouchBrowserSession updates a session that goes on. Errors:
// agent.ErrNotFound when there is no such person.
func (s *Store) SaveBrowserSession(ctx context.Context, session agent.BrowserSession) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := findUser(ctx, tx, session.UserID); err != nil {
			return err
		}
		return saveBrowserSession(ctx, tx, session)
	})
	if isUnavailable(err) && s.isAdministrator(ctx, session.UserID) && s.unwritten.addSignIn(session) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("save a browser session of user %d: %w", session.UserID, err)
	}
	return nil
}

// TouchBrowserSession notes that a browser was seen and until when its session now holds. Unlike SaveBrowserSession it
// never brings back a session that another request has ended meanwhile. While the database cannot be written nothing is
// noted, which is no error. Errors: agent.ErrNotFound.
func (s *Store) TouchBrowserSession(ctx context.Context, id string, seen, expires time.Time) error {
	if s.unwritten.touch(id, seen, expires) {
		return nil
	}
	if s.unwritten.isSignedOut(id) {
		return agent.ErrNotFound
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `UPDATE browser_sessions SET last_seen = $1, expires = $2 WHERE id = $3`,
			micros(seen), micros(expires), id))
	})
	if err != nil && !isUnavailable(err) {
		return fmt.Errorf("touch a browser session: %w", err)
	}
	return nil
}

// BrowserSession returns a browser's session, which may have expired. Errors: agent.ErrNotFound.
func (s *Store) BrowserSession(ctx context.Context, id string) (session agent.BrowserSession, err error) {
	if session, ok := s.unwritten.signIn(id); ok {
		return session, nil
	}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		session, err = scanBrowserSession(tx.QueryRowContext(ctx,
			`SELECT `+browserColumns+` FROM browser_sessions WHERE id = $1`, id))
		return err
	})
	if err == nil && s.unwritten.isSignedOut(id) {
		err = agent.ErrNotFound
	}
	if err != nil {
		return agent.BrowserSession{}, fmt.Errorf("read a browser session: %w", err)
	}
	return session, nil
}

// BrowserSessions returns the sessions of a person's browsers, the one seen last first. They may have expired.
func (s *Store) BrowserSessions(ctx context.Context, id agent.UserID) (sessions []agent.BrowserSession, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		sessions, err = all(ctx, tx, scanBrowserSession, `SELECT `+browserColumns+` FROM browser_sessions
			WHERE user_id = $1 ORDER BY last_seen DESC, id`, int64(id))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the browser sessions of user %d: %w", id, err)
	}
	return s.unwritten.overlayBrowsers(id, sessions), nil
}

// EndBrowserSession signs a browser out. One that is not signed in is no error. After KeepUnwritten an end that cannot be
// written now is no error either: it is kept and written later.
func (s *Store) EndBrowserSession(ctx context.Context, id string) error {
	return s.endBrowserSessions(ctx, []string{id}, `id = $1`, id)
}

// EndBrowserSessions signs all browsers of a person out, except for the one with the session exceptID, which may be
// empty. An end that cannot be written is treated as in EndBrowserSession.
func (s *Store) EndBrowserSessions(ctx context.Context, id agent.UserID, exceptID string) error {
	sessions, err := s.BrowserSessions(ctx, id)
	if err != nil {
		return err
	}
	var ids []string
	for _, session := range sessions {
		if session.ID != exceptID {
			ids = append(ids, session.ID)
		}
	}
	return s.endBrowserSessions(ctx, ids, `user_id = $1 AND id <> $2`, int64(id), exceptID)
}

// endBrowserSessions ends the sessions with the ids, which are those that which selects.
func (s *Store) endBrowserSessions(ctx context.Context, ids []string, which string, args ...any) error {
	kept := s.unwritten.addSignOuts(ids...)
	err := s.deleteBrowserSessions(ctx, which, args...)
	if err == nil {
		s.unwritten.removeSignOuts(ids...)
	}
	if kept {
		return nil
	}
	return err
}

// PurgeBrowserSessions drops the sessions that have expired at the time now.
func (s *Store) PurgeBrowserSessions(ctx context.Context, now time.Time) error {
	return s.deleteBrowserSessions(ctx, `expires <= $1`, micros(now))
}

func (s *Store) deleteBrowserSessions(ctx context.Context, which string, args ...any) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM browser_sessions WHERE `+which, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("end browser sessions: %w", err)
	}
	return nil
}

func (s *Store) isAdministrator(ctx context.Context, id agent.UserID) bool {
	user, err := s.User(ctx, id)
	return err == nil && user.Administrator()
}

const browserColumns = `id, user_id, created, last_seen, expires, address, user_agent`

func scanBrowserSession(row scanner) (b agent.BrowserSession, err error) {
	err = row.Scan(&b.ID, &b.UserID, timeColumn{&b.Created}, timeColumn{&b.LastSeen}, timeColumn{&b.Expires},
		addrColumn{&b.Address}, &b.UserAgent)
	if errors.Is(err, sql.ErrNoRows) {
		err = agent.ErrNotFound
	}
	return b, err
}

func saveBrowserSession(ctx context.Context, tx *sql.Tx, b agent.BrowserSession) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO browser_sessions (`+browserColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, created = excluded.created,
			last_seen = excluded.last_seen, expires = excluded.expires, address = excluded.address,
			user_agent = excluded.user_agent`,
		b.ID, int64(b.UserID), micros(b.Created), micros(b.LastSeen), micros(b.Expires), addrText(b.Address), b.UserAgent)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM browser_sessions WHERE user_id = $1 AND id <> $2 AND id NOT IN
		(SELECT id FROM browser_sessions WHERE user_id = $1 AND id <> $2 ORDER BY last_seen DESC, id LIMIT $3)`,
		int64(b.UserID), b.ID, browsersPerUser-1)
	return err
}
