package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ideco-agent/agent"
)

// HasAdministrator reports whether an enabled local account with a password is an administrator by itself. Administrators by a group do
// not count, so that no change of groups or of a directory can leave the gateway without any.
func (s *Store) HasAdministrator(ctx context.Context) (has bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		has, err = hasAdministrator(ctx, tx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for an administrator: %w", err)
	}
	return has, nil
}

// LastAdministrator reports whether an account is the only one that counts for HasAdministrator.
func (s *Store) LastAdministrator(ctx context.Context, id agent.UserID) (last bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) = 1 AND MIN(id) = $1 FROM users
			WHERE admin AND enabled AND hash <> '' AND directory = $2`, id, agent.LocalDirectory).Scan(&last)
	})
	if err != nil {
		return false, fmt.Errorf("look for another administrator than %d: %w", id, err)
	}
	return last, nil
}

// CreateFirstAdministrator makes an enabled local account with the role, and only when nobody can administer yet: of
// two that try at the same time one succeeds. Errors: agent.ErrAdministratorExists, agent.ErrLoginTaken.
func (s *Store) CreateFirstAdministrator(ctx context.Context, user agent.User, hash string) (id agent.UserID, err error) {
	user.Directory, user.Enabled, user.Admin = agent.LocalDirectory, true, true
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if hash == "" {
			return errors.New("no password")
		}
		if has, err := hasAdministrator(ctx, tx); err != nil {
			return err
		} else if has {
			return agent.ErrAdministratorExists
		}
		tree, err := groupTree(ctx, tx)
		if err == nil {
			id, err = createUser(ctx, tx, tree, user, hash)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("create the first administrator %q: %w", user.Login, err)
	}
	return id, nil
}

// keepAdministrator runs change and refuses it when it takes away the last administrator. A gateway that never had
// one may change.
func keepAdministrator(ctx context.Context, tx *sql.Tx, change func() error) error {
	had, err := hasAdministrator(ctx, tx)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if !had {
		return nil
	}
	if has, err := hasAdministrator(ctx, tx); err != nil || has {
		return err
	}
	return agent.ErrLastAdministrator
}

func hasAdministrator(ctx context.Context, tx *sql.Tx) (has bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users
		WHERE admin AND enabled AND hash <> '' AND directory = $1)`, agent.LocalDirectory).Scan(&has)
	return has, err
}
