package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// Settings returns the settings, and whether they were ever saved. What was not saved has its default.
func (s *Store) Settings(ctx context.Context) (settings agent.Settings, saved bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		settings, saved, err = loadSettings(ctx, tx)
		return err
	})
	if err != nil {
		return agent.Settings{}, false, fmt.Errorf("read the settings: %w", err)
	}
	return settings, saved, nil
}

// UpdateSettings changes the settings in one transaction and returns what is in force now. When change fails, nothing
// is saved and its error comes back. change must not write to the store.
func (s *Store) UpdateSettings(ctx context.Context, change func(*agent.Settings) error) (settings agent.Settings, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if settings, _, err = loadSettings(ctx, tx); err != nil {
			return err
		}
		if err := change(&settings); err != nil {
			return err
		}
		return saveSettings(ctx, tx, settings)
	})
	if err != nil {
		return agent.Settings{}, fmt.Errorf("save the settings: %w", err)
	}
	return settings, nil
}

func loadSettings(ctx context.Context, tx *sql.Tx) (settings agent.Settings, saved bool, err error) {
	type pair struct{ key, value string }
	rows, err := all(ctx, tx, func(row scanner) (p pair, err error) {
		return p, row.Scan(&p.key, &p.value)
	}, `SELECT key, value FROM settings`)
	if err != nil {
		return settings, false, err
	}
	settings = agent.DefaultSettings()
	fields := settingsFields(&settings)
	for _, row := range rows {
		field, known := fields[row.key]
		if !known { // of a version that was installed before this one
			continue
		}
		if err := json.Unmarshal([]byte(row.value), field); err != nil {
			return settings, true, fmt.Errorf("%s: %w", row.key, err)
		}
	}
	return settings, len(rows) > 0, nil
}

func saveSettings(ctx context.Context, tx *sql.Tx, settings agent.Settings) error {
	for key, field := range settingsFields(&settings) {
		value, err := json.Marshal(field)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, string(value))
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// settingsFields names each field of the settings in the table. A key stays for ever; a new field needs no migration.
func settingsFields(s *agent.Settings) map[string]any {
	fields := map[string]any{
		"enabled":        &s.Enabled,
		"auth_domain":    &s.Domain,
		"former_domains": &s.FormerDomains,
		"local_networks": &s.LocalNetworks,
		"networks_seen":  &s.NetworksSeen,
		"local_tunnel":   &s.LocalTunnel,
		"vpn_network":    &s.VPNNetwork,
		"forward_nets":   &s.ForwardNets,
		"dns":            &s.DNS,
		"dns_suffix":     &s.DNSSuffixes,
		"device_policy":  &s.DevicePolicy,

		"lan_interfaces":     &s.LANInterfaces,
		"wan_interfaces":     &s.WANInterfaces,
		"masquerade":         &s.Masquerade,
		"open_before_login":  &s.OpenBeforeLogin,
		"dns_in_lan":         &s.DNSInLAN,
		"vpn_peers_may_talk": &s.VPNPeersMayTalk,
		"gateway_trial":      &s.Trial,

		"browser_sign_in_networks": &s.BrowserSignIn,

		"acme": &s.ACME,

		"forwarding": &s.Forwarding,

		"backup_daily":     &s.Backup.Daily,
		"backup_recipient": &s.Backup.Recipient,
	}
	for _, n := range agent.Numbers() {
		fields[n.Key] = n.Field(s)
		if d, ok := n.Field(s).(*time.Duration); ok {
			fields[n.Key] = (*duration)(d)
		}
	}
	return fields
}

// duration is stored as "12h0m0s", exact to the nanosecond.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}
