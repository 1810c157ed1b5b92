package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
	"ideco-agent/agent/backup"
	"ideco-agent/agent/store"
	"ideco-agent/web/certs"
)

// A restore never leaves the data directory half old and half new, whenever the process ends:
//
//  1. The backup is decrypted and checked in the directory stagedDir. What is left of it after a crash is removed.
//  2. stagedDir is renamed to readyPrefix with the time. From here on the restore is finished by finishRestore, if need be at the next
//     start of the gateway or of an admin command.
//  3. The former files are moved to asidePrefix with the time. Then readyPrefix is renamed to applyPrefix.
//  4. The new files are moved to the data directory, and the empty directory is removed.
const (
	stagedDir   = "restore-new"
	readyPrefix = "restore-ready-"
	applyPrefix = "restore-apply-"
	asidePrefix = "before-restore-"
)

// asideTime is the format of the time in these names, in UTC.
const asideTime = "20060102-150405"

// RestoreKey is what decrypts a backup: a passphrase or identities of age.
type RestoreKey struct {
	Identities string                 // one per line
	Passphrase func() (string, error) // asks for it; called if there are no identities
}

func (k RestoreKey) identities() ([]age.Identity, error) {
	if k.Identities != "" {
		with, err := backup.ParseIdentities(k.Identities)
		if err != nil {
			return nil, message("an identity is a line that begins with AGE-SECRET-KEY-, as age-keygen prints it: %w", err)
		}
		return with, nil
	}
	text, err := k.Passphrase()
	if err != nil {
		return nil, message("the passphrase could not be read: %w", err)
	}
	with, err := backup.FromPassphrase(text)
	if err != nil {
		return nil, errBackupKey
	}
	return with, nil
}

// Errors of a restore, for people.
var (
	errBackupKey     = message("the backup cannot be decrypted with this passphrase or key")
	errBackupForeign = message("this file is not a backup of the gateway, or not one that age has encrypted")
	errBackupNewer   = message("a newer version of the program made the backup; install that version or a later one, then restore")
	errBackupDamaged = message("the backup is damaged or incomplete; take another one")
	errBackupRoom    = message("there is not enough room on the disk for the data of the backup; make room and try again")
)

// Restored says what a restore did.
type Restored struct {
	backup.Manifest
	Aside string // the directory with the former data; empty if there was none
}

// Restore replaces what is in the data directory by a backup. No gateway may run on the directory. Without replace the directory must have
// no data. Nothing is changed before the whole backup is decrypted and checked.
func Restore(ctx context.Context, dir string, from io.Reader, key RestoreKey, replace bool) (Restored, error) {
	with, err := key.identities()
	if err != nil {
		return Restored{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Restored{}, message("the data directory cannot be made: %w; choose another one with --data", err)
	}
	lock, err := lockData(dir)
	if err != nil {
		return Restored{}, err
	}
	defer lock.Close()
	if err := giveToOwner(dir, filepath.Join(dir, lockFile)); err != nil {
		return Restored{}, err
	}
	if _, err := applyRestore(dir); err != nil { // one that was interrupted
		return Restored{}, err
	}
	if used, err := hasData(dir); err != nil {
		return Restored{}, err
	} else if used && !replace {
		return Restored{}, message("%s has the data of a gateway already; with --replace it is moved to a directory before-restore-TIME inside it", dir)
	}
	act := agent.Act{Source: agent.ActByCommand}
	m, err := stage(ctx, dir, from, with, act)
	if err != nil {
		return Restored{}, err
	}
	if err := commitRestore(dir, time.Now()); err != nil {
		return Restored{}, err
	}
	aside, err := applyRestore(dir)
	return Restored{m, aside}, err
}

// hasData reports whether the directory has files that a restore would replace.
func hasData(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isReplaced(e.Name()) }), err
}

// isReplaced reports whether a restore moves a file of the data directory aside: those in backups, what belongs to the database, and the
// setup link. The rules of the firewall stay, so that a boot before the gateway's next start enforces something; it then writes others.
func isReplaced(name string) bool {
	for _, k := range dataFiles {
		if k.backup && k.name == name {
			return true
		}
	}
	return strings.HasPrefix(name, databaseName+"-") || name == setupLinkFile
}

// diskReserve is how much room stays free beside the restored data, or beside a backup.
const diskReserve = 64 << 20

// stage decrypts a backup into stagedDir and checks it. There all sessions end, as far as they were open in the backup, and act, the
// restore, is recorded. After an error stagedDir is gone.
func stage(ctx context.Context, dir string, from io.Reader, with []age.Identity, act agent.Act) (m backup.Manifest, err error) {
	staged := filepath.Join(dir, stagedDir)
	if err := os.RemoveAll(staged); err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(staged)
		}
	}()
	if err := os.Mkdir(staged, 0o700); err != nil {
		return m, err
	}
	schema, err := store.Schema()
	if err != nil {
		return m, err
	}
	m, err = backup.Read(from, with, backup.Files{
		Begin: func(m backup.Manifest) error {
			if m.Schema > schema || isNewer(m.Version, Version()) {
				return message("%w (the backup: %s; this program: %s)", errBackupNewer, m.Version, Version())
			}
			return nil
		},
		Limit: backupLimit,
		File:  func(name string, size int64, content io.Reader) error { return stageFile(staged, name, size, content) },
	})
	if err != nil {
		return m, restoreError(err)
	}
	if err := checkStaged(ctx, staged, m, act); err != nil {
		return m, err
	}
	return m, errors.Join(flushAll(staged), giveToOwner(dir, staged))
}

