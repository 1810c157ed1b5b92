package wireguard

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

func TestKeyStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "wireguard.key")
	first, err := loadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := loadKey(path)
	if err != nil || first.public() != second.public() {
		t.Fatalf("the key changed (%v)", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s (%v), want 0600", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("files %v (%v), want the key alone", entries, err)
	}
}

// TestKeyFormatOfWg: the key file can be read by wg, and a key of "wg genkey" by us.
func TestKeyFormatOfWg(t *testing.T) {
	needs.Program(t, "wg", "wireguard-tools")
	path := filepath.Join(t.TempDir(), "wireguard.key")
	key, err := loadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	wg := exec.Command("wg", "pubkey")
	if wg.Stdin, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	out, err := wg.Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != key.public().String() {
		t.Errorf("wg says the public key is %s (%v), want %s", got, err, key.public())
	}
	theirs := netlab.Run(t, "wg", "genkey")
	if err := os.WriteFile(path, []byte(theirs+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err = loadKey(path); err != nil || agent.Key(key.key.Bytes()).String() != theirs {
		t.Errorf("a key of wg was not read: %v", err)
	}
}

func TestBrokenKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "wireguard.key")
	for _, text := range []string{"", "not a key", strings.Repeat("A", 43) + "="} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadKey(path); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%q: error %v, want one that says what to do", text, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Error("a broken key was overwritten")
		}
	}
	if _, err := loadKey(dir); err == nil {
		t.Error("a directory was read as a key")
	}
	if _, err := loadKey(filepath.Join(dir, "none", "key")); !os.IsNotExist(err) {
		t.Errorf("error %v, want %v", err, fs.ErrNotExist)
	}
}

// FuzzPublicKeys: a public key never causes a panic, and an accepted key has only one accepted encoding.
func FuzzPublicKeys(f *testing.F) {
	secret := newKey(f)
	for _, seed := range [][]byte{make([]byte, 32), secret.key.PublicKey().Bytes(), []byte(strings.Repeat("\xff", 32))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var key agent.Key
		copy(key[:], b)
		if !isCanonical(key) || !secret.canAgreeWith(key) {
			return
		}
		key[31] ^= 0x80
		if isCanonical(key) {
			t.Errorf("two encodings of %s are accepted", key)
		}
	})
}
