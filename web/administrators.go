package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/store"
)

// CreateAdministrator makes a local administrator in a data directory, which may be empty. The password is the first
// line of in.
func CreateAdministrator(ctx context.Context, dir, login string, in io.Reader) error {
	u := agent.User{Login: strings.TrimSpace(login), Directory: agent.LocalDirectory, Enabled: true, Admin: true, Created: time.Now()}
	if p := agent.CheckLogin(u.Login); p.Code != "" {
		return fmt.Errorf("login %q: %w", login, p)
	}
	return withPassword(ctx, dir, in, func(db *store.Store, hash string) error {
		_, err := db.CreateUser(ctx, u, hash)
		if errors.Is(err, agent.ErrLoginTaken) {
			return fmt.Errorf("login %q is taken; to give it a new password use: ideco-portal admin reset --login %s", login, login)
		}
		return err
	})
}

// ResetAdministrator gives a local account a new password, the first line of in, switches it on, makes it an
// administrator and signs its browsers out.
func ResetAdministrator(ctx context.Context, dir, login string, in io.Reader) error {
	return withPassword(ctx, dir, in, func(db *store.Store, hash string) error {
		u, _, err := db.LocalAccount(ctx, login)
		if errors.Is(err, agent.ErrNotFound) {
			return fmt.Errorf("there is no account %q; to make it use: ideco-portal admin create --login %s", login, login)
		}
		if err != nil {
			return err
		}
		_, err = db.UpdateUser(ctx, u.ID, func(u *agent.User) error {
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
		return db.EndBrowserSessions(ctx, u.ID, "")
	})
}

// withPassword reads and checks a password and opens the database for what is to be done with its hash.
func withPassword(ctx context.Context, dir string, in io.Reader, do func(*store.Store, string) error) error {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password from standard input: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if p := agent.CheckPassword(password); p.Code != "" {
		return fmt.Errorf("the password on standard input must have %d characters at least and %d bytes at most",
			agent.MinPassword, agent.MaxPassword)
	}
	hash, err := directory.Hash(ctx, password)
	if err != nil {
		return err
	}
	database, err := openData(dir)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db, hash)
}
