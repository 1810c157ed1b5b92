package web

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/backup"
	"ideco-agent/templates/locale"
)

// backupsDir has the daily backups in the data directory, and those that an administrator makes there.
const backupsDir = "backups"

// A backup in backupsDir is named after the time in UTC. The newest one is the last success, also for another process.
const (
	backupPrefix = "ideco-"
	backupSuffix = ".age"
)

const (
	backupEvery      = time.Minute
	backupRetryAfter = time.Hour // after a failure
)

// backups makes and lists the backups in the data directory, and restores one that an administrator uploads. It implements
// handlers.Backups.
type backups struct {
	dir      string // the data directory
	settings func() agent.Settings
	log      *slog.Logger
	restart  func() // ends the process, so that the next one finishes a restore

	making sync.Mutex // held while a backup is made or read: each takes much memory or disk

	mu      sync.Mutex // guards the fields below
	failed  time.Time  // when the last backup failed; zero if it did not
	trouble agent.BackupTrouble
	staged  string // name of the checked backup in stagedDir; empty if there is none
}

func newBackups(dir string, settings func() agent.Settings, restart func(), log *slog.Logger) *backups {
	return &backups{dir: dir, settings: settings, restart: restart, log: log}
}

// run makes the daily backups until ctx is done.
func (b *backups) run(ctx context.Context) error {
	tick := time.NewTicker(backupEvery)
	defer tick.Stop()
	for {
		b.makeDue(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// makeDue makes the daily backup if it is due. It is due if there is none since the hour of the settings, so that a restart neither
// skips nor repeats it.
func (b *backups) makeDue(ctx context.Context, now time.Time) {
	s := b.settings().Backup
	if !s.Daily || s.Recipient == "" {
		return
	}
	state := b.State()
	if !state.Failed.IsZero() && now.Sub(state.Failed) < backupRetryAfter && !now.Before(state.Failed) {
		return
	}
	if len(state.Files) > 0 && !state.Files[0].Made.Before(s.Due(now)) {
		return
	}
	_, _ = b.make(ctx, now) // logs the error
}

// State returns the backups of the data directory, and whether the last one failed.
func (b *backups) State() agent.BackupState {
	b.mu.Lock()
	state := agent.BackupState{Failed: b.failed, Trouble: b.trouble}
	b.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join(b.dir, backupsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log.Error("cannot list the backups", "error", err)
	}
	for _, e := range slices.Backward(entries) {
		made, ours := backupTime(e.Name())
		if info, err := e.Info(); ours && err == nil && info.Mode().IsRegular() {
			state.Files = append(state.Files, agent.BackupFile{Name: e.Name(), Made: made, Size: info.Size()})
		}
	}
	return state
}

// backupTime returns when the backup of that name was made; ok is false if it is not the name of a backup.
func backupTime(name string) (made time.Time, ok bool) {
	text, is := strings.CutPrefix(name, backupPrefix)
	text, was := strings.CutSuffix(text, backupSuffix)
	made, err := time.Parse(asideTime, text)
	return made, is && was && err == nil
}

// Make makes a backup for the recipient of the settings, and removes those that are too many. Errors: agent.Problem.
func (b *backups) Make(ctx context.Context) (agent.BackupFile, error) {
	if b.settings().Backup.Recipient == "" {
		return agent.BackupFile{}, agent.Problem{Field: "backup_recipient", Code: "field_backup_no_recipient"}
	}
	made, err := b.make(ctx, time.Now())
	if err != nil {
		return made, agent.Problem{Field: "backup", Code: troubleOf(err).Code()}
	}
	return made, nil
}

func (b *backups) make(ctx context.Context, now time.Time) (agent.BackupFile, error) {
	b.making.Lock()
	defer b.making.Unlock()
	made := agent.BackupFile{Name: backupPrefix + now.UTC().Format(asideTime) + backupSuffix, Made: now}
	m, err := b.writeFile(ctx, made.Name)
	trouble := troubleOf(err)
	b.mu.Lock()
	if b.trouble, b.failed = trouble, now; err == nil {
		b.failed = time.Time{}
	}
	b.mu.Unlock()
	if err != nil {
		b.log.Error("the backup failed", "event", "backup_failed", "reason", string(trouble), "error", err)
		return made, err
	}
	if info, err := os.Stat(filepath.Join(b.dir, backupsDir, made.Name)); err == nil {
		made.Size = info.Size()
	}
	b.log.Info("backup made", "event", "backup_stored", "file", made.Name, "bytes", made.Size, "accounts", m.Accounts)
	b.prune()
	return made, nil
}

func (b *backups) writeFile(ctx context.Context, name string) (m backup.Manifest, err error) {
	to, err := backup.ParseRecipients(b.settings().Backup.Recipient)
	if err != nil {
		return m, err
	}
	if err := b.checkRoom(); err != nil {
		return m, err
	}
	dir := filepath.Join(b.dir, backupsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return m, err
	}
	return backUpTo(ctx, b.dir, filepath.Join(dir, name), to)
}

// checkRoom returns ENOSPC if the disk would be nearly full after a backup, which is no larger than the database.
func (b *backups) checkRoom() error {
	var size uint64
	for _, name := range []string{databaseIn(b.dir), databaseIn(b.dir) + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += uint64(info.Size())
		}
	}
	if free, known := freeSpace(b.dir); known && free < size+diskReserve {
		return unix.ENOSPC
	}
	return nil
}

// prune removes the oldest backups beyond the number to keep, and what a crash has left of one.
func (b *backups) prune() {
	files := b.State().Files
	for _, f := range files[min(b.settings().Backup.Keep, len(files)):] {
		if err := b.Delete(f.Name); err != nil && !errors.Is(err, agent.ErrNotFound) {
			b.log.Error("cannot remove an old backup", "file", f.Name, "error", err)
		}
	}
}

func troubleOf(err error) agent.BackupTrouble {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return agent.BackupNoSpace
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		return agent.BackupReadOnly
	}
	return agent.BackupFailed
}

// Open opens a backup. Errors: agent.ErrNotFound.
func (b *backups) Open(name string) (*os.File, error) {
	if _, ours := backupTime(name); !ours {
		return nil, agent.ErrNotFound
	}
	f, err := os.Open(filepath.Join(b.dir, backupsDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		err = agent.ErrNotFound
	}
	return f, err
}

// Delete removes a backup. Errors: agent.ErrNotFound.
func (b *backups) Delete(name string) error {
	if _, ours := backupTime(name); !ours {
		return agent.ErrNotFound
	}
	err := os.Remove(filepath.Join(b.dir, backupsDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		err = agent.ErrNotFound
	}
	return err
}

// Encrypt makes a backup for a passphrase in a temporary file, which has no name any more: it is gone when it is closed. A slow download
// then does not hold the database. Errors: agent.Problem.
func (b *backups) Encrypt(ctx context.Context, passphrase string) (*os.File, error) {
	if backup.CheckPassphrase(passphrase) != nil {
		return nil, agent.Problem{Field: "passphrase", Code: locale.FieldPassphrase}
	}
	b.making.Lock()
	defer b.making.Unlock()
	f, err := b.encrypt(ctx, passphrase)
	debug.FreeOSMemory() // of scrypt
	if err != nil {
		b.log.Error("the backup failed", "event", "backup_failed", "reason", string(troubleOf(err)), "error", err)
		return nil, agent.Problem{Field: "passphrase", Code: troubleOf(err).Code()}
	}
	return f, nil
}

func (b *backups) encrypt(ctx context.Context, passphrase string) (*os.File, error) {
	to, err := backup.ToPassphrase(passphrase)
	if err != nil {
		return nil, err
	}
	if err := b.checkRoom(); err != nil {
		return nil, err
	}
	scratch := filepath.Join(b.dir, scratchDir)
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(scratch, "backup-*")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(f.Name()); err == nil {
		_, err = writeBackup(ctx, b.dir, f, to)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// NewKey makes a key pair of age.
func (b *backups) NewKey() (identity, recipient string, err error) { return backup.NewKey() }

// Stage decrypts and checks a backup that can then be restored by the returned name, until another one is staged. act is recorded in the
// restored database. Errors: agent.Problem.
func (b *backups) Stage(ctx context.Context, from io.Reader, key string, act agent.Act) (name string, content agent.BackupContent, err error) {
	b.making.Lock()
	defer b.making.Unlock()
	b.mu.Lock()
	b.staged = ""
	b.mu.Unlock()
	restore := RestoreKey{Passphrase: func() (string, error) { return key, nil }}
	if backup.IsIdentity(key) {
		restore.Identities = key
	}
	with, err := restore.identities()
	if err != nil {
		return "", content, agent.Problem{Field: "key", Code: locale.FieldBackupKey}
	}
	m, err := stage(ctx, b.dir, from, with, act)
	debug.FreeOSMemory() // of scrypt
	if err != nil {
		b.log.Warn("an uploaded backup was refused", "event", "backup_refused", "error", err)
		return "", content, stageProblem(err)
	}
	name = time.Now().UTC().Format(asideTime)
	b.mu.Lock()
	b.staged = name
	b.mu.Unlock()
	return name, agent.BackupContent{Made: m.Made, Version: m.Version, Domain: m.Domain, Accounts: m.Accounts}, nil
}

// stageProblem returns what the page says about an error of stage.
func stageProblem(err error) agent.Problem {
	for cause, p := range map[error]agent.Problem{
		errBackupKey:     {Field: "key", Code: locale.FieldBackupKey},
		errBackupForeign: {Field: "file", Code: locale.FieldBackupForeign},
		errBackupNewer:   {Field: "file", Code: locale.FieldBackupNewer},
		errBackupRoom:    {Field: "file", Code: agent.BackupNoSpace.Code()},
	} {
		if errors.Is(err, cause) {
			return p
		}
	}
	return agent.Problem{Field: "file", Code: locale.FieldBackupDamaged}
}

// Restore makes the next start of the process restore a staged backup, and restarts. Errors: agent.ErrNotFound.
func (b *backups) Restore(name string) error {
	b.making.Lock()
	defer b.making.Unlock()
	b.mu.Lock()
	known := name != "" && b.staged == name
	b.staged = ""
	b.mu.Unlock()
	if !known {
		return agent.ErrNotFound
	}
	if err := commitRestore(b.dir, time.Now()); err != nil {
		return err
	}
	b.restart()
	return nil
}
