package web

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
)

// MinPassword is the least number of characters of a new password.
const MinPassword = agent.MinPassword

// CreateAdministrator creates a local administrator in a data directory, which may be empty. It calls password only after
// the login was found valid.
func CreateAdministrator(ctx context.Context, dir, login string, password func() (string, error)) error {
	u := agent.User{Login: strings.TrimSpace(login), Directory: agent.LocalDirectory, Enabled: true, Admin: true, Created: time.Now()}
	if p := agent.CheckLogin(u.Login); p.Code != "" {
		return message("the login %q cannot be used: it needs 1 to %d characters, without spaces, control characters and \\ / @", login, agent.MaxLogin)
	}
	return withPassword(ctx, dir, password, func(db *store.Store, hash string) error {
		id, err := db.CreateUser(ctx, u, hash)
		if errors.Is(err, agent.ErrLoginTaken) {
			return message("the login %q is taken; to give it a new password use: ideco-portal --data %s admin reset --login %s", login, dir, login)
		}
		if err != nil {
			return err
		}
		u.ID = id
		if err := db.AddActs(ctx, handlers.CommandAct(agent.ActAccountCreated, agent.User{}, u)); err != nil {
			return message("administrator %s is made, but the audit log lacks it: %w", u.Login, err)
		}
		return nil
	})
}

// ResetAdministrator gives a local account a new password, enables it, makes it an administrator and signs its browsers
// out. The data directory must exist.
func ResetAdministrator(ctx context.Context, dir, login string, password func() (string, error)) error {
	if _, err := os.Stat(databaseIn(dir)); err != nil {
		return message("there is no gateway in %s; name its directory with --data", dir)
	}
	return withPassword(ctx, dir, password, func(db *store.Store, hash string) error {
		u, _, err := db.LocalAccount(ctx, login)
		if errors.Is(err, agent.ErrNotFound) {
			return message("there is no account %q; to make it use: ideco-portal --data %s admin create --login %s", login, dir, login)
		}
		if err != nil {
			return err
		}
		before := u
		u, err = db.UpdateUser(ctx, u.ID, func(u *agent.User) error {
			u.Enabled, u.Admin = true, true
			return nil
		})
		if err != nil {
			return err
		}
		if err := db.SetPassword(ctx, u.ID, hash); err != nil {
			return err
		}
		if err := db.VoidResume(ctx, u.ID); err != nil {
			return err
		}
		if err := db.EndBrowserSessions(ctx, u.ID, ""); err != nil {
			return err
		}
		if err := db.AddActs(ctx, handlers.CommandAct(agent.ActAdministratorReset, before, u)); err != nil {
			return message("administrator %s has the new password, but the audit log lacks it: %w", u.Login, err)
		}
		return nil
	})
}

// withPassword asks for a password, checks it, opens the database and passes both to do.
func withPassword(ctx context.Context, dir string, ask func() (string, error), do func(*store.Store, string) error) error {
	password, err := ask()
	if err != nil {
		return message("the password could not be read: %w", err)
	}
	if p := agent.CheckPassword(password); p.Code != "" {
		return message("the password must have %d characters at least and %d bytes at most",
			agent.MinPassword, agent.MaxPassword)
	}
	hash, err := directory.Hash(ctx, password)
	if err != nil {
		return err
	}
	database, err := openData(dir, NewLog(os.Stderr, "text", slog.LevelInfo))
	if err != nil {
		return err
	}
	db, err := openStore(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db, hash)
}
