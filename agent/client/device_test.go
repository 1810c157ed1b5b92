package client

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
)

var deviceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func TestDeviceIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	first, err := ThisDevice(dir)
	if err != nil || !deviceID.MatchString(first.ID) || first.OS != runtime.GOOS {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := ThisDevice(dir)
	if err != nil || second != first {
		t.Errorf("then %+v, %v", second, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("files: %v, %v", files, err)
	}
	info, err := os.Stat(filepath.Join(dir, "device"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	other, err := ThisDevice(t.TempDir())
	if err != nil || other.ID == first.ID {
		t.Errorf("another installation: %+v, %v", other, err)
	}
}

// A damaged file, as after a power loss, is replaced.
func TestDeviceFileDamaged(t *testing.T) {
	for _, content := range []string{"", "\x00\x00\x00", "0123", "not hexadecimal, yet 32 characters", "0123456789abcdef0123456789abcdef00"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "device"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := ThisDevice(dir)
		if err != nil || !deviceID.MatchString(first.ID) {
			t.Errorf("%q: %+v, %v", content, first, err)
		}
		if second, err := ThisDevice(dir); err != nil || second != first {
			t.Errorf("%q: then %+v, %v", content, second, err)
		}
	}
}

// When the identifier cannot be stored, ThisDevice returns an error and a usable device.
func TestDeviceCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, "device"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(file, "below"), unreadable} {
		first, err := ThisDevice(dir)
		if err == nil || !deviceID.MatchString(first.ID) {
			t.Errorf("%s: %+v, %v", dir, first, err)
		}
		if second, _ := ThisDevice(dir); second.ID == first.ID {
			t.Errorf("%s: the same identifier twice", dir)
		}
	}
}
