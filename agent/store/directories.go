package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Directory is a directory as it is stored.
type Directory struct {
	agent.DirectorySettings        // without the password and the keytab
	Secret                  string // the encrypted password of the search account; empty = none
	SealedKeytab            string // the encrypted keytab; empty = none
}

// Directories returns the directories on the network, ordered by name.
func (s *Store) Directories(ctx context.Context) (list []Directory, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		list, err = listDirectories(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the directories: %w", err)
	}
	return list, nil
}

// SaveDirectory adds a directory (ID zero) or changes one, and returns its ID. The name of a directory, its keytab and the facts that
// SetDirectoryFacts stores stay as they are. The first directory becomes the default; of several only the one saved last stays
// the default. seal encrypts the password for the ID; without it the stored password stays. Errors: agent.ErrNotFound, those of
// seal.
func (s *Store) SaveDirectory(ctx context.Context, d agent.DirectorySettings, seal func(agent.DirectoryID) (string, error)) (id agent.DirectoryID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		id, err = saveDirectory(ctx, tx, d, seal)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("save directory %s: %w", d.Name, err)
	}
	return id, nil
}

// SetKeytab stores the encrypted keytab of a directory; an empty one removes it. Errors: agent.ErrNotFound.
func (s *Store) SetKeytab(ctx context.Context, id agent.DirectoryID, sealed string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return changeOne(tx.ExecContext(ctx, `UPDATE directories SET keytab = $1 WHERE id = $2`, sealed, int64(id)))
	})
	if err != nil {
		return fmt.Errorf("save the keytab of directory %d: %w", id, err)
	}
	return nil
}

// SetDirectoryFacts stores what a directory says about itself: DirectorySettings.NetBIOS and UPNSuffixes. Errors:
// agent.ErrNotFound.
func (s *Store) SetDirectoryFacts(ctx context.Context, id agent.DirectoryID, netBIOS string, upnSuffixes []string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		d, err := findDirectory(ctx, tx, id)
		if err != nil {
			return err
		}
		d.NetBIOS, d.UPNSuffixes = netBIOS, upnSuffixes
		return writeDirectory(ctx, tx, d.DirectorySettings)
	})
	if err != nil {
		return fmt.Errorf("save the facts of directory %d: %w", id, err)
	}
	return nil
}

// DeleteDirectory deletes a directory with its accounts, each as DeleteUser does, and its groups, each as DeleteGroup does. It returns
// the deleted accounts, and the remaining ones whose RemoteAccess or AdminByGroups changed. Errors: agent.ErrNotFound.
func (s *Store) DeleteDirectory(ctx context.Context, id agent.DirectoryID) (deleted, changed []agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		deleted, changed, err = deleteDirectory(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("delete directory %d: %w", id, err)
	}
	return deleted, changed, nil
}

// listDirectories returns the directories with their TreeGroups.
func listDirectories(ctx context.Context, tx *sql.Tx) ([]Directory, error) {
	list, err := all(ctx, tx, scanDirectory, `SELECT `+directoryColumns+` FROM directories ORDER BY name`)
	if err != nil {
		return nil, err
	}
	groups, err := all(ctx, tx, scanGroup, `SELECT `+groupColumns+` FROM groups WHERE directory <> $1 ORDER BY member_id`, agent.LocalDirectory)
	for i := range list {
		for _, g := range groups {
			if g.Directory == list[i].Name {
				list[i].TreeGroups = append(list[i].TreeGroups, g.Member)
			}
		}
	}
	return list, err
}

func saveDirectory(ctx context.Context, tx *sql.Tx, d agent.DirectorySettings, seal func(agent.DirectoryID) (string, error)) (agent.DirectoryID, error) {
	if d.ID == 0 {
		err := tx.QueryRowContext(ctx, `INSERT INTO directories (name, is_default, settings, secret)
			VALUES ($1, NOT EXISTS (SELECT 1 FROM directories), '{}', '') RETURNING id, is_default OR $2`, d.Name, d.Default).Scan(&d.ID, &d.Default)
		if err != nil {
			return 0, err
		}
	}
	before, err := findDirectory(ctx, tx, d.ID)
	if err != nil {
		return 0, err
	}
	d.NetBIOS, d.UPNSuffixes = before.NetBIOS, before.UPNSuffixes
	if d.Default {
		if _, err := tx.ExecContext(ctx, `UPDATE directories SET is_default = FALSE WHERE id <> $1`, int64(d.ID)); err != nil {
			return 0, err
		}
	}
	if err := writeDirectory(ctx, tx, d); err != nil || seal == nil {
		return d.ID, err
	}
	secret, err := seal(d.ID)
	if err != nil {
		return 0, err
	}
	return d.ID, changeOne(tx.ExecContext(ctx, `UPDATE directories SET secret = $1 WHERE id = $2`, secret, int64(d.ID)))
}

