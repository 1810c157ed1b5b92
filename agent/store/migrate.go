package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Another process may be doing the same (a gateway that starts while an
// administrator is made on the command line): a step that it has taken fails here, and the next ones are tried.
func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	for {
		has, knows, err := versions(ctx, provider)
		if has == knows || err != nil {
			return err
		}
		if _, err := provider.Up(ctx); err == nil {
			return nil
		} else if now, _, _ := versions(ctx, provider); now <= has {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
	}
}

// isUpToDate reports whether the schema needs no migration, and writes nothing into a database that has one.
func isUpToDate(ctx context.Context, db *sql.DB) (bool, error) {
	var tables int
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables)
	if err != nil || tables == 0 {
		return false, err
	}
	provider, err := newProvider(db)
	if err != nil {
		return false, err
	}
	has, knows, err := versions(ctx, provider)
	return has == knows, err
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithGoMigrations(goose.NewGoMigration(2, &goose.GoFunc{RunTx: addLoginNorm}, nil),
			goose.NewGoMigration(10, &goose.GoFunc{RunTx: addJournalPeople}, nil),
			goose.NewGoMigration(12, &goose.GoFunc{RunTx: addUsersList}, nil)),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// SchemaVersion returns the version of the schema, which is the one that the program knows.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	provider, err := newProvider(s.writer)
	if err != nil {
		return 0, err
	}
	has, _, err := versions(ctx, provider)
	return has, err
}

// versions returns the version of the schema, which is never higher than the one that the program knows.
func versions(ctx context.Context, provider *goose.Provider) (has, knows int64, err error) {
	has, knows, err = provider.GetVersions(ctx)
	if err != nil {
		return 0, knows, fmt.Errorf("read the version of the schema: %w", err)
	}
	if has > knows {
		return 0, knows, fmt.Errorf("its schema has version %d and this program knows versions up to %d: %w", has, knows, ErrNewer)
	}
	return has, knows, nil
}

// addLoginNorm is step 2. It adds the column login_norm, in which all spellings of a login are equal (see the package
// spelling), and writes the column search anew, so that it finds all of them. login_norm is not UNIQUE, because accounts from
// before may be equal; createUser and updateUser make no more of them.
func addLoginNorm(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `ALTER TABLE users ADD COLUMN login_norm TEXT NOT NULL DEFAULT ''`); err != nil {
		return err
	}
	users, err := all(ctx, tx, func(row scanner) (u agent.User, err error) {
		err = row.Scan(&u.ID, &u.Login, &u.Name)
		return u, err
	}, `SELECT id, login, name FROM users`)
	if err != nil {
		return err
	}
	for _, u := range users {
		_, err := tx.ExecContext(ctx, `UPDATE users SET login_norm = $1, search = $2 WHERE id = $3`,
			spelling.Login(u.Login), searchText(u), int64(u.ID))
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `DROP INDEX users_by_login; CREATE INDEX users_by_login_norm ON users (login_norm, id)`)
	return err
}

// addUsersList is step 12. It adds the column name_fold, by which accounts are sorted, and the index users_list. A page of the list of
// accounts is found in the index alone: it has all columns that UserFilter selects and sorts by.
func addUsersList(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `ALTER TABLE users ADD COLUMN name_fold TEXT NOT NULL DEFAULT ''`); err != nil {
		return err
	}
	users, err := all(ctx, tx, func(row scanner) (u agent.User, err error) {
		err = row.Scan(&u.ID, &u.Name)
		return u, err
	}, `SELECT id, name FROM users WHERE name <> ''`)
	if err != nil {
		return err
	}
	for _, u := range users {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET name_fold = $1 WHERE id = $2`, fold(u.Name), int64(u.ID)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `
		CREATE INDEX users_by_name ON users (name_fold, login_norm, id);
		CREATE INDEX users_by_last_login ON users (last_login, login_norm, id);
		CREATE INDEX users_by_created ON users (created, login_norm, id);
		CREATE INDEX users_list ON users (login_norm, id, name_fold, search, directory, in_groups, remote_access, admin, admin_by_groups,
			enabled, refused, must_change, last_login, created)`)
	return err
}
