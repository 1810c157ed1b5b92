package secretbox

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const secret = "Пароль 1"

func newBox(t *testing.T) (*Box, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.key")
	return New(path), path
}

func seal(t *testing.T, b *Box, secret, purpose string) string {
	t.Helper()
	sealed, err := b.Seal(secret, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSecretComesBack(t *testing.T) {
	b, path := newBox(t)
	for _, want := range []string{secret, "", strings.Repeat("x", 1000)} {
		sealed := seal(t, b, want, "directory/1/password")
		if raw, err := base64.StdEncoding.DecodeString(sealed); err != nil || want != "" && bytes.Contains(raw, []byte(want)) {
			t.Errorf("%q is readable or not base64: %v", want, err)
		}
		if got, err := New(path).Open(sealed, "directory/1/password"); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	if first, second := seal(t, b, secret, "p"), seal(t, b, secret, "p"); first == second {
		t.Error("equal secrets are seen to be equal")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLostSecret(t *testing.T) {
	b, path := newBox(t)
	if _, err := b.Open("", ""); !errors.Is(err, ErrLost) {
		t.Errorf("without a key file: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Open made a key file")
	}
	sealed := seal(t, b, secret, "directory/1/password")
	raw, _ := base64.StdEncoding.DecodeString(sealed)
	raw[len(raw)-1] ^= 1
	other, _ := newBox(t)
	seal(t, other, "", "") // has a key now
	for what, open := range map[string]func() (string, error){
		"another purpose": func() (string, error) { return b.Open(sealed, "directory/2/password") },
		"another key":     func() (string, error) { return other.Open(sealed, "directory/1/password") },
		"a changed byte":  func() (string, error) { return b.Open(base64.StdEncoding.EncodeToString(raw), "directory/1/password") },
		"cut":             func() (string, error) { return b.Open(sealed[:8], "directory/1/password") },
		"empty":           func() (string, error) { return b.Open("", "directory/1/password") },
		"no base64":       func() (string, error) { return b.Open("?", "directory/1/password") },
	} {
		if got, err := open(); !errors.Is(err, ErrLost) || got != "" {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// TestDamagedKey: a damaged key file is not replaced: a backup may still have it.
func TestDamagedKey(t *testing.T) {
	b, path := newBox(t)
	for _, content := range []string{"", "short", base64.StdEncoding.EncodeToString(make([]byte, 16))} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open("", ""); !errors.Is(err, ErrLost) {
			t.Errorf("open with %q: %v", content, err)
		}
		if _, err := b.Seal(secret, ""); err == nil || !strings.Contains(err.Error(), "restore it from a backup") || content != "" && strings.Contains(err.Error(), content) {
			t.Errorf("seal with %q: %v", content, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != content {
			t.Errorf("%q became %q, %v", content, now, err)
		}
	}
}

func TestOneKeyForAll(t *testing.T) {
	b, _ := newBox(t)
	var group sync.WaitGroup
	sealed := make([]string, 8)
	for i := range sealed {
		group.Go(func() { sealed[i], _ = b.Seal(secret, "") })
	}
	group.Wait()
	for _, s := range sealed {
		if got, err := b.Open(s, ""); err != nil || got != secret {
			t.Errorf("%q, %v", got, err)
		}
	}
}