func findDirectory(ctx context.Context, tx *sql.Tx, id agent.DirectoryID) (Directory, error) {
	return scanDirectory(tx.QueryRowContext(ctx, `SELECT `+directoryColumns+` FROM directories WHERE id = $1`, int64(id)))
}

func writeDirectory(ctx context.Context, tx *sql.Tx, d agent.DirectorySettings) error {
	value, err := json.Marshal(directoryFields(&d))
	if err != nil {
		return err
	}
	return changeOne(tx.ExecContext(ctx, `UPDATE directories SET is_default = $1, settings = $2 WHERE id = $3`,
		d.Default, string(value), int64(d.ID)))
}

func deleteDirectory(ctx context.Context, tx *sql.Tx, id agent.DirectoryID) (deleted, changed []agent.User, err error) {
	d, err := findDirectory(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	deleted, err = directoryUsers(ctx, tx, d.Name)
	if err != nil {
		return nil, nil, err
	}
	for _, u := range deleted {
		if err := deleteUser(ctx, tx, u.ID); err != nil {
			return nil, nil, err
		}
	}
	if err := deleteGroupsOf(ctx, tx, d.Name); err != nil {
		return nil, nil, err
	}
	if changed, err = inherit(ctx, tx, `in_groups <> ''`); err != nil {
		return nil, nil, err
	}
	return deleted, changed, changeOne(tx.ExecContext(ctx, `DELETE FROM directories WHERE id = $1`, int64(id)))
}

const directoryColumns = `id, name, is_default, settings, secret, keytab`

func scanDirectory(row scanner) (d Directory, err error) {
	var settings string
	err = row.Scan(&d.ID, &d.Name, &d.Default, &settings, &d.Secret, &d.SealedKeytab)
	if errors.Is(err, sql.ErrNoRows) {
		return d, agent.ErrNotFound
	}
	if err != nil {
		return d, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(settings), &values); err != nil {
		return d, fmt.Errorf("directory %s: %w", d.Name, err)
	}
	for key, field := range directoryFields(&d.DirectorySettings) {
		if value, ok := values[key]; ok {
			if err := json.Unmarshal(value, field); err != nil {
				return d, fmt.Errorf("directory %s: %s: %w", d.Name, key, err)
			}
		}
	}
	return d, nil
}

// directoryFields names the fields of a directory that are JSON in the column settings. A key is never renamed; a
// new field needs no migration.
func directoryFields(d *agent.DirectorySettings) map[string]any {
	return map[string]any{
		"kind":            &d.Kind,
		"dns":             (*[]netip.Addr)(&d.DNS),
		"controllers":     &d.Controllers,
		"transport":       &d.Transport,
		"tls_name":        &d.TLSName,
		"ca":              &d.CA,
		"user":            &d.User,
		"bases":           &d.Bases,
		"login_groups":    &d.LoginGroups,
		"remote_groups":   &d.RemoteGroups,
		"lockout_limit":   &d.LockoutLimit,
		"lockout_window":  (*duration)(&d.LockoutWindow),
		"check_interval":  (*duration)(&d.CheckInterval),
		"computer_name":   &d.ComputerName,
		"password_change": &d.PasswordChange,
		"netbios":         &d.NetBIOS,
		"upn_suffixes":    &d.UPNSuffixes,
	}
}

// DirectoryUser returns the account of a person of a directory. Errors: agent.ErrNotFound.
func (s *Store) DirectoryUser(ctx context.Context, directory, guid string) (user agent.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		user, err = findDirectoryUser(ctx, tx, directory, guid)
		return err
	})
	if err != nil {
		return agent.User{}, fmt.Errorf("read the account of %s in %s: %w", guid, directory, err)
	}
	return user, nil
}

// DirectoryUserByLogin returns the stored account of a directory that has a login. After people swapped their logins, several
// accounts may have it for a time; the one that was stored with it last is returned. Errors:
// agent.ErrNotFound.
func (s *Store) DirectoryUserByLogin(ctx context.Context, directory, login string) (user agent.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		user, err = findDirectoryLogin(ctx, tx, directory, login)
		return err
	})
	if err != nil {
		return agent.User{}, fmt.Errorf("read an account of %s: %w", directory, err) // without the login: people type passwords there
	}
	return user, nil
}

