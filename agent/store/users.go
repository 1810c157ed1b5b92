package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// LocalAccount returns the local account that a login means as typed, and the hash of its password, which is empty when it
// has none. Spellings are equal by the rules of the package spelling and no others: the throttle counts unknown logins by these
// rules, and a difference would reveal which logins exist. Where several accounts are equal, see LookAlikes, the exact spelling
// wins, then the same in another case, then the oldest account. Errors: agent.ErrNotFound.
func (s *Store) LocalAccount(ctx context.Context, login string) (user agent.User, hash string, err error) {
	login = strings.TrimSpace(login)
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		row := tx.QueryRowContext(ctx, `SELECT `+userColumns+`, hash FROM users WHERE directory = $1 AND login_norm = $2
			ORDER BY login = $4 DESC, login_key = $3 DESC, id LIMIT 1`,
			agent.LocalDirectory, spelling.Login(login), loginKey(login), login)
		user, err = scanUser(row, &hash)
		return err
	})
	if err != nil {
		return agent.User{}, "", fmt.Errorf("read a local account: %w", err) // without the login: people type passwords there
	}
	return user, hash, nil
}

// LookAlikes returns the local accounts whose logins are equal by the rules of the package spelling to that of another one, one
// group after the other. CreateUser and UpdateUser make none; they are from versions of the program that compared the code
// points. Therefore a store that has none will never have any, and is asked only once.
func (s *Store) LookAlikes(ctx context.Context) (users []agent.User, err error) {
	if s.noLookAlikes.Load() {
		return nil, nil
	}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		users, err = all(ctx, tx, func(row scanner) (agent.User, error) { return scanUser(row) },
			`SELECT `+userColumns+` FROM users WHERE directory = $1 AND login_norm IN
				(SELECT login_norm FROM users WHERE directory = $1 GROUP BY login_norm HAVING count(*) > 1)
			ORDER BY login_norm, id`, agent.LocalDirectory)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for accounts with equal logins: %w", err)
	}
	s.noLookAlikes.Store(len(users) == 0)
	return users, nil
}

// User returns an account.
func (s *Store) User(ctx context.Context, id agent.UserID) (user agent.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		user, err = findUser(ctx, tx, id)
		return err
	})
	if err != nil {
		return agent.User{}, fmt.Errorf("read user %d: %w", id, err)
	}
	return user, nil
}

// CreateUser makes an account and returns its new id; user.ID is not looked at. What follows from groups is computed, see
// GroupTree.Inherit. hash is the argon2id hash of the password, or empty. Errors: agent.ErrLoginTaken, agent.ErrNotFound when there is
// no such group.
func (s *Store) CreateUser(ctx context.Context, user agent.User, hash string) (id agent.UserID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		tree, err := groupTree(ctx, tx)
		if err == nil {
			id, err = createUser(ctx, tx, tree, user, hash)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("create user %q: %w", user.Login, err)
	}
	return id, nil
}

// UpdateUser changes an account in one transaction and returns it. Its password, Directory, GUID, Created and LastLogin stay. An error of
// change leaves it as it was. If change sets another RemoteAccess and leaves RemoteByGroups alone, RemoteByGroups becomes false. What
// follows from groups is computed anew. Errors: agent.ErrNotFound, also when there is no such group, agent.ErrLoginTaken,
// agent.ErrLastAdministrator.
func (s *Store) UpdateUser(ctx context.Context, id agent.UserID, change func(*agent.User) error) (user agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if user, err = findUser(ctx, tx, id); err != nil {
			return err
		}
		before := user
		if err := change(&user); err != nil {
			return err
		}
		user.ID = id
		if user.RemoteAccess != before.RemoteAccess && user.RemoteByGroups == before.RemoteByGroups {
			user.RemoteByGroups = false
		}
		tree, err := groupTree(ctx, tx)
		if err != nil {
			return err
		}
		return keepAdministrator(ctx, tx, func() error {
			user, err = updateUser(ctx, tx, tree, before, user)
			return err
		})
	})
	if err != nil {
		return agent.User{}, fmt.Errorf("update user %d: %w", id, err)
	}
	return user, nil
}

// SetPassword sets the argon2id hash of an account's password; MustChange stays, and sessions go on until the caller ends them.
// Errors: agent.ErrNotFound, agent.ErrLastAdministrator for an empty hash.
func (s *Store) SetPassword(ctx context.Context, id agent.UserID, hash string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return keepAdministrator(ctx, tx, func() error {
			return changeOne(tx.ExecContext(ctx, `UPDATE users SET hash = $1 WHERE id = $2`, hash, int64(id)))
		})
	})
	if err != nil {
		return fmt.Errorf("set the password of user %d: %w", id, err)
	}
	return nil
}

