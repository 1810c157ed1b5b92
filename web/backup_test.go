package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/backup"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/web/certs"
)

const (
	testPassphrase = "correct horse battery"
	sealPurpose    = "directory/1/password"
)

// testKey is the key pair of the backups in tests: scrypt takes a while.
var testKey = sync.OnceValues(func() (identity, recipient string) {
	identity, recipient, err := backup.NewKey()
	if err != nil {
		panic(err)
	}
	return identity, recipient
})

func passphrase(text string) func() (string, error) {
	return func() (string, error) { return text, nil }
}

// serveOnce runs a gateway on the directory until it is ready, then calls during and stops it.
func serveOnce(t *testing.T, dir string, during func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, ended := make(chan bool, 1), make(chan error, 1)
	free := []string{"127.0.0.1:0"}
	c := Config{Data: dir, PortalListen: free, AgentListen: free, HTTPListen: free, Tunnel: "netstack", TunnelName: "ideco9", Firewall: "off",
		Log: slog.New(slog.DiscardHandler), Announce: func(string, []string) { ready <- true }}
	go func() { ended <- Serve(ctx, c) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	during()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// usedData makes a data directory with every file that a gateway has. sealed is a secret that its box has encrypted.
func usedData(t *testing.T) (dir, sealed string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	serveOnce(t, dir, func() {})
	db, err := store.Open(t.Context(), databaseIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, u := range []agent.User{{Login: "boss", Enabled: true, Admin: true}, {Login: "gone"}} {
		u.Directory, u.Created = agent.LocalDirectory, time.Now()
		id, err := db.CreateUser(t.Context(), u, "hash")
		if err != nil {
			t.Fatal(err)
		}
		for i, ended := range []time.Time{{}, time.Now()} {
			s := agent.Session{ID: u.Login + string(rune('0'+i)), UserID: id, Login: u.Login, Directory: agent.LocalDirectory, Kind: agent.KindLAN,
				Started: time.Now().Add(-time.Hour), Ended: ended, Reason: agent.ReasonLost, Resume: agent.ResumeDigests{Chain: [32]byte{byte(id), byte(i)}, Current: [32]byte{2}}}
			if err := db.SaveSession(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.SaveBrowserSession(t.Context(), agent.BrowserSession{ID: u.Login, UserID: id, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := root.AnnounceNext(); err != nil {
		t.Fatal(err)
	}
	if sealed, err = secretbox.New(filepath.Join(dir, secretKeyFile)).Seal("of the search account", sealPurpose); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme/ca.test-1234/account.key", "acme/ca.test-1234/gw.company.ru.pem", "acme/ca.test-1234/tries.json", "domain.json",
		"firewall.json", "firewall.nft", "setup-link", "exports/1", "backups/ideco-20260101-000000.age", "before-restore-20260101-000000/ideco.db"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("of "+name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, sealed
}

// notBackedUp says why a file of the data directory is not in a backup. The names are patterns of path.Match.
var notBackedUp = map[string]string{
	"ideco.db-*":         "belongs to the database, of which a backup has a snapshot",
	"domain.json":        "is found in DNS again",
	"firewall.json":      "follows from the settings",
	"firewall.nft":       "follows from the settings",
	"lock":               "has no content",
	"started.json":       "is written at each start",
	"setup-link":         "is over after an hour",
	"exports/*":          "is temporary",
	"backups/*":          "is a backup",
	"before-restore-*/*": "is what a restore has replaced",
}

// TestEveryFileIsBackedUp: each file of a used data directory is in a backup or in notBackedUp.
func TestEveryFileIsBackedUp(t *testing.T) {
	dir, _ := usedData(t)
	db, err := store.Open(t.Context(), databaseIn(dir)) // makes the files beside the database
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.KeepUnwritten(); err != nil {
		t.Fatal(err)
	}
	excused := map[string]bool{}
	for _, name := range filesIn(t, dir) {
		backedUp := backupLimit(name) > 0
		for pattern := range notBackedUp {
			if matches, _ := filepath.Match(pattern, name); matches {
				excused[pattern] = true
				if backedUp {
					t.Errorf("%s is backed up although it %s", name, notBackedUp[pattern])
				}
				backedUp = true
			}
		}
		if !backedUp {
			t.Errorf("%s is in no backup, and nothing says why", name)
		}
	}
	for pattern := range notBackedUp {
		if !excused[pattern] {
			t.Errorf("no file %s", pattern)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// backedUpFiles returns the content of the files that belong to a backup, but for the database.
func backedUpFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := readBackedUp(dir)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, content := range files {
		texts[name] = string(content)
	}
	return texts
}

// backedUp returns a file with a backup of the directory.
func backedUp(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.backup")
	_, recipient := testKey()
	m, err := BackUp(t.Context(), dir, file, nil, BackupKey{Recipients: recipient})
	if err != nil || m.Accounts != 2 || m.Version != Version() {
		t.Fatalf("%+v, %v", m, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	return file
}

func restored(t *testing.T, dir, file string, replace bool) (Restored, error) {
	t.Helper()
	from, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	identity, _ := testKey()
	return Restore(t.Context(), dir, from, RestoreKey{Identities: identity}, replace)
}

// wantRestored checks what a restore of usedData has brought back.
func wantRestored(t *testing.T, dir, sealed string, want map[string]string) {
	t.Helper()
	if got := backedUpFiles(t, dir); !maps.Equal(got, want) {
		t.Errorf("files %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if text, err := secretbox.New(filepath.Join(dir, secretKeyFile)).Open(sealed, sealPurpose); err != nil || text != "of the search account" {
		t.Errorf("the secret: %q, %v", text, err)
	}
	ctx := t.Context()
	db, err := store.Open(ctx, databaseIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if open, err := db.OpenSessions(ctx); err != nil || len(open) > 0 {
		t.Errorf("open sessions %+v, %v", open, err)
	}
	for _, login := range []string{"boss", "gone"} {
		u, _, err := db.LocalAccount(ctx, login)
		if err != nil || u.Enabled != (login == "boss") {
			t.Errorf("%+v, %v", u, err)
		}
		if browsers, err := db.BrowserSessions(ctx, u.ID); err != nil || len(browsers) > 0 {
			t.Errorf("%s has browsers %+v, %v", login, browsers, err)
		}
		for i := range byte(2) {
			s, err := db.SessionByResume(ctx, [32]byte{byte(u.ID), i})
			if err != nil || s.Resume.Current != [32]byte{} || s.Ended.IsZero() || i == 0 && s.Reason.Reconnects() {
				t.Errorf("session %d of %s: %+v, %v", i, login, s, err)
			}
		}
	}
	acts, err := db.Acts(ctx, agent.ActQuery{Kind: agent.ActsOnBackups, Limit: 10})
	if err != nil || len(acts.Acts) != 1 || acts.Acts[0].Code != agent.ActBackupRestored {
		t.Errorf("acts %+v, %v", acts.Acts, err)
	}
}

// TestRestore: a backup brings everything back in an empty directory, and the gateway starts on it.
func TestRestore(t *testing.T) {
	dir, sealed := usedData(t)
	want := backedUpFiles(t, dir)
	elsewhere := filepath.Join(t.TempDir(), "data")
	done, err := restored(t, elsewhere, backedUp(t, dir), false)
	if err != nil || done.Aside != "" || done.Accounts != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	wantRestored(t, elsewhere, sealed, want)
	if extra := slices.DeleteFunc(filesIn(t, elsewhere), func(name string) bool { return backupLimit(name) > 0 || name == lockFile }); len(extra) > 0 {
		t.Errorf("it also has %v", extra)
	}
	serveOnce(t, elsewhere, func() {})
}

// TestBackUpWhileRunning: a backup of a directory on which a gateway runs has what was written last, and a restore there is refused.
func TestBackUpWhileRunning(t *testing.T) {
	dir, sealed := usedData(t)
	elsewhere := filepath.Join(t.TempDir(), "data")
	serveOnce(t, dir, func() {
		file := backedUp(t, dir)
		if _, err := restored(t, dir, file, true); !errors.Is(err, errRunning) {
			t.Errorf("a restore under a running gateway: %v", err)
		}
		if _, err := restored(t, elsewhere, file, false); err != nil {
			t.Error(err)
		}
	})
	wantRestored(t, elsewhere, sealed, backedUpFiles(t, dir))
}

// TestRestoreReplaces: data of a gateway is replaced only with replace, and is kept aside whole.
func TestRestoreReplaces(t *testing.T) {
	dir, sealed := usedData(t)
	want, file := backedUpFiles(t, dir), backedUp(t, dir)
	other, _ := usedData(t)
	before := backedUpFiles(t, other)
	if _, err := restored(t, other, file, false); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("without replace: %v", err)
	}
	if got := backedUpFiles(t, other); !maps.Equal(got, before) {
		t.Error("the refused restore has changed something")
	}
	done, err := restored(t, other, file, true)
	if err != nil {
		t.Fatal(err)
	}
	wantRestored(t, other, sealed, want)
	if got := backedUpFiles(t, done.Aside); filepath.Dir(done.Aside) != other || !maps.Equal(got, before) {
		t.Errorf("in %s: %q", done.Aside, slices.Sorted(maps.Keys(got)))
	}
	serveOnce(t, done.Aside, func() {}) // it is a data directory
	for _, name := range []string{"firewall.nft", "backups/ideco-20260101-000000.age"} {
		if _, err := os.Stat(filepath.Join(other, name)); err != nil {
			t.Errorf("it does not belong to the data: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(other, setupLinkFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link for the first administrator: %v", err)
	}
}

// TestRestoreInterrupted: a restore that ends between any two renames is finished at the next start.
func TestRestoreInterrupted(t *testing.T) {
	dir, sealed := usedData(t)
	want, file := backedUpFiles(t, dir), backedUp(t, dir)
	other, _ := usedData(t)
	before := backedUpFiles(t, other)
	const at = "20261128-100000"
	for step := 0; ; step++ {
		cut := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(cut, os.DirFS(other)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(cut, 0o700), chmodAll(cut)); err != nil {
			t.Fatal(err)
		}
		identity, _ := testKey()
		key, err := RestoreKey{Identities: identity}.identities()
		if err != nil {
			t.Fatal(err)
		}
		from, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = stage(t.Context(), cut, from, key, agent.Act{Source: agent.ActByCommand})
		if err := errors.Join(err, from.Close()); err != nil {
			t.Fatal(err)
		}
		if err := commitRestore(cut, time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		whole := renamesOfRestore(t, cut, at)
		if step > len(whole) {
			break
		}
		for _, r := range whole[:step] {
			if err := errors.Join(os.MkdirAll(filepath.Dir(r[1]), 0o700), os.Rename(r[0], r[1])); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := openData(cut, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatalf("after %d renames: %v", step, err)
		}
		wantRestored(t, cut, sealed, want)
		if got := backedUpFiles(t, filepath.Join(cut, asidePrefix+at)); !maps.Equal(got, before) {
			t.Errorf("after %d renames the former data is %q", step, slices.Sorted(maps.Keys(got)))
		}
		if ready, apply, err := begunRestore(cut); err != nil || ready+apply != "" {
			t.Errorf("after %d renames: %s %s, %v", step, ready, apply, err)
		}
	}
}

// renamesOfRestore returns the renames of applyRestore in their order.
func renamesOfRestore(t *testing.T, dir, at string) (renames [][2]string) {
	t.Helper()
	in := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	list := func(dir string) (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	for _, name := range list(dir) {
		if isReplaced(name) {
			renames = append(renames, [2]string{in(name), in(asidePrefix+at, name)})
		}
	}
	renames = append(renames, [2]string{in(readyPrefix + at), in(applyPrefix + at)})
	for _, name := range list(in(readyPrefix + at)) {
		renames = append(renames, [2]string{in(applyPrefix+at, name), in(name)})
	}
	return renames
}

// chmodAll removes the rights of others, which os.CopyFS adds.
func chmodAll(dir string) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if e.IsDir() {
			return errors.Join(err, os.Chmod(name, 0o700))
		}
		return errors.Join(err, os.Chmod(name, 0o600))
	})
}

// TestRestoreRefuses: what cannot be restored is refused before anything changes, with the reason.
func TestRestoreRefuses(t *testing.T) {
	dir, _ := usedData(t)
	schema, err := store.Schema()
	if err != nil {
		t.Fatal(err)
	}
	identity, recipient := testKey()
	to, err := backup.ParseRecipients(recipient)
	if err != nil {
		t.Fatal(err)
	}
	others := t.TempDir()
	if _, err := certs.Open(others); err != nil {
		t.Fatal(err)
	}
	otherKey, err := os.ReadFile(filepath.Join(others, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	ours := backup.Manifest{Format: 1, Version: Version(), Schema: schema}
	files, err := readBackedUp(dir)
	if err != nil {
		t.Fatal(err)
	}
	if files[databaseName], err = os.ReadFile(databaseIn(dir)); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(files[databaseName])
	copy(damaged[4096:], bytes.Repeat([]byte{0xff}, 4096))
	for name, c := range map[string]struct {
		manifest backup.Manifest
		change   map[string][]byte
		says     string
	}{
		"a newer schema":      {backup.Manifest{Format: 1, Version: Version(), Schema: schema + 1}, nil, "a newer version of the program made the backup"},
		"a newer program":     {backup.Manifest{Format: 1, Version: "1.0.1", Schema: schema}, nil, "the backup: 1.0.1; this program: 1.0.0"},
		"no database":         {ours, map[string][]byte{databaseName: nil}, "it has no database"},
		"a damaged database":  {ours, map[string][]byte{databaseName: damaged}, "damaged"},
		"no database at all":  {ours, map[string][]byte{databaseName: []byte("text")}, "damaged"},
		"the root of others":  {ours, map[string][]byte{"root.key": otherKey}, "belongs to another key"},
		"an unknown file":     {ours, map[string][]byte{"ideco.db-wal": []byte("x")}, "unexpected entry"},
		"a file outside":      {ours, map[string][]byte{"acme/../../x": []byte("x")}, "unexpected entry"},
		"a temporary file":    {ours, map[string][]byte{"acme/ca/.x.tmp": []byte("x")}, "unexpected entry"},
		"a key of five bytes": {ours, map[string][]byte{"root.key": []byte("text\n")}, "damaged"},
	} {
		var out bytes.Buffer
		all := maps.Clone(files)
		maps.Copy(all, c.change)
		err := backup.Write(&out, to, c.manifest, func(add backup.Add) error {
			for name, content := range all {
				if content == nil {
					continue
				}
				if err := add(name, int64(len(content)), bytes.NewReader(content)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := filepath.Join(t.TempDir(), "data")
		_, err = Restore(t.Context(), elsewhere, &out, RestoreKey{Identities: identity}, false)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if left := filesIn(t, elsewhere); !slices.Equal(left, []string{lockFile}) {
			t.Errorf("%s left %v", name, left)
		}
	}
}

// TestRestorePassphrase: only the passphrase of the backup restores it.
func TestRestorePassphrase(t *testing.T) {
	dir, sealed := usedData(t)
	var out bytes.Buffer
	if _, err := BackUp(t.Context(), dir, "-", &out, BackupKey{Passphrase: passphrase(testPassphrase)}); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "data")
	for _, text := range []string{"", "wrong horse battery", testPassphrase} {
		_, err := Restore(t.Context(), elsewhere, bytes.NewReader(out.Bytes()), RestoreKey{Passphrase: passphrase(text)}, false)
		if right := text == testPassphrase; (err == nil) != right || !right && !errors.Is(err, errBackupKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
	wantRestored(t, elsewhere, sealed, backedUpFiles(t, dir))
}

// TestBackUpFails: a failed backup leaves nothing, and an older file as it is.
func TestBackUpFails(t *testing.T) {
	dir, _ := usedData(t)
	if err := os.WriteFile(databaseIn(dir), []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gateway.backup")
	if err := os.WriteFile(file, []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := BackUp(t.Context(), dir, file, nil, BackupKey{Passphrase: passphrase(testPassphrase)}); err == nil {
		t.Error("no error")
	}
	if left := filesIn(t, filepath.Dir(file)); !slices.Equal(left, []string{"gateway.backup"}) {
		t.Errorf("it leaves %v", left)
	}
	if content, _ := os.ReadFile(file); string(content) != "older" {
		t.Errorf("the older file is %q", content)
	}
	for what, key := range map[string]BackupKey{"a short passphrase": {Passphrase: passphrase("eleven_long")}, "no recipient": {Recipients: "age1nobody"}} {
		if _, err := BackUp(t.Context(), dir, file, nil, key); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestRestoreErrorOnce: the text of an error does not say the same twice.
func TestRestoreErrorOnce(t *testing.T) {
	for _, err := range []error{backup.ErrKey, backup.ErrNotOurs} {
		if text := restoreError(err).Error(); strings.Contains(text, "(") {
			t.Errorf("%s", text)
		}
	}
	if text := restoreError(fmt.Errorf("%w: cut off", backup.ErrDamaged)).Error(); !strings.Contains(text, "cut off") {
		t.Errorf("%s", text)
	}
}
