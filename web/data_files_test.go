package web

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dataWith makes a data directory that holds one file.
func dataWith(t *testing.T, name string, mode fs.FileMode) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	file = filepath.Join(dir, name)
	for _, err := range []error{os.Mkdir(dir, 0o700), os.WriteFile(file, []byte("x"), 0o600), os.Chmod(file, mode)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func checked(dir string) (log string, err error) {
	var b bytes.Buffer
	err = checkData(dir, slog.New(slog.NewTextHandler(&b, nil)))
	return b.String(), err
}

func modeOf(t *testing.T, file string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestModesOfSecrets tries every file of the data directory with every kind of mode.
func TestModesOfSecrets(t *testing.T) {
	secrets := []string{"root.key", "root-next.key", "secret.key", ".certs-123.tmp", ".root.key.123.tmp", "wireguard.key", "wireguard.key.123", "ideco.db", "ideco.db-wal",
		"ideco.db-shm", "ideco.db-journal", "setup-link"}
	public := []string{"root.pem", "root-next.pem", "domain.json", "firewall.json", "firewall.nft", "started.json", "lock"}
	for i, name := range append(secrets, public...) {
		secret := i < len(secrets)
		for _, c := range []struct {
			mode    fs.FileMode
			refused bool
		}{
			{0o600, false}, {0o400, false}, {0o640, false}, {0o604, false}, {0o644, false}, {0o444, false}, {0o755, false}, {0o601, false},
			{0o620, true}, {0o602, true}, {0o660, true}, {0o666, true}, {0o777, true},
		} {
			t.Run(fmt.Sprintf("%s %04o", name, c.mode), func(t *testing.T) {
				dir, file := dataWith(t, name, c.mode)
				log, err := checked(dir)
				after := modeOf(t, file)
				switch open := c.mode&0o077 != 0; {
				case c.refused:
					cure := "chmod 600 " + file
					if name == "root.pem" || name == "root-next.pem" {
						cure = "chmod 644 " + file
					}
					if err == nil || !strings.Contains(err.Error(), cure) || after != c.mode {
						t.Errorf("mode %o after it, %v", after, err)
					}
				case err != nil:
					t.Error(err)
				case secret && open:
					if after != 0o600 || !strings.Contains(log, "file="+file) || !strings.Contains(log, "level=WARN") || !strings.Contains(log, "change=") {
						t.Errorf("mode %o after it, logged %q", after, log)
					}
					if log, err := checked(dir); err != nil || log != "" {
						t.Errorf("again: %v, logged %q", err, log)
					}
				case after != c.mode || log != "":
					t.Errorf("mode %o after it, logged %q", after, log)
				}
			})
		}
	}
}

// TestModesOfDirectory: other users must not list the directory. A directory that they can change is refused.
func TestModesOfDirectory(t *testing.T) {
	for mode, refused := range map[fs.FileMode]bool{0o700: false, 0o500: false, 0o750: false, 0o755: false, 0o711: false,
		0o770: true, 0o702: true, 0o777: true, 0o777 | fs.ModeSticky: true} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		log, err := checked(dir)
		after, open := modeOf(t, dir), mode.Perm()&0o077 != 0
		switch {
		case refused:
			if err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) || after != mode.Perm() {
				t.Errorf("%v: mode %o after it, %v", mode, after, err)
			}
		case err != nil || after&0o077 != 0 || open != (log != ""):
			t.Errorf("%v: mode %o after it, logged %q, %v", mode, after, log, err)
		}
	}
}

