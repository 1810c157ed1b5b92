package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// hiddenLogin replaces a login that no account has: people type passwords there.
const hiddenLogin = "***"

// AddRefused writes a refused attempt into the journal. It is counted and trimmed like a session that ended when it started.
func (s *Store) AddRefused(ctx context.Context, r agent.RefusedAttempt) error {
	if err := s.write(ctx, func(tx *sql.Tx) error { return addRefused(ctx, tx, r) }); err != nil {
		return fmt.Errorf("write a refusal into the journal: %w", err)
	}
	return nil
}

func addRefused(ctx context.Context, tx *sql.Tx, r agent.RefusedAttempt) error {
	u, err := refusedUser(ctx, tx, r)
	if err != nil {
		return err
	}
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return err
	}
	id, groups, device := agent.NewSessionID(), tree.Names(u), r.Device.Clean()
	address, external := addrText(r.Peer.Addr), ""
	if !r.Peer.Inside {
		address, external = "", address
	}
	person, err := rememberPerson(ctx, tx, agent.Session{UserID: u.ID, Login: u.Login, Name: u.Name, Group: groups, Device: device})
	if err != nil {
		return err
	}
	at := micros(r.At)
	_, err = tx.ExecContext(ctx, `INSERT INTO sessions (id, user_id, login, name, directory, kind, address, external_ip, inside,
			device_id, device_name, device_os, started, logged_in, expires, ended, reason, resume_chain, resume_current, resume_previous,
			way, groups, refusal, person)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10, $11, $12, 0, 0, $12, $13, '', '', '', $14, $15, TRUE, $16)`,
		id, int64(u.ID), u.Login, u.Name, u.Directory, address, external, r.Peer.Inside,
		device.ID, device.Name, device.OS, at, string(r.Code), string(r.Way), groups, person)
	return err
}

// refusedUser returns the account of an attempt. If several accounts have the login, only Login is set; if none has it, Login is hidden.
func refusedUser(ctx context.Context, tx *sql.Tx, r agent.RefusedAttempt) (agent.User, error) {
	if r.UserID != 0 {
		u, err := findUser(ctx, tx, r.UserID)
		if !errors.Is(err, agent.ErrNotFound) {
			return u, err
		}
	}
	same, err := all(ctx, tx, func(row scanner) (agent.User, error) { return scanUser(row) },
		`SELECT `+userColumns+` FROM users WHERE login_norm = $1 ORDER BY id LIMIT 2`, spelling.Login(r.Login))
	switch {
	case err != nil || len(same) == 0:
		return agent.User{Login: hiddenLogin}, err
	case len(same) == 1:
		return same[0], nil
	}
	return agent.User{Login: same[0].Login}, nil
}
