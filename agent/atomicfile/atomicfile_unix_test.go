//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWriteUnderUmask: a strict umask does not change the mode.
func TestWriteUnderUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("public"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "public", 0o644)
}

// TestWriteCutOff: a write that fails halfway, here at the limit of file size, leaves the older file.
func TestWriteCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 16, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	err := Write(path, make([]byte, 1<<20), 0o644)
	if e := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); e != nil {
		t.Fatal(e)
	}
	if err == nil {
		t.Error("no error")
	}
	wantFile(t, path, "old", 0o600)
}

// TestWriteOverLink: a symbolic link is replaced, not followed.
func TestWriteOverLink(t *testing.T) {
	elsewhere, path := filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(elsewhere, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "ours", 0o600)
	wantFile(t, elsewhere, "theirs", 0o600)
}
