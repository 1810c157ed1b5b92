package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// knownDevices is how many devices are remembered for a person: as many as may be in use at once. Without a limit an
// agent that sends a new device ID with every login would fill the disk.
const knownDevices = agent.MaxDevices

// RememberDevice records that a person logged in on a device. An empty device ID is ignored. When a person has more than
// knownDevices, the one last seen longest ago is forgotten. Errors: agent.ErrNotFound when there is no such person.
func (s *Store) RememberDevice(ctx context.Context, id agent.UserID, deviceID string, at time.Time) error {
	if deviceID == "" {
		return nil
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return rememberDevice(ctx, tx, id, deviceID, at) })
	if err != nil {
		return fmt.Errorf("remember a device of user %d: %w", id, err)
	}
	return nil
}

// KnowsDevice reports whether a person logged in on a device before.
func (s *Store) KnowsDevice(ctx context.Context, id agent.UserID, deviceID string) (known bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM devices WHERE user_id = $1 AND device_id = $2)`,
			int64(id), deviceID).Scan(&known)
	})
	if err != nil {
		return false, fmt.Errorf("look for a device of user %d: %w", id, err)
	}
	return known, nil
}

func rememberDevice(ctx context.Context, tx *sql.Tx, id agent.UserID, deviceID string, at time.Time) error {
	if _, err := findUser(ctx, tx, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO devices (user_id, device_id, seen) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, device_id) DO UPDATE SET seen = excluded.seen`, int64(id), deviceID, micros(at))
	if err != nil {
		return err
	}
	return forgetDevices(ctx, tx, id)
}

// forgetDevices deletes the devices of a person that are over knownDevices.
func forgetDevices(ctx context.Context, tx *sql.Tx, id agent.UserID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM devices WHERE user_id = $1 AND device_id NOT IN
		(SELECT device_id FROM devices WHERE user_id = $1 ORDER BY seen DESC, device_id LIMIT $2)`, int64(id), knownDevices)
	return err
}
