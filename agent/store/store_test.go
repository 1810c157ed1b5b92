package store

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
)

// start is a moment as the store keeps it: UTC, microseconds.
var start = time.Date(2026, 11, 23, 9, 30, 0, 123456000, time.UTC)

// newStore opens a database of its own for a test.
func newStore(t testing.TB) *Store {
	t.Helper()
	s, _ := newStoreFile(t)
	return s
}

func newStoreFile(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a ?#%41 база.db") // a name that is no URL by itself
	return openStore(t, path), path
}

func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check ends the test when err is not nil.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	s, path := newStoreFile(t)
	addUser(t, s, agent.User{Login: "ivanov"}, "")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		check(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", info.Name(), mode)
		}
	}
	check(t, s.Ping(t.Context()))
}

func TestReopenKeepsEverything(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "ideco.db")
	s, err := Open(ctx, path)
	check(t, err)
	id := addUser(t, s, agent.User{Login: "ivanov"}, "hash")
	check(t, s.SaveSession(ctx, agent.Session{ID: "s1", UserID: id, Started: start}))
	_, err = s.UpdateSettings(ctx, func(settings *agent.Settings) error { settings.Domain = "gw.company.ru"; return nil })
	check(t, err)
	check(t, s.Close())

	s = openStore(t, path)
	if _, hash, err := s.LocalAccount(ctx, "ivanov"); err != nil || hash != "hash" {
		t.Errorf("account: %q, %v", hash, err)
	}
	if open, err := s.OpenSessions(ctx); err != nil || len(open) != 1 {
		t.Errorf("sessions: %v, %v", open, err)
	}
	if settings, saved, err := s.Settings(ctx); err != nil || !saved || settings.Domain != "gw.company.ru" {
		t.Errorf("settings: %v, %v, %v", settings.Domain, saved, err)
	}
}

func TestOpenTwoAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "ideco.db")
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				s, err := Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	check(t, os.WriteFile(garbage, []byte(strings.Repeat("not a database. ", 512)), 0o600))
	newer := filepath.Join(dir, "newer.db")
	makeNewer(t, newer)
	for path, want := range map[string]string{
		dir:                                "unable to open database file",
		filepath.Join(dir, "no", "dir.db"): "no such file or directory",
		garbage:                            "restore it from a backup",
		newer:                              "a newer version of the program",
	} {
		s, err := Open(t.Context(), path)
		if err == nil {
			t.Errorf("%s: opened, closing: %v", path, s.Close())
			continue
		}
		if text := err.Error(); !strings.Contains(text, want) || !strings.Contains(text, "open database "+path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// makeNewer makes a database that a later version of the program has migrated further.
func makeNewer(t *testing.T, path string) {
	s, err := Open(t.Context(), path)
	check(t, err)
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, 999, true)
		return err
	}))
	check(t, s.Close())
}

func TestCureOfAReadOnlyDatabase(t *testing.T) {
	s := newStore(t)
	_, err := s.reader.ExecContext(t.Context(), `DELETE FROM settings`)
	if err == nil || !strings.Contains(s.refusal(err).Error(), "must be writable") {
		t.Errorf("the reader wrote: %v", err)
	}
}

func TestCancelledTransactionLeavesNothing(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.UpdateSettings(ctx, func(settings *agent.Settings) error {
		settings.Domain = "gw.company.ru"
		cancel()
		return nil
	})
	if err == nil {
		t.Error("saved after the caller went away")
	}
	if _, saved, err := s.Settings(t.Context()); err != nil || saved {
		t.Errorf("saved %v, %v", saved, err)
	}
	addUser(t, s, agent.User{Login: "ivanov"}, "") // the connection still works
}

func TestConcurrentUse(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov"}, "")
	const workers, rounds = 16, 20
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range rounds {
				session := agent.Session{ID: agent.NewSessionID(), UserID: id, Started: start}
				must := func(err error) {
					if err != nil {
						t.Error(err)
					}
				}
				must(s.SaveSession(ctx, session))
				_, err := s.UpdateSettings(ctx, func(settings *agent.Settings) error {
					settings.DNSSuffixes = append(settings.DNSSuffixes, session.ID)
					return nil
				})
				must(err)
				_, err = s.OpenSessions(ctx)
				must(err)
				_, _, err = s.Users(ctx, agent.UserFilter{Search: "ivan"}, 0, 0)
				must(err)
				must(s.EndSession(ctx, session.ID, agent.SessionEnd{At: start, Reason: agent.ReasonLogout}))
			}
		})
	}
	group.Wait()
	settings, _, err := s.Settings(ctx)
	check(t, err)
	if n := len(settings.DNSSuffixes); n != workers*rounds {
		t.Errorf("%d of %d changes were kept", n, workers*rounds)
	}
	if open, err := s.OpenSessions(ctx); err != nil || len(open) != 0 {
		t.Errorf("%d are open, %v", len(open), err)
	}
}

// earlierVersion makes a database whose schema has an earlier version, and connects to it.
func earlierVersion(t testing.TB, version int64) (path string, s *Store) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ideco.db")
	check(t, prepareFile(path))
	s, err := connect(path)
	check(t, err)
	provider, err := newProvider(s.writer)
	check(t, err)
	_, err = provider.UpTo(t.Context(), version)
	check(t, err)
	return path, s
}
