package web

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// copier makes backups of a used data directory, which has one already, of 1 January 2026.
type copier struct {
	*backups
	set       agent.Settings
	log       bytes.Buffer
	restarted int
}

func newCopier(t *testing.T, dir string) *copier {
	t.Helper()
	c := &copier{set: agent.DefaultSettings()}
	_, recipient := testKey()
	c.set.Backup = agent.BackupSettings{Daily: true, Recipient: recipient, Hour: 3, Keep: 2}
	c.backups = newBackups(dir, func() agent.Settings { return c.set }, func() { c.restarted++ }, slog.New(slog.NewTextHandler(&c.log, nil)))
	return c
}

// names returns the names of the stored backups, the newest first.
func (c *copier) names() string {
	var names []string
	for _, f := range c.State().Files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(f.Name, backupPrefix), backupSuffix))
	}
	return strings.Join(names, " ")
}

func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 30, 0, 0, time.Local) }

func nameAt(t time.Time) string { return t.UTC().Format(asideTime) }

// TestDailyBackup: there is one backup a day, also after a restart and after days without the gateway, and only the newest are kept.
func TestDailyBackup(t *testing.T) {
	dir, _ := usedData(t)
	c := newCopier(t, dir)
	const older = "20260101-000000"
	for _, step := range []struct {
		now  time.Time
		want string
	}{
		{at(1, 1), nameAt(at(1, 1)) + " " + older}, // the last one is long ago
		{at(1, 2), nameAt(at(1, 1)) + " " + older},
		{at(1, 3), nameAt(at(1, 3)) + " " + nameAt(at(1, 1))},
		{at(1, 23), nameAt(at(1, 3)) + " " + nameAt(at(1, 1))},
		{at(2, 2), nameAt(at(1, 3)) + " " + nameAt(at(1, 1))},
		{at(5, 20), nameAt(at(5, 20)) + " " + nameAt(at(1, 3))},
		{at(6, 2), nameAt(at(5, 20)) + " " + nameAt(at(1, 3))},
		{at(6, 4), nameAt(at(6, 4)) + " " + nameAt(at(5, 20))},
	} {
		c.makeDue(t.Context(), step.now)
		again := newCopier(t, dir) // as after a restart
		again.makeDue(t.Context(), step.now)
		if got := again.names(); got != step.want {
			t.Errorf("%v: %s, want %s\n%s", step.now, got, step.want, c.log.String())
		}
	}
	c.set.Backup.Daily = false
	c.makeDue(t.Context(), at(20, 4))
	if got := c.names(); !strings.HasPrefix(got, nameAt(at(6, 4))) {
		t.Errorf("it is off: %s", got)
	}
	f, err := c.Open(c.State().Files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	identity, _ := testKey()
	if _, err := Restore(t.Context(), filepath.Join(t.TempDir(), "data"), f, RestoreKey{Identities: identity}, false); err != nil {
		t.Errorf("it cannot be restored: %v", err)
	}
}

// TestDailyBackupFails: a failure is shown and retried after an hour, and leaves no file.
func TestDailyBackupFails(t *testing.T) {
	dir, _ := usedData(t)
	c := newCopier(t, dir)
	stored := filepath.Join(dir, backupsDir)
	if err := errors.Join(os.RemoveAll(stored), os.WriteFile(stored, nil, 0o600)); err != nil { // no directory
		t.Fatal(err)
	}
	c.makeDue(t.Context(), at(1, 4))
	state := c.State()
	if state.Trouble != agent.BackupFailed || !state.Failed.Equal(at(1, 4)) || !strings.Contains(c.log.String(), "event=backup_failed") {
		t.Errorf("%+v, logged %q", state, c.log.String())
	}
	if err := os.Remove(stored); err != nil {
		t.Fatal(err)
	}
	c.makeDue(t.Context(), at(1, 4).Add(time.Minute))
	if got := c.names(); got != "" {
		t.Errorf("after a minute: %s", got)
	}
	c.makeDue(t.Context(), at(1, 5))
	if state := c.State(); state.Trouble != "" || len(state.Files) != 1 {
		t.Errorf("after an hour: %+v", state)
	}
}

// TestStoredBackupNames: only backups are opened and removed.
func TestStoredBackupNames(t *testing.T) {
	dir, _ := usedData(t)
	c := newCopier(t, dir)
	for _, name := range []string{"", "..", "../root.key", "../ideco-20260101-000000.age", "ideco-.age", "ideco-20260101-000000.age.tmp", "ideco-20260102-000000.age"} {
		if f, err := c.Open(name); !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("open %q: %v, %v", name, f, err)
		}
		if err := c.Delete(name); !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("delete %q: %v", name, err)
		}
	}
}

// TestRestoreOnThePage: a backup that was downloaded with a passphrase is checked while the gateway has its data, and is in place after the
// restart.
func TestRestoreOnThePage(t *testing.T) {
	dir, sealed := usedData(t)
	c := newCopier(t, dir)
	if _, err := c.Encrypt(t.Context(), "short"); err == nil {
		t.Error("a short passphrase is taken")
	}
	f, err := c.Encrypt(t.Context(), testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := backedUpFiles(t, dir)
	act := agent.Act{Source: agent.ActByPage, Login: "boss"}
	if _, _, err := c.Stage(t.Context(), f, "wrong horse battery", act); err == nil || c.Restore("") == nil {
		t.Errorf("with another passphrase: %v", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	name, content, err := c.Stage(t.Context(), f, testPassphrase, act)
	if err != nil || content.Accounts != 2 {
		t.Fatalf("%+v, %v", content, err)
	}
	if err := c.Restore("another"); !errors.Is(err, agent.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := c.Stage(t.Context(), strings.NewReader("x"), testPassphrase, act); err == nil || c.Restore(name) == nil {
		t.Errorf("the one before it is still staged (%v)", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if name, _, err = c.Stage(t.Context(), f, testPassphrase, act); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(name); err != nil || c.restarted != 1 {
		t.Fatalf("%v, restarted %d times", err, c.restarted)
	}
	if _, err := openData(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	wantRestored(t, dir, sealed, want)
}