// DirectoryUsers returns the accounts of a directory.
func (s *Store) DirectoryUsers(ctx context.Context, directory string) (users []agent.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		users, err = directoryUsers(ctx, tx, directory)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the accounts of %s: %w", directory, err)
	}
	return users, nil
}

// SaveDirectoryUser adds or updates the account of a person whose password was right. A new account is enabled, and its
// remote access follows the groups. A PasswordExpires that moved by less than a minute stays as it was, so that a computed one
// causes no write at each login. Errors: agent.ErrNotFound when there is no such directory.
func (s *Store) SaveDirectoryUser(ctx context.Context, p agent.DirectoryPerson) (user agent.User, err error) {
	if user, err := s.unchangedDirectoryUser(ctx, p); err == nil {
		return user, nil
	}
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		user, err = saveDirectoryUser(ctx, tx, p)
		return err
	})
	if err != nil {
		return agent.User{}, fmt.Errorf("save the account of %s in %s: %w", p.GUID, p.Directory, err)
	}
	return user, nil
}

// unchangedDirectoryUser returns the account of a person if SaveDirectoryUser would change nothing, as after most logins. It reads no
// groups: what follows from them is stored.
func (s *Store) unchangedDirectoryUser(ctx context.Context, p agent.DirectoryPerson) (user agent.User, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		if user, err = findDirectoryUser(ctx, tx, p.Directory, p.GUID); err != nil {
			return err
		}
		byLogin, err := findDirectoryLogin(ctx, tx, p.Directory, p.Login)
		now := loggedIn(user, p)
		now.RemoteAccess = user.RemoteAccess
		if err == nil && (byLogin.ID != user.ID || !reflect.DeepEqual(now, user)) {
			err = errors.New("changed")
		}
		return err
	})
	return user, err
}

// loggedIn returns an account as a login of the person changes it.
func loggedIn(u agent.User, p agent.DirectoryPerson) agent.User {
	before := u.PasswordExpires
	u = u.Updated(p)
	slices.Sort(u.DirectoryGroups)
	if before.Sub(u.PasswordExpires).Abs() < time.Minute {
		u.PasswordExpires = before
	}
	return u
}

// SaveDirectoryUsers writes what a check of a directory has found about accounts: login, name, phone, Refused, RemoteInDirectory and
// DirectoryGroups, and what follows from these. It skips accounts that were deleted meanwhile or belong to another person now.
func (s *Store) SaveDirectoryUsers(ctx context.Context, changed []agent.User) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return saveDirectoryUsers(ctx, tx, changed) })
	if err != nil {
		return fmt.Errorf("save the accounts of a directory: %w", err)
	}
	return nil
}

func saveDirectoryUsers(ctx context.Context, tx *sql.Tx, changed []agent.User) error {
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return err
	}
	for _, u := range changed {
		before, err := findDirectoryUser(ctx, tx, u.Directory, u.GUID)
		if errors.Is(err, agent.ErrNotFound) || err == nil && before.ID != u.ID {
			continue
		}
		if err == nil {
			now := before.Updated(agent.DirectoryPerson{Login: u.Login, Name: u.Name, Phone: u.Phone, Refused: u.Refused,
				Remote: u.RemoteInDirectory, Groups: u.DirectoryGroups})
			_, err = updateUser(ctx, tx, tree, before, now)
		}
		if err == nil && u.Login != before.Login {
			err = noteLogin(ctx, tx, u.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ConvertToDirectory makes a local account that of a person of a directory. It keeps its id, group, rights, chosen remote access, devices,
// phone and comment, and loses its password and its resume tokens. An account that the person has there already is deleted as DeleteUser
// does, and its devices go to the converted one; merged is its id, or zero. Errors: agent.ErrNotFound when there is no such local
// account or no such directory, agent.ErrAdministratorIsLocal.
func (s *Store) ConvertToDirectory(ctx context.Context, id agent.UserID, p agent.DirectoryPerson) (merged agent.UserID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		merged, err = convertToDirectory(ctx, tx, id, p)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("convert user %d to an account of %s: %w", id, p.Directory, err)
	}
	return merged, nil
}

func findDirectoryUser(ctx context.Context, tx *sql.Tx, directory, guid string) (agent.User, error) {
	return scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE directory = $1 AND guid = $2 AND guid <> ''`,
		directory, guid))
}

func findDirectoryLogin(ctx context.Context, tx *sql.Tx, directory, login string) (agent.User, error) {
	return scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users
		WHERE directory = $1 AND login_norm = $2 AND guid <> '' ORDER BY login_seen DESC, id DESC LIMIT 1`,
		directory, spelling.Login(login)))
}