// RenewHash replaces the hash of a password by another one of the same password. Where the hash is no longer old, because the
// password was changed meanwhile or the account is gone, it does nothing.
func (s *Store) RenewHash(ctx context.Context, id agent.UserID, old, renewed string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE users SET hash = $1 WHERE id = $2 AND hash = $3`, renewed, int64(id), old)
		return err
	})
	if err != nil {
		return fmt.Errorf("renew the hash of user %d: %w", id, err)
	}
	return nil
}

// ChangePassword replaces the hash of a password by that of another one and clears MustChange. Errors: agent.ErrNotFound when the hash is
// no longer former, because the password was changed meanwhile or the account is gone.
func (s *Store) ChangePassword(ctx context.Context, id agent.UserID, former, hash string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `UPDATE users SET hash = $1, must_change = FALSE WHERE id = $2 AND hash = $3 AND hash <> ''`,
			hash, int64(id), former))
	})
	if err != nil {
		return fmt.Errorf("change the password of user %d: %w", id, err)
	}
	return nil
}

// RememberLogin sets User.LastLogin. Errors: agent.ErrNotFound.
func (s *Store) RememberLogin(ctx context.Context, id agent.UserID, at time.Time) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `UPDATE users SET last_login = $1 WHERE id = $2`, micros(at), int64(id)))
	})
	if err != nil {
		return fmt.Errorf("remember the login of user %d: %w", id, err)
	}
	return nil
}

// SetRemoteAccess sets the flag «Разрешить удалённый доступ через VPN» and clears RemoteByGroups. Errors: agent.ErrNotFound.
func (s *Store) SetRemoteAccess(ctx context.Context, id agent.UserID, allowed bool) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `UPDATE users SET remote_access = $1, remote_by_groups = FALSE WHERE id = $2`, allowed, int64(id)))
	})
	if err != nil {
		return fmt.Errorf("set the remote access of user %d: %w", id, err)
	}
	return nil
}

// DeleteUser deletes an account with its devices and browser sessions. The journal keeps its sessions; those that
// are open there end with agent.ReasonDisabled, and none can be resumed. Errors: agent.ErrNotFound,
// agent.ErrLastAdministrator.
func (s *Store) DeleteUser(ctx context.Context, id agent.UserID) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return keepAdministrator(ctx, tx, func() error { return deleteUser(ctx, tx, id) })
	})
	if err != nil {
		return fmt.Errorf("delete user %d: %w", id, err)
	}
	return nil
}

// CountRemoteAccess counts the accounts that may come in through the VPN now.
func (s *Store) CountRemoteAccess(ctx context.Context) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM users WHERE enabled AND refused = '' AND remote_access`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the users with remote access: %w", err)
	}
	return n, nil
}

const userColumns = `id, login, name, directory, enabled, admin, remote_access, phone, comment, created,
	guid, refused, remote_by_groups, group_id, rights, admin_by_groups, must_change, last_login, remote_in_directory, password_expires,
	directory_groups`

func scanUser(row scanner, more ...any) (u agent.User, err error) {
	into := append([]any{&u.ID, &u.Login, &u.Name, &u.Directory, &u.Enabled, &u.Admin, &u.RemoteAccess, &u.Phone,
		&u.Comment, timeColumn{&u.Created}, &u.GUID, &u.Refused, &u.RemoteByGroups, &u.Group, rightsColumn{&u.Rights}, &u.AdminByGroups,
		&u.MustChange, timeColumn{&u.LastLogin}, &u.RemoteInDirectory, timeColumn{&u.PasswordExpires}, wordsColumn{&u.DirectoryGroups}}, more...)
	if err = row.Scan(into...); errors.Is(err, sql.ErrNoRows) {
		err = agent.ErrNotFound
	}
	return u, err
}

func findUser(ctx context.Context, tx *sql.Tx, id agent.UserID) (agent.User, error) {
	return scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, int64(id)))
}

