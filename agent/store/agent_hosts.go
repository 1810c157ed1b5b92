package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// connectedEvery is the precision of devices.connected: when an agent connects again by the same host within this time,
// nothing is written.
const connectedEvery = 24 * time.Hour

// AgentConnected records the host, a domain or address of the gateway, by which the agent on a person's device has
// connected. A device that RememberDevice has not recorded is ignored.
func (s *Store) AgentConnected(ctx context.Context, id agent.UserID, deviceID, host string, at time.Time) error {
	var stale bool
	err := s.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM devices WHERE user_id = $1 AND device_id = $2
		AND (host <> $3 OR connected < $4))`, int64(id), deviceID, host, micros(at.Add(-connectedEvery))).Scan(&stale)
	if err == nil && stale {
		err = s.write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE devices SET host = $3, connected = $4 WHERE user_id = $1 AND device_id = $2`,
				int64(id), deviceID, host, micros(at))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("note the host of a device of user %d: %w", id, err)
	}
	return nil
}

// AnyAgentConnected reports whether an agent has ever connected on a device that is still remembered.
func (s *Store) AnyAgentConnected(ctx context.Context) (connected bool, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM devices WHERE host <> '')`).Scan(&connected)
	if err != nil {
		return false, fmt.Errorf("look for a connected agent: %w", err)
	}
	return connected, nil
}

// AgentsByHost counts the devices whose agents have connected since a time, by the host that each used last.
func (s *Store) AgentsByHost(ctx context.Context, since time.Time) (map[string]int, error) {
	type count struct {
		host   string
		agents int
	}
	var counts []count
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		counts, err = all(ctx, tx, func(row scanner) (c count, err error) {
			return c, row.Scan(&c.host, &c.agents)
		}, `SELECT host, count(*) FROM (SELECT host, row_number() OVER (PARTITION BY device_id ORDER BY connected DESC, user_id) AS n
				FROM devices WHERE host <> '' AND connected >= $1) AS latest WHERE n = 1 GROUP BY host`, micros(since))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count the agents: %w", err)
	}
	byHost := map[string]int{}
	for _, c := range counts {
		byHost[c.host] = c.agents
	}
	return byHost, nil
}
