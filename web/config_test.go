package web

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLockDataAfterCrash: the gateway removes half-written files after a crash, and nothing else. If another process holds the
// lock, it removes nothing, because that process may be writing.
func TestLockDataAfterCrash(t *testing.T) {
	dir := t.TempDir()
	put := func(names ...string) {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	holds := func(what string, want ...string) {
		t.Helper()
		var got []string
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	put(".root.key.123.tmp", ".certs-123.tmp", ".certs-.tmp", "certs-of-mine.tmp", "root.key")
	if err := os.MkdirAll(filepath.Join(dir, scratchDir, "xlsx-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := lockData(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	holds("after a crash", "certs-of-mine.tmp", lockFile, "root.key")
	put(".root.key.7.tmp")
	if _, err := lockData(dir); err == nil {
		t.Fatal("locked twice")
	}
	holds("locked by another process", ".root.key.7.tmp", "certs-of-mine.tmp", lockFile, "root.key")
}
