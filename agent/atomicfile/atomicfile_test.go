package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a directory")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	for _, c := range []struct {
		content string
		mode    fs.FileMode
	}{{"public", 0o644}, {"secret", 0o600}, {"", 0o640}, {strings.Repeat("large", 1<<18), 0o644}} {
		if err := Write(path, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, c.content, c.mode)
	}
}

// TestWriteHere: a path without a directory is in the working directory.
func TestWriteHere(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir(before) }()
	if err := Write("file", []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "file"), "here", 0o600)
}

// TestWriteFails: a failure leaves the older file and no temporary file, and has the same text each time.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken") // a directory, which a file cannot replace
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, second := Write(path, []byte("new"), 0o600), Write(path, []byte("new"), 0o600)
	if first == nil || second == nil || first.Error() != second.Error() || !strings.Contains(first.Error(), path) {
		t.Errorf("%v, then %v", first, second)
	}
	if got := names(t, dir); !reflect.DeepEqual(got, []string{"taken"}) {
		t.Errorf("the directory has %v", got)
	}
	err := Write(filepath.Join(dir, "none", "file"), nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ { // the second time there is none
		if err := Remove(path); err != nil {
			t.Error(err)
		}
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("the directory has %v", got)
		}
	}
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path); err == nil {
		t.Error("no error, and the path is still there")
	}
}

func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file", ".file.123.tmp", "other.tmp", ".tmp", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveLeftovers(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !reflect.DeepEqual(got, []string{".hidden", ".tmp", "file", "other.tmp"}) {
		t.Errorf("the directory has %v", got)
	}
	if err := RemoveLeftovers(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

// wantFile checks the only file of a directory.
func wantFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, []byte(content)) {
		t.Errorf("%d bytes (%v), want %d", len(got), err, len(content))
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != mode {
		t.Errorf("mode %v (%v), want %v", info.Mode(), err, mode)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("the directory has %v", got)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
