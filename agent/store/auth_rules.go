package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ideco-agent/agent"
)

// AuthRules returns all rules in the order of their ids.
func (s *Store) AuthRules(ctx context.Context) (rules []agent.AuthRule, err error) {
	return s.authRules(ctx, `SELECT `+ruleColumns+` FROM auth_rules ORDER BY id`)
}

// RulesInForce returns the enabled rules of accounts that may have access, in the order of their ids.
func (s *Store) RulesInForce(ctx context.Context) (rules []agent.AuthRule, err error) {
	return s.authRules(ctx, `SELECT `+ruleColumns+` FROM auth_rules WHERE enabled AND EXISTS
		(SELECT 1 FROM users WHERE users.id = user_id AND users.enabled AND users.refused = '') ORDER BY id`)
}

func (s *Store) authRules(ctx context.Context, query string) (rules []agent.AuthRule, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		rules, err = all(ctx, tx, scanRule, query)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rules of addresses: %w", err)
	}
	return rules, nil
}

// AddAuthRule adds a rule and returns its new id. Errors: agent.Problems if there is no such account, if another rule has the address or
// the MAC, or if there are agent.MaxAuthRules.
func (s *Store) AddAuthRule(ctx context.Context, r agent.AuthRule) (id agent.RuleID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM auth_rules`).Scan(&n); err != nil {
			return err
		}
		if n >= agent.MaxAuthRules {
			return agent.Problems{{Field: "ip", Code: "field_too_many_rules"}}
		}
		r.ID = 0
		if err := checkRule(ctx, tx, r); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO auth_rules (enabled, address, mac, user_id, always, comment)
			VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
			r.Enabled, addrText(r.Address), r.MAC, int64(r.UserID), r.Always, r.Comment).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("add a rule of an address: %w", err)
	}
	return id, nil
}

// ChangeAuthRule changes a rule in one transaction. An error of change leaves it as it was. Errors: agent.ErrNotFound; agent.Problems as
// of AddAuthRule.
func (s *Store) ChangeAuthRule(ctx context.Context, id agent.RuleID, change func(*agent.AuthRule) error) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		r, err := scanRule(tx.QueryRowContext(ctx, `SELECT `+ruleColumns+` FROM auth_rules WHERE id = $1`, int64(id)))
		if err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		r.ID = id
		if err := checkRule(ctx, tx, r); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE auth_rules SET enabled = $1, address = $2, mac = $3, user_id = $4, always = $5, comment = $6
			WHERE id = $7`, r.Enabled, addrText(r.Address), r.MAC, int64(r.UserID), r.Always, r.Comment, int64(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("change the rule %d of an address: %w", id, err)
	}
	return nil
}

// DeleteAuthRule deletes a rule. Errors: agent.ErrNotFound.
func (s *Store) DeleteAuthRule(ctx context.Context, id agent.RuleID) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `DELETE FROM auth_rules WHERE id = $1`, int64(id)))
	})
	if err != nil {
		return fmt.Errorf("delete the rule %d of an address: %w", id, err)
	}
	return nil
}

const ruleColumns = `id, enabled, address, mac, user_id, always, comment`

func scanRule(row scanner) (r agent.AuthRule, err error) {
	err = row.Scan(&r.ID, &r.Enabled, addrColumn{&r.Address}, &r.MAC, &r.UserID, &r.Always, &r.Comment)
	if errors.Is(err, sql.ErrNoRows) {
		err = agent.ErrNotFound
	}
	return r, err
}

// checkRule returns agent.Problems if there is no such account or if another rule has the address, or the MAC without an address.
func checkRule(ctx context.Context, tx *sql.Tx, r agent.AuthRule) error {
	if _, err := findUser(ctx, tx, r.UserID); errors.Is(err, agent.ErrNotFound) {
		return agent.Problems{{Field: "user_id", Code: "field_rule_user"}}
	} else if err != nil {
		return err
	}
	problem := agent.Problem{Field: "ip", Code: "field_rule_address_taken"}
	query, value := `address = $1`, addrText(r.Address)
	if value == "" {
		problem = agent.Problem{Field: "mac", Code: "field_rule_mac_taken"}
		query, value = `address = '' AND mac = $1`, r.MAC
	}
	err := tx.QueryRowContext(ctx, `SELECT users.login FROM auth_rules JOIN users ON users.id = user_id
		WHERE `+query+` AND auth_rules.id <> $2`, value, int64(r.ID)).Scan(&problem.Value)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return agent.Problems{problem}
}