// restoreError returns the text of an error of backup.Read.
func restoreError(err error) error {
	for cause, text := range map[error]*Message{backup.ErrKey: errBackupKey, backup.ErrNotOurs: errBackupForeign, backup.ErrNewer: errBackupNewer,
		backup.ErrDamaged: errBackupDamaged, unix.ENOSPC: errBackupRoom} {
		switch {
		case err == cause: // it says no more than the text
			return text
		case errors.Is(err, cause):
			return message("%w (%v)", text, err)
		}
	}
	return err
}

// isNewer compares versions of the program, such as 1.10.0.
func isNewer(a, b string) bool {
	parse := func(text string) (n [3]int) {
		_, _ = fmt.Sscanf(text, "%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	x, y := parse(a), parse(b)
	return slices.Compare(x[:], y[:]) > 0
}

// stageFile writes one file of a backup.
func stageFile(staged, name string, size int64, content io.Reader) error {
	file := filepath.Join(staged, filepath.FromSlash(name))
	if free, known := freeSpace(staged); known && free < uint64(size)+diskReserve {
		return errBackupRoom
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// checkStaged checks the database and that the root belongs to its key. It brings the schema up to date and ends all sessions.
func checkStaged(ctx context.Context, staged string, m backup.Manifest, act agent.Act) error {
	damaged := func(err error) error { return message("%w (%v)", errBackupDamaged, err) }
	database := filepath.Join(staged, databaseName)
	if _, err := os.Stat(database); err != nil {
		return damaged(errors.New("it has no database"))
	}
	if err := store.CheckFile(ctx, database); err != nil {
		return damaged(err)
	}
	if _, err := os.Stat(filepath.Join(staged, "root.key")); err == nil {
		if _, err := certs.Open(staged); err != nil {
			return damaged(err)
		}
	}
	db, err := openStore(ctx, database)
	if errors.Is(err, store.ErrNewer) {
		return errBackupNewer
	}
	if err != nil {
		return err
	}
	act.At, act.Code, act.Name = time.Now(), agent.ActBackupRestored, m.Made.Format(time.RFC3339)
	err = db.EndEverything(ctx, m.Made)
	if err == nil {
		err = db.AddActs(ctx, act)
	}
	return errors.Join(err, db.Close())
}

// commitRestore makes a staged backup the one that applyRestore takes.
func commitRestore(dir string, now time.Time) error {
	if err := os.Rename(filepath.Join(dir, stagedDir), filepath.Join(dir, readyPrefix+now.UTC().Format(asideTime))); err != nil {
		return fmt.Errorf("begin the restore: %w", err)
	}
	return atomicfile.Flush(dir)
}

// finishRestore finishes a restore that was begun. Errors: errRunning if the gateway has yet to end.
func finishRestore(dir string) error {
	ready, apply, err := begunRestore(dir)
	if err != nil || ready+apply == "" {
		return err
	}
	lock, err := lockData(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	_, err = applyRestore(dir)
	return err
}

// begunRestore returns the directories of a restore that was begun; empty if there are none.
func begunRestore(dir string) (ready, apply string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), readyPrefix) {
			ready = e.Name()
		}
		if strings.HasPrefix(e.Name(), applyPrefix) {
			apply = e.Name()
		}
	}
	return ready, apply, err
}

// applyRestore does the steps 3 and 4 of a restore that was begun. It returns the directory with the former data. The caller has locked the
// data directory.
func applyRestore(dir string) (aside string, err error) {
	ready, apply, err := begunRestore(dir)
	if err != nil {
		return "", fmt.Errorf("finish the restore: %w", err)
	}
	if apply == "" && ready != "" {
		if aside, err = moveAside(dir, asidePrefix+strings.TrimPrefix(ready, readyPrefix)); err != nil {
			return "", fmt.Errorf("move the former data aside: %w", err)
		}
		apply = applyPrefix + strings.TrimPrefix(ready, readyPrefix)
		if err := errors.Join(os.Rename(filepath.Join(dir, ready), filepath.Join(dir, apply)), atomicfile.Flush(dir)); err != nil {
			return "", fmt.Errorf("finish the restore: %w", err)
		}
	}
	if apply == "" {
		return "", nil
	}
	from := filepath.Join(dir, apply)
	entries, err := os.ReadDir(from)
	for _, e := range entries { // sorted: the database comes before the keys, see checkDatabase
		err = errors.Join(err, os.Rename(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name())))
	}
	if err = errors.Join(err, atomicfile.Flush(dir)); err == nil {
		err = errors.Join(os.Remove(from), atomicfile.Flush(dir))
	}
	if err != nil {
		return "", fmt.Errorf("finish the restore: %w", err)
	}
	return aside, nil
}

// moveAside moves the former data to the directory name. It goes on where a move was interrupted.
func moveAside(dir, name string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	aside := filepath.Join(dir, name)
	for _, e := range entries {
		if !isReplaced(e.Name()) {
			continue
		}
		if err := os.Mkdir(aside, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(aside); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return aside, errors.Join(giveToOwner(dir, aside), atomicfile.Flush(aside), atomicfile.Flush(dir))
}

// giveToOwner gives a file, with all that is in it if it is a directory, the owner of the data directory: root may restore the data of
// the service's user.
func giveToOwner(dir, file string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return filepath.WalkDir(file, func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, int(owner.Uid), int(owner.Gid)))
	})
}

// flushAll makes a directory and its content durable.
func flushAll(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return atomicfile.Flush(name)
	})
}

// freeSpace returns how many bytes this process may write on the disk of a directory; known is false where the file system does not say.
func freeSpace(dir string) (free uint64, known bool) {
	facts := systemFacts(dir, time.Time{})()
	return facts.DiskFree, facts.DiskTotal > 0
}
