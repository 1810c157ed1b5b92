package store

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"time"

	"ideco-agent/agent"
)

// SaveUsers makes new accounts, whose ID is zero, and changes others, in one transaction: all or none. It returns the accounts as they
// are stored. Of an existing account it writes only what an administrator may change: not Refused, RemoteInDirectory, DirectoryGroups and
// PasswordExpires, nor login, name and phone of an account of a directory. RemoteAccess counts only without RemoteByGroups. Errors:
// agent.ErrLoginTaken, agent.ErrLastAdministrator, agent.ErrNotFound when there is no such account or group, and agent.ErrAccountChanged
// when what an administrator may change differs from Before, or when a group that was changed since makes the account an administrator.
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
	err = keepAdministrator(ctx, tx, func() error {
		for i, one := range list {
			u, err := saveImported(ctx, tx, tree, one)
			if err != nil {
				return fmt.Errorf("account %d: %w", i, err)
			}
			saved = append(saved, u)
		}
		return nil
	})
	return saved, err
}

// saveImported saves one account and returns it as it is stored.
func saveImported(ctx context.Context, tx *sql.Tx, tree agent.GroupTree, one agent.ImportedUser) (agent.User, error) {
	if one.ID == 0 {
		id, err := createUser(ctx, tx, tree, one.User, one.Hash)
		if err != nil {
			return agent.User{}, err
		}
		u, err := findUser(ctx, tx, id)
		if err == nil && u.AdminByGroups && !one.AdminByGroups {
			err = agent.ErrAccountChanged
		}
		return u, err
	}
	was, err := findUser(ctx, tx, one.ID)
	if err != nil {
		return agent.User{}, err
	}
	if !reflect.DeepEqual(chosen(was), chosen(one.Before)) {
		return agent.User{}, agent.ErrAccountChanged
	}
	u := one.User
	u.Refused, u.RemoteInDirectory, u.DirectoryGroups, u.PasswordExpires = was.Refused, was.RemoteInDirectory, was.DirectoryGroups, was.PasswordExpires
	if !was.Local() {
		u.Login, u.Name, u.Phone = was.Login, was.Name, was.Phone
	}
	u, err = updateUser(ctx, tx, tree, was, u)
	if err == nil && u.AdminByGroups && !was.AdminByGroups && !one.AdminByGroups {
		err = agent.ErrAccountChanged
	}
	if err != nil || one.Hash == "" {
		return u, err
	}
	return u, changeOne(tx.ExecContext(ctx, `UPDATE users SET hash = $1 WHERE id = $2`, one.Hash, int64(one.ID)))
}

// chosen returns an account with only what an administrator may change.
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
