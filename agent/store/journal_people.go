package store

import (
	"context"
	"database/sql"
	"errors"

	"ideco-agent/agent"
)

// rememberPerson adds the texts of a session to journal_people, where searches look for them, and returns their id. The triggers of
// migration 8 do the same for addresses and MACs, and delete what no session has any more.
func rememberPerson(ctx context.Context, tx *sql.Tx, s agent.Session) (id int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id FROM journal_people
		WHERE user_id = $1 AND login = $2 AND name = $3 AND groups = $4 AND device_name = $5`,
		int64(s.UserID), s.Login, s.Name, s.Group, s.Device.Name).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	err = tx.QueryRowContext(ctx, `INSERT INTO journal_people (user_id, login, name, groups, device_name,
			login_fold, name_fold, groups_fold, device_fold)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		int64(s.UserID), s.Login, s.Name, s.Group, s.Device.Name,
		fold(s.Login), fold(s.Name), fold(s.Group), fold(s.Device.Name)).Scan(&id)
	return id, err
}

// addJournalPeople is step 10 of the migrations. It fills journal_people and sessions.person.
func addJournalPeople(ctx context.Context, tx *sql.Tx) error {
	people, err := all(ctx, tx, func(row scanner) (s agent.Session, err error) {
		err = row.Scan(&s.UserID, &s.Login, &s.Name, &s.Group, &s.Device.Name)
		return s, err
	}, `SELECT DISTINCT user_id, login, name, groups, device_name FROM sessions`)
	if err != nil {
		return err
	}
	for _, s := range people {
		if _, err := rememberPerson(ctx, tx, s); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE sessions SET person = (SELECT p.id FROM journal_people AS p WHERE p.user_id = sessions.user_id
			AND p.login = sessions.login AND p.name = sessions.name AND p.groups = sessions.groups AND p.device_name = sessions.device_name);
		CREATE INDEX sessions_by_person ON sessions (person, started)`)
	return err
}
