package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"ideco-agent/agent"
)

// SaveUsers makes new accounts, whose ID is zero, and changes others, all in one transaction. It returns the accounts as they are
// stored. Of an existing account only what an administrator may change is written: not
// Refused, RemoteInDirectory, DirectoryGroups and PasswordExpires, nor login, name and phone of an account of a directory. RemoteAccess
// counts only without RemoteByGroups. An error is an *agent.ImportError, with the causes agent.ErrLoginTaken, agent.ErrLastAdministrator,
// agent.ErrUserChanged, also when a changed group would make an administrator of an account, and agent.ErrNotFound when there is no such
// account or group; then nothing is written.
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
			err = agent.ErrUserChanged
		}
		return was, is, err
	}
	if was, err = findUser(ctx, tx, one.ID); err != nil {
		return was, is, err
	}
	if one.Before != nil && !reflect.DeepEqual(editable(*one.Before), editable(was)) {
		return was, is, agent.ErrUserChanged
	}
	u := one.User
	u.Refused, u.RemoteInDirectory, u.DirectoryGroups, u.PasswordExpires = was.Refused, was.RemoteInDirectory, was.DirectoryGroups, was.PasswordExpires
	if !was.Local() {
		u.Login, u.Name, u.Phone = was.Login, was.Name, was.Phone
	}
	is, err = updateUser(ctx, tx, tree, was, u)
	if err == nil && one.Before != nil && is.AdminByGroups && !was.AdminByGroups && !one.AdminByGroups {
		err = agent.ErrUserChanged
	}
	if err != nil || one.Hash == "" {
		return was, is, err
	}
	return was, is, changeOne(tx.ExecContext(ctx, `UPDATE users SET hash = $1 WHERE id = $2`, one.Hash, int64(one.ID)))
}

// editable returns the fields of an existing account that SaveUsers writes.
func editable(u agent.User) agent.User {
	fields := agent.User{Enabled: u.Enabled, Admin: u.Admin, Comment: u.Comment, Group: u.Group, Rights: u.Rights, MustChange: u.MustChange,
		RemoteByGroups: u.RemoteByGroups, RemoteAccess: u.RemoteAccess && !u.RemoteByGroups}
	if u.Local() {
		fields.Login, fields.Name, fields.Phone = u.Login, u.Name, u.Phone
	}
	return fields
}