// TestModesOfOrdered: other users must not list the directory with ordered certificates.
func TestModesOfOrdered(t *testing.T) {
	for mode, refused := range map[fs.FileMode]bool{0o700: false, 0o755: false, 0o711: false, 0o770: true, 0o702: true} {
		dir, file := dataWith(t, "notes", 0o600)
		ordered := filepath.Join(filepath.Dir(file), "acme")
		if err := os.Mkdir(ordered, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(ordered, mode); err != nil {
			t.Fatal(err)
		}
		log, err := checked(dir)
		switch after := modeOf(t, ordered); {
		case refused:
			if err == nil || !strings.Contains(err.Error(), "chmod 700 "+ordered) || after != mode {
				t.Errorf("%v: mode %o after it, %v", mode, after, err)
			}
		case err != nil || after != 0o700 || (mode != 0o700) != strings.Contains(log, ordered):
			t.Errorf("%v: mode %o after it, logged %q, %v", mode, after, log, err)
		}
	}
}

// TestOddSecrets: a secret that is not a regular file is refused with advice. Missing and foreign files are left alone.
func TestOddSecrets(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(dir string) error
		says string // empty: nothing is wrong
	}{
		"empty":            {func(string) error { return nil }, ""},
		"a file of others": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "notes"), nil, 0o666) }, ""},
		"symbolic link":    {func(dir string) error { return os.Symlink(elsewhere, filepath.Join(dir, "root.key")) }, "link the whole directory"},
		"link to nothing":  {func(dir string) error { return os.Symlink("nothing", filepath.Join(dir, "ideco.db")) }, "is a symbolic link"},
		"directory":        {func(dir string) error { return os.Mkdir(filepath.Join(dir, "wireguard.key"), 0o700) }, "is not a file"},
		"two at once": {func(dir string) error {
			if err := os.Mkdir(filepath.Join(dir, "wireguard.key"), 0o700); err != nil {
				return err
			}
			return os.Symlink(elsewhere, filepath.Join(dir, "root.key"))
		}, "root.key is a symbolic link"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := c.make(dir); err != nil {
			t.Fatal(err)
		}
		log, err := checked(dir)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || log != "" {
			t.Errorf("%s: %v, logged %q", name, err, log)
		}
	}
	if mode := modeOf(t, elsewhere); mode != 0o644 {
		t.Errorf("what a link leads to has mode %o now", mode)
	}
}

// TestDataBehindLink: the directory may be a symbolic link; its target is checked.
func TestDataBehindLink(t *testing.T) {
	dir, file := dataWith(t, "root.key", 0o644)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if log, err := checked(link); err != nil || modeOf(t, file) != 0o600 || log == "" {
		t.Errorf("%v, mode %o", err, modeOf(t, file))
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := checked(link); err == nil {
		t.Error("a directory that everybody can change passes behind a link")
	}
}

// TestOwnerOfSecrets: root is no exception, and the error contains the command to run.
func TestOwnerOfSecrets(t *testing.T) {
	for _, c := range []struct {
		k           dataFile
		mode        fs.FileMode
		owner, self int
		says        string
	}{
		{dataFile{name: "root.key"}, 0o600, 0, 0, ""},
		{dataFile{name: "root.key"}, 0o600, 4711, 4711, ""},
		{dataFile{name: "root.key"}, 0o600, 4711, 0, "«chown root /d/f»"},
		{dataFile{name: "root.key"}, 0o600, 0, 4711, "«chown 4711 /d/f»"},
		{dataFile{name: "root.pem", public: true}, 0o644, 4711, 0, "belongs to 4711 and this program runs as root: run it as 4711"},
		{dataFile{dir: true}, fs.ModeDir | 0o700, 4711, 0, "«chown -R root /d/f»"},
		{dataFile{dir: true}, fs.ModeDir | 0o700, 0, 4711, "«chown -R 4711 /d/f»"},
		{dataFile{dir: true}, 0o600, 0, 0, "is not a directory"},
		{dataFile{name: "acme", dir: true}, fs.ModeDir | 0o700, 0, 0, ""},
		{dataFile{name: "acme", dir: true}, fs.ModeDir | 0o700, 4711, 0, "«chown -R root /d/f»"},
		{dataFile{name: "acme", dir: true}, 0o600, 0, 0, "is not a directory"},
	} {
		_, err := checkMode("/d/f", c.k, c.mode, c.owner, c.self)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestSecretsBeforeAll: the gateway and the admin commands check the modes before they open anything.
func TestSecretsBeforeAll(t *testing.T) {
	ask := func() (string, error) { return "a long password", nil }
	for name, start := range map[string]func(dir string) error{
		"serve": func(dir string) error {
			free := []string{"127.0.0.1:0"}
			return Serve(t.Context(), Config{Data: dir, PortalListen: free, AgentListen: free, HTTPListen: free, Tunnel: TunnelOff, Log: slog.New(slog.DiscardHandler)})
		},
		"admin create": func(dir string) error { return CreateAdministrator(t.Context(), dir, "boss", ask) },
		"admin reset":  func(dir string) error { return ResetAdministrator(t.Context(), dir, "boss", ask) },
	} {
		dir, _ := dataWith(t, "ideco.db", 0o666)
		if err := start(dir); err == nil || !strings.Contains(err.Error(), "can be changed by others") {
			t.Errorf("%s: %v", name, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s left %v (%v)", name, entries, err)
		}
	}
}
