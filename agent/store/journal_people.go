package store

import (
	"context"
	"database/sql"
	"time"

	"ideco-agent/agent"
)

// seenEvery is by how much journal_people.seen and journal_places.seen may be older than the last session, so that most logins do not
// write them. The triggers of migration 8 have the same number.
const seenEvery = 24 * time.Hour

// rememberPerson makes the texts of a session known to searches. Addresses and MACs are remembered by triggers.
func rememberPerson(ctx context.Context, tx *sql.Tx, s agent.Session) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal_people (user_id, login, name, groups, device_name,
			login_fold, name_fold, groups_fold, device_fold, seen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (user_id, login, name, groups, device_name)
		DO UPDATE SET seen = excluded.seen WHERE journal_people.seen < excluded.seen - $11`,
		int64(s.UserID), s.Login, s.Name, s.Group, s.Device.Name,
		fold(s.Login), fold(s.Name), fold(s.Group), fold(s.Device.Name), micros(s.Started), seenEvery.Microseconds())
	return err
}

// forgetPeople removes the texts of which the journal has no session any more.
func forgetPeople(ctx context.Context, tx *sql.Tx) error {
	const oldest = `coalesce((SELECT min(started) FROM sessions WHERE ended <> 0), $1)`
	for _, query := range []string{
		`DELETE FROM journal_people WHERE seen < ` + oldest + ` - $2 AND (user_id, login, name, groups, device_name) NOT IN
			(SELECT user_id, login, name, groups, device_name FROM sessions WHERE ended = 0)`,
		`DELETE FROM journal_places WHERE seen < ` + oldest + ` - $2 AND value NOT IN
			(SELECT address FROM sessions WHERE ended = 0 UNION SELECT external_ip FROM sessions WHERE ended = 0 UNION SELECT mac FROM sessions WHERE ended = 0)`,
	} {
		if _, err := tx.ExecContext(ctx, query, micros(time.Now()), seenEvery.Microseconds()); err != nil {
			return err
		}
	}
	return nil
}

// addJournalPeople is step 10 of the migrations. It fills journal_people.
func addJournalPeople(ctx context.Context, tx *sql.Tx) error {
	people, err := all(ctx, tx, func(row scanner) (s agent.Session, err error) {
		err = row.Scan(&s.UserID, &s.Login, &s.Name, &s.Group, &s.Device.Name, timeColumn{&s.Started})
		return s, err
	}, `SELECT user_id, login, name, groups, device_name, last FROM
		(SELECT DISTINCT user_id, login, name, groups, device_name FROM sessions) AS people, (SELECT max(started) AS last FROM sessions) AS newest`)
	if err != nil {
		return err
	}
	for _, s := range people {
		if err := rememberPerson(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}
