package handlers

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// fakeBackups keeps plain files in a directory in place of backups. A backup is restored with the key "the right key".
type fakeBackups struct {
	dir      string
	state    agent.BackupState
	staged   string
	act      agent.Act // of the staged backup
	restored bool
}

func newFakeBackups(t testing.TB) *fakeBackups { return &fakeBackups{dir: t.TempDir()} }

func (f *fakeBackups) State() agent.BackupState { return f.state }

func (f *fakeBackups) Make(context.Context) (agent.BackupFile, error) {
	if f.state.Trouble != "" {
		return agent.BackupFile{}, agent.Problem{Field: "backup", Code: f.state.Trouble.Code()}
	}
	made := agent.BackupFile{Name: "ideco-20261128-030000.age", Made: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC), Size: 6}
	f.state.Files = append(f.state.Files, made)
	return made, os.WriteFile(filepath.Join(f.dir, made.Name), []byte("stored"), 0o600)
}

func (f *fakeBackups) Open(name string) (*os.File, error) {
	for _, one := range f.state.Files {
		if one.Name == name {
			return os.Open(filepath.Join(f.dir, name))
		}
	}
	return nil, agent.ErrNotFound
}

func (f *fakeBackups) Delete(name string) error {
	for i, one := range f.state.Files {
		if one.Name == name {
			f.state.Files = append(f.state.Files[:i:i], f.state.Files[i+1:]...)
			return nil
		}
	}
	return agent.ErrNotFound
}

func (f *fakeBackups) Encrypt(_ context.Context, passphrase string) (*os.File, error) {
	if len(passphrase) < 12 {
		return nil, agent.Problem{Field: "passphrase", Code: locale.FieldPassphrase}
	}
	file, err := os.CreateTemp(f.dir, "")
	if err != nil {
		return nil, err
	}
	_, _ = file.WriteString("encrypted")
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}

func (f *fakeBackups) NewKey() (identity, recipient string, err error) {
	return "AGE-SECRET-KEY-1FAKE", "age1fake", nil
}

func (f *fakeBackups) Stage(_ context.Context, from io.Reader, key string, act agent.Act) (string, agent.BackupContent, error) {
	content, err := io.ReadAll(from)
	if err != nil {
		return "", agent.BackupContent{}, err
	}
	if key != "the right key" {
		return "", agent.BackupContent{}, agent.Problem{Field: "key", Code: locale.FieldBackupKey}
	}
	f.staged, f.act = string(content), act
	return f.staged, agent.BackupContent{Made: time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC), Version: "1.0.0", Domain: "gw.company.ru", Accounts: 60}, nil
}

func (f *fakeBackups) Restore(name string) error {
	if name == "" || name != f.staged {
		return agent.ErrNotFound
	}
	f.restored, f.staged = true, ""
	return nil
}
