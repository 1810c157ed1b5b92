package certs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReloadRoot: Reload takes over another root of the directory, and keeps the root if the files cannot be used.
func TestReloadRoot(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*Authority{a, b} {
		if err := one.SetNames([]string{"gw.example.test"}); err != nil {
			t.Fatal(err)
		}
	}
	before := a.Pin()
	copyFile := func(name string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(other, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Reload([]string{"gw.example.test"}); err != nil || a.Pin() != before {
		t.Errorf("nothing changed: %v", err)
	}
	copyFile("root.pem")
	if err := a.Reload([]string{"gw.example.test"}); err == nil || !strings.Contains(err.Error(), "belongs to another key") || a.Pin() != before {
		t.Errorf("a root without its key: %v", err)
	}
	copyFile("root.key")
	if err := a.Reload([]string{"gw.example.test", "second.example.test"}); err != nil || a.Pin() != b.Pin() || !a.Permits("second.example.test") {
		t.Errorf("another root: %v", err)
	}
	if next, _ := a.Successor(before); next != b.Pin() {
		t.Errorf("the former root is followed by %q", next)
	}
	if _, err := a.Sign(before, []byte("text")); err != nil {
		t.Errorf("sign with the former root's key: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "root.key")); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(nil); err == nil || a.Pin() != b.Pin() {
		t.Errorf("without a key: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "root.key")); err == nil {
		t.Error("Reload made a key")
	}
}