func directoryUsers(ctx context.Context, tx *sql.Tx, directory string) ([]agent.User, error) {
	return all(ctx, tx, func(row scanner) (agent.User, error) { return scanUser(row) },
		`SELECT `+userColumns+` FROM users WHERE directory = $1 AND guid <> '' ORDER BY id`, directory)
}

func saveDirectoryUser(ctx context.Context, tx *sql.Tx, p agent.DirectoryPerson) (agent.User, error) {
	if err := checkDirectoryExists(ctx, tx, p.Directory); err != nil {
		return agent.User{}, err
	}
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return agent.User{}, err
	}
	u, err := findDirectoryUser(ctx, tx, p.Directory, p.GUID)
	if errors.Is(err, agent.ErrNotFound) {
		u = agent.User{Directory: p.Directory, GUID: p.GUID, Enabled: true, RemoteByGroups: true}
		u.ID, err = createUser(ctx, tx, tree, loggedIn(u, p), "")
	} else if err == nil {
		_, err = updateUser(ctx, tx, tree, u, loggedIn(u, p))
	}
	if err != nil {
		return agent.User{}, err
	}
	if err := noteLogin(ctx, tx, u.ID); err != nil {
		return agent.User{}, err
	}
	now, err := findUser(ctx, tx, u.ID)
	if err == nil && now.AdminByGroups != u.AdminByGroups {
		err = addActs(ctx, tx, []agent.Act{agent.AdministratorByGroup(u, now, time.Now())})
	}
	return now, err
}

// noteLogin records that the account has its login now, for findDirectoryLogin.
func noteLogin(ctx context.Context, tx *sql.Tx, id agent.UserID) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET login_seen = $1 WHERE id = $2`, micros(time.Now()), int64(id))
	return err
}

func convertToDirectory(ctx context.Context, tx *sql.Tx, id agent.UserID, p agent.DirectoryPerson) (merged agent.UserID, err error) {
	if err := checkDirectoryExists(ctx, tx, p.Directory); err != nil {
		return 0, err
	}
	u, err := findUser(ctx, tx, id)
	switch {
	case err != nil:
		return 0, err
	case !u.Local():
		return 0, agent.ErrNotFound
	case u.Administrator():
		return 0, agent.ErrAdministratorIsLocal
	}
	other, err := findDirectoryUser(ctx, tx, p.Directory, p.GUID)
	if err == nil {
		merged, err = other.ID, mergeUser(ctx, tx, other.ID, id)
	}
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return 0, err
	}
	err = changeOne(tx.ExecContext(ctx, `UPDATE users SET directory = $1, guid = $2, hash = '' WHERE id = $3`,
		p.Directory, p.GUID, int64(id)))
	if err != nil {
		return 0, err
	}
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return 0, err
	}
	u.Directory, u.GUID = p.Directory, p.GUID
	if _, err := updateUser(ctx, tx, tree, u, loggedIn(u, p)); err != nil {
		return 0, err
	}
	if err := noteLogin(ctx, tx, id); err != nil {
		return 0, err
	}
	return merged, voidResume(ctx, tx, id)
}

// mergeUser gives the devices of an account to another one and deletes the account.
func mergeUser(ctx context.Context, tx *sql.Tx, from, into agent.UserID) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO devices (user_id, device_id, seen, host, connected)
		SELECT $1, device_id, seen, host, connected FROM devices WHERE user_id = $2
		ON CONFLICT (user_id, device_id) DO UPDATE SET seen = excluded.seen, host = excluded.host, connected = excluded.connected
			WHERE excluded.seen > devices.seen`, int64(into), int64(from))
	if err != nil {
		return err
	}
	if err := forgetDevices(ctx, tx, into); err != nil {
		return err
	}
	return deleteUser(ctx, tx, from)
}

func checkDirectoryExists(ctx context.Context, tx *sql.Tx, name string) error {
	var exists bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM directories WHERE name = $1)`, name).Scan(&exists)
	if err == nil && !exists {
		return agent.ErrNotFound
	}
	return err
}