func createUser(ctx context.Context, tx *sql.Tx, tree agent.GroupTree, u agent.User, hash string) (id agent.UserID, err error) {
	if u.Created.IsZero() {
		u.Created = time.Now()
	}
	if err := checkLoginFree(ctx, tx, u, 0); err != nil {
		return 0, err
	}
	if err := checkGroupExists(tree, u.Group); err != nil {
		return 0, err
	}
	rights, err := rightsText(u.Rights)
	if err != nil {
		return 0, err
	}
	u = tree.Inherit(u)
	err = tx.QueryRowContext(ctx, `INSERT INTO users (login, login_key, login_norm, name, search, directory, hash, enabled, admin,
			remote_access, phone, comment, created, guid, refused, remote_by_groups,
			group_id, rights, admin_by_groups, must_change, remote_in_directory, password_expires, directory_groups, in_groups, name_fold)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) RETURNING id`,
		u.Login, accountKey(u), spelling.Login(u.Login), u.Name, searchText(u), u.Directory, hash, u.Enabled, u.Admin,
		u.RemoteAccess, u.Phone, u.Comment, micros(u.Created), u.GUID, string(u.Refused), u.RemoteByGroups,
		int64(u.Group), rights, u.AdminByGroups, u.MustChange && u.Local(), u.RemoteInDirectory, micros(u.PasswordExpires),
		strings.Join(u.DirectoryGroups, " "), inGroups(tree, u), fold(u.Name)).Scan(&id)
	return id, err
}

// updateUser changes the account before to u and returns it. An unchanged login may equal that of another account.
func updateUser(ctx context.Context, tx *sql.Tx, tree agent.GroupTree, before, u agent.User) (agent.User, error) {
	u.ID, u.Directory, u.GUID, u.Created, u.LastLogin = before.ID, before.Directory, before.GUID, before.Created, before.LastLogin
	if u.Login != before.Login {
		if err := checkLoginFree(ctx, tx, u, u.ID); err != nil {
			return u, err
		}
	}
	if u.Group != before.Group {
		if err := checkGroupExists(tree, u.Group); err != nil {
			return u, err
		}
	}
	rights, err := rightsText(u.Rights)
	if err != nil {
		return u, err
	}
	u = tree.Inherit(u)
	u.MustChange = u.MustChange && u.Local()
	return u, changeOne(tx.ExecContext(ctx, `UPDATE users SET login = $1, login_key = $2, login_norm = $3, name = $4, search = $5,
			enabled = $6, admin = $7, remote_access = $8, phone = $9, comment = $10, refused = $11, remote_by_groups = $12,
			group_id = $13, rights = $14, admin_by_groups = $15, must_change = $16, remote_in_directory = $17, password_expires = $18,
			directory_groups = $19, in_groups = $20, name_fold = $21
		WHERE id = $22`,
		u.Login, accountKey(u), spelling.Login(u.Login), u.Name, searchText(u), u.Enabled, u.Admin, u.RemoteAccess, u.Phone,
		u.Comment, string(u.Refused), u.RemoteByGroups,
		int64(u.Group), rights, u.AdminByGroups, u.MustChange, u.RemoteInDirectory, micros(u.PasswordExpires),
		strings.Join(u.DirectoryGroups, " "), inGroups(tree, u), fold(u.Name), int64(u.ID)))
}

// checkLoginFree reports agent.ErrLoginTaken when another account than except has the login in some spelling. Accounts with a
// GUID may have equal logins: the gateway hears of a swap for one person first and for the other later.
func checkLoginFree(ctx context.Context, tx *sql.Tx, u agent.User, except agent.UserID) error {
	if u.GUID != "" {
		return nil
	}
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE directory = $1 AND login_norm = $2 AND id <> $4)
		OR EXISTS (SELECT 1 FROM users WHERE directory = $1 AND login_key = $3 AND id <> $4)`, // one OR of both would search all
		u.Directory, spelling.Login(u.Login), loginKey(u.Login), int64(except)).Scan(&taken)
	if err == nil && taken {
		return agent.ErrLoginTaken
	}
	return err
}

// accountKey is the column login_key, which is unique within a directory.
func accountKey(u agent.User) string {
	if u.GUID != "" {
		return "guid:" + u.GUID
	}
	return loginKey(u.Login)
}

// loginKey is the rule by which earlier versions compared logins.
func loginKey(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

func deleteUser(ctx context.Context, tx *sql.Tx, id agent.UserID) error {
	if err := changeOne(tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, int64(id))); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE sessions SET ended = $1, reason = $2 WHERE user_id = $3 AND ended = 0`,
		micros(time.Now()), string(agent.ReasonDisabled), int64(id))
	if err != nil {
		return err
	}
	return voidResume(ctx, tx, id)
}

// changeOne turns a statement that found nothing to change into agent.ErrNotFound.
func changeOne(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return agent.ErrNotFound
	}
	return err
}
