package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Another process may be doing the same (a gateway that starts while an
// administrator is made on the command line); then the steps that it has taken fail here and are looked at again.
func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	for range len(provider.ListSources()) + 1 {
		if done, err := upToDate(ctx, provider); done || err != nil {
			return err
		}
		if _, err = provider.Up(ctx); err != nil {
			err = fmt.Errorf("bring the schema up to date: %w", err)
			if done, _ := upToDate(ctx, provider); !done {
				return err
			}
		}
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

func upToDate(ctx context.Context, provider *goose.Provider) (bool, error) {
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("read the version of the schema: %w", err)
	}
	if has > knows {
		return false, fmt.Errorf("its schema has version %d and this program knows versions up to %d: "+
			"a newer version of the program has used it; run that version, or restore a backup from before the update", has, knows)
	}
	return has == knows, nil
}
