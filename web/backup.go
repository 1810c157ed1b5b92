package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"filippo.io/age"

	"ideco-agent/agent/atomicfile"
	"ideco-agent/agent/backup"
	"ideco-agent/agent/store"
)

// BackupKey is what a new backup is encrypted to: a passphrase or recipients of age.
type BackupKey struct {
	Recipients string                 // one per line
	Passphrase func() (string, error) // asks for it; called if there are no recipients
}

func (k BackupKey) recipients() ([]age.Recipient, error) {
	if k.Recipients != "" {
		to, err := backup.ParseRecipients(k.Recipients)
		if err != nil {
			return nil, message("a recipient is a line that begins with age1, as age-keygen prints it: %w", err)
		}
		return to, nil
	}
	text, err := k.Passphrase()
	if err != nil {
		return nil, message("the passphrase could not be read: %w", err)
	}
	to, err := backup.ToPassphrase(text)
	if errors.Is(err, backup.ErrPassphrase) {
		return nil, message("the passphrase must have %d characters at least and %d bytes at most", backup.MinPassphrase, backup.MaxPassphrase)
	}
	return to, err
}

// MinPassphrase is the least number of characters of a backup's passphrase.
const MinPassphrase = backup.MinPassphrase

// Limits of the files in a backup, in bytes.
const (
	maxBackedUpFile     = 4 << 20
	maxBackedUpDatabase = 64 << 30
)

// databaseName is the name of the database in the data directory and in a backup.
const databaseName = "ideco.db"

// BackUp writes an encrypted backup of the data directory to a file, or to out if file is "-". A gateway may be running on the directory.
// The file is complete or not there.
func BackUp(ctx context.Context, dir, file string, out io.Writer, key BackupKey) (backup.Manifest, error) {
	if _, err := os.Stat(databaseIn(dir)); err != nil {
		return backup.Manifest{}, message("there is no gateway in %s; name its directory with --data", dir)
	}
	to, err := key.recipients()
	if err != nil {
		return backup.Manifest{}, err
	}
	if file == "-" {
		return writeBackup(ctx, dir, out, to)
	}
	return backUpTo(ctx, dir, file, to)
}

func backUpTo(ctx context.Context, dir, file string, to []age.Recipient) (m backup.Manifest, err error) {
	err = atomicfile.WriteFrom(file, 0o600, func(w io.Writer) (err error) {
		m, err = writeBackup(ctx, dir, w, to)
		return err
	})
	return m, err
}

// writeBackup writes the backup. The keys are read after the database: the file with which a secret in the database is encrypted is older
// than the secret.
func writeBackup(ctx context.Context, dir string, w io.Writer, to []age.Recipient) (m backup.Manifest, err error) {
	err = store.ReadSnapshot(ctx, databaseIn(dir), func(s store.Snapshot) error {
		m = backup.Manifest{Format: backup.Format, Version: Version(), Schema: s.Schema, Made: time.Now().UTC().Truncate(time.Second), Domain: s.Domain,
			Accounts: s.Accounts}
		return backup.Write(w, to, m, func(add backup.Add) error {
			if err := add(databaseName, s.Size, s.Content); err != nil {
				return err
			}
			files, err := readStable(dir)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if err := add(name, int64(len(files[name])), bytes.NewReader(files[name])); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return m, err
}

// stableTries is how often readStable reads the files.
const stableTries = 10

// readStable returns the content of all files that belong to a backup, but for the database, as they were at one time. A change of the
// root, for example, replaces several files one after the other.
func readStable(dir string) (map[string][]byte, error) {
	before, err := readBackedUp(dir)
	for range stableTries {
		if err != nil {
			return nil, err
		}
		var now map[string][]byte
		if now, err = readBackedUp(dir); err == nil && reflect.DeepEqual(before, now) {
			return now, nil
		}
		before = now
	}
	return nil, message("the files in %s keep changing; try again", dir)
}

func readBackedUp(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), name == ".", name == databaseName:
			return nil // removed meanwhile
		case err != nil:
			return err
		case e.IsDir() && !holdsBackedUp(name):
			return fs.SkipDir
		case e.IsDir() || backupLimit(name) == 0:
			return nil
		case !e.Type().IsRegular():
			return message("%s is not a file (%s): move it away, or restore the file from a backup", filepath.Join(dir, name), e.Type())
		}
		content, err := readAtMost(filepath.Join(dir, name), backupLimit(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files[name] = content
		return err
	})
	return files, err
}

func readAtMost(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return content, err
}

// backupLimit returns the most bytes that a file of a backup may have; 0 if the name is of no such file.
func backupLimit(name string) int64 {
	top, rest := path.Split(name)
	for _, k := range dataFiles {
		switch {
		case !k.backup || k.dir != (top != ""):
		case k.dir && path.Dir(path.Clean(top)) == k.name && isPlain(path.Base(path.Clean(top))) && isPlain(rest):
			return maxBackedUpFile
		case k.name == name && name == databaseName:
			return maxBackedUpDatabase
		case k.name == name:
			return maxBackedUpFile
		}
	}
	return 0
}

// isPlain reports whether the name is not that of a temporary file.
func isPlain(name string) bool { return name != "" && name[0] != '.' }

// holdsBackedUp reports whether a directory has files of a backup, itself or one level below.
func holdsBackedUp(name string) bool {
	for _, k := range dataFiles {
		if k.backup && k.dir && (name == k.name || path.Dir(name) == k.name) {
			return true
		}
	}
	return false
}
