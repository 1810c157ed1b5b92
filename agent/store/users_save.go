package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"time"

	"ideco-agent/agent"
)

// SaveUsers makes new accounts, whose ID is zero, and changes others, all in one transaction. It returns the accounts as they are
// stored. Of an existing account only what an administrator may change is written: not Refused, RemoteInDirectory, DirectoryGroups and
// PasswordExpires, nor login, name and phone of an account of a directory. RemoteAccess counts only without RemoteByGroups. An error is
// an *agent.ImportError, with the causes agent.ErrLoginTaken, agent.ErrLastAdministrator, agent.ErrNotFound when there is no such account
// or group, and agent.ErrAccountChanged when what an administrator may change differs from Before, or when a group that was changed since
// makes the account an administrator; then nothing is written.
func (s *Store) SaveUsers(ctx context.Context, list []agent.ImportedUser) (saved []agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		saved, err = saveUsers(ctx, tx, list)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("save %d users: %w", len(list), err)
	}
	return saved, nil
}

func saveUsers(ctx context.Context, tx *sql.Tx, list []agent.ImportedUser) (saved []agent.User, err error) {
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return nil, err
	}
	left := 0 // the last one that administers no longer
	err = keepAdministrator(ctx, tx, func() error {
		for i, one := range list {
			was, is, err := saveImported(ctx, tx, tree, one)
			if err != nil {
				return &agent.ImportError{Index: i, Err: err}
			}
			if was.Admin && was.Enabled && !(is.Admin && is.Enabled) {
				left = i
			}
			saved = append(saved, is)
		}
		return nil
	})
	if errors.Is(err, agent.ErrLastAdministrator) {
		err = &agent.ImportError{Index: left, Err: err}
	}
	return saved, err
}

// saveImported saves one account. It returns it as it was, zero for a new one, and as it is.
func saveImported(ctx context.Context, tx *sql.Tx, tree agent.GroupTree, one agent.ImportedUser) (was, is agent.User, err error) {
	if one.ID == 0 {
		id, err := createUser(ctx, tx, tree, one.User, one.Hash)
		if err != nil {
			return was, is, err
		}
		if is, err = findUser(ctx, tx, id); err == nil && is.AdminByGroups && !one.AdminByGroups {
			err = agent.ErrAccountChanged
		}
		return was, is, err
	}
	if was, err = findUser(ctx, tx, one.ID); err != nil {
		return was, is, err
	}
	if !reflect.DeepEqual(chosen(was), chosen(one.Before)) {
		return was, is, agent.ErrAccountChanged
	}
	u := one.User
	u.Refused, u.RemoteInDirectory, u.DirectoryGroups, u.PasswordExpires = was.Refused, was.RemoteInDirectory, was.DirectoryGroups, was.PasswordExpires
	if !was.Local() {
		u.Login, u.Name, u.Phone = was.Login, was.Name, was.Phone
	}
	is, err = updateUser(ctx, tx, tree, was, u)
	if err == nil && is.AdminByGroups && !was.AdminByGroups && !one.AdminByGroups {
		err = agent.ErrAccountChanged
	}
	if err != nil || one.Hash == "" {
		return was, is, err
	}
	return was, is, changeOne(tx.ExecContext(ctx, `UPDATE users SET hash = $1 WHERE id = $2`, one.Hash, int64(one.ID)))
}

// chosen is an account without what no administrator chooses: what its directory, its groups and its logins say.
func chosen(u agent.User) agent.User {
	u.Created, u.LastLogin, u.AdminByGroups = time.Time{}, time.Time{}, false
	u.Refused, u.RemoteInDirectory, u.DirectoryGroups, u.PasswordExpires = "", false, nil, time.Time{}
	if u.RemoteByGroups {
		u.RemoteAccess = false
	}
	if !u.Local() {
		u.Login, u.Name, u.Phone = "", "", ""
	}
	return u
}
