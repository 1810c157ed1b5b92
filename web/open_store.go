package web

import (
	"context"
	"errors"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// openStore opens the database. Its errors are for a person at a terminal.
func openStore(ctx context.Context, path string) (*store.Store, error) {
	db, err := store.Open(ctx, path)
	var failed *store.OpenError
	if err == nil || !errors.As(err, &failed) {
		return db, err
	}
	switch failed.Trouble {
	case agent.StoreLocked:
		return nil, message("another process holds the database %s; end that process or try again", path)
	case agent.StoreDamaged:
		return nil, message("the database %s is damaged, or is not one of this program; restore it from a backup, or move it away to begin anew", path)
	case agent.StoreReadOnly:
		return nil, message("the database %s cannot be written; the file and its directory must be writable for the user that runs this program", path)
	case agent.StoreNoSpace:
		return nil, message("there is no room on the disk for the database %s; make room and try again", path)
	}
	if errors.Is(err, store.ErrNewer) {
		return nil, message("a newer version of the program has used the database %s; run that version, or restore a backup from before the update", path)
	}
	return nil, message("the database %s cannot be opened: %w", path, failed.Err)
}
