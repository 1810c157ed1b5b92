package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// entry is an entry of a tar.
type entry struct {
	tar.Header
	content string
}

func file(name, content string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o600}, content}
}

const manifestText = `{"format":1,"version":"1.0.0","schema":13,"made":"2026-11-28T10:00:00Z","domain":"gw.company.ru","accounts":7}`

// newIdentity returns a key pair.
func newIdentity(t *testing.T) (*age.X25519Identity, []age.Recipient) {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i, []age.Recipient{i.Recipient()}
}

// encrypted returns an encrypted tar with these entries, and bytes behind it.
func encrypted(t *testing.T, to []age.Recipient, behind string, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(w)
	a := tar.NewWriter(z)
	for _, e := range entries {
		if err := a.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.Write(nil)
	if err := errors.Join(err, a.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(behind)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a backup that may have the files db, key and dir/cert, of at most 1000 bytes.
func read(b []byte, with ...age.Identity) (Manifest, map[string]string, error) {
	files := map[string]string{}
	m, err := Read(bytes.NewReader(b), with, Files{
		Begin: func(Manifest) error { return nil },
		Limit: func(name string) int64 {
			if name == "db" || name == "key" || name == "dir/cert" {
				return 1000
			}
			return 0
		},
		File: func(name string, _ int64, content io.Reader) error {
			b, err := io.ReadAll(content)
			files[name] = string(b)
			return err
		},
	})
	return m, files, err
}

func TestRoundTrip(t *testing.T) {
	identity, to := newIdentity(t)
	passphrase, err := ToPassphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	fromPassphrase, err := FromPassphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	want := Manifest{Format: Format, Version: "1.0.0", Schema: 13, Made: time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC), Domain: "gw.company.ru", Accounts: 7}
	files := map[string]string{"db": strings.Repeat("a page ", 100), "key": "", "dir/cert": "x"}
	for name, c := range map[string]struct {
		to   []age.Recipient
		with []age.Identity
	}{"identity": {to, []age.Identity{identity}}, "passphrase": {passphrase, fromPassphrase}} {
		var out bytes.Buffer
		err := Write(&out, c.to, want, func(add Add) error {
			for name, content := range files {
				if err := add(name, int64(len(content)), strings.NewReader(content)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m, got, err := read(out.Bytes(), c.with...)
		if err != nil || m != want || !maps.Equal(got, files) {
			t.Errorf("%s: %+v, %q, %v", name, m, got, err)
		}
	}
}

// TestWriteShortFile: a file that has fewer bytes than announced, or more, is an error.
func TestWriteShortFile(t *testing.T) {
	_, to := newIdentity(t)
	for _, size := range []int64{2, 4} {
		err := Write(io.Discard, to, Manifest{Format: Format}, func(add Add) error { return add("db", size, strings.NewReader("abc")) })
		if err == nil {
			t.Errorf("%d bytes announced, 3 written: no error", size)
		}
	}
}

// TestReadRefuses: files that are no whole backup, with another key or with unexpected entries, are refused with the right error.
func TestReadRefuses(t *testing.T) {
	identity, to := newIdentity(t)
	_, others := newIdentity(t)
	manifest := file("manifest.json", manifestText)
	whole := encrypted(t, to, "", manifest, file("db", strings.Repeat("page", 200)))
	link := entry{Header: tar.Header{Name: "key", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}}
	hard := entry{Header: tar.Header{Name: "key", Typeflag: tar.TypeLink, Linkname: "db"}}
	directory := entry{Header: tar.Header{Name: "key", Typeflag: tar.TypeDir}}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":                   {nil, ErrNotOurs},
		"not age":                 {[]byte("SQLite format 3\x00"), ErrNotOurs},
		"another key":             {encrypted(t, others, "", manifest), ErrKey},
		"no manifest":             {encrypted(t, to, "", file("db", "x")), ErrNotOurs},
		"a manifest of others":    {encrypted(t, to, "", file("manifest.json", `{"name":"x"}`)), ErrNotOurs},
		"a manifest without JSON": {encrypted(t, to, "", file("manifest.json", `x`)), ErrNotOurs},
		"a huge manifest":         {encrypted(t, to, "", file("manifest.json", strings.Repeat(" ", maxManifest+1))), ErrNotOurs},
		"a newer format":          {encrypted(t, to, "", file("manifest.json", `{"format":2}`)), ErrNewer},
		"no entry":                {encrypted(t, to, ""), ErrDamaged},
		"cut off":                 {whole[:len(whole)-20], ErrDamaged},
		"cut off in the header":   {whole[:100], ErrNotOurs},
		"changed":                 {append(whole[:len(whole)-5:len(whole)-5], 1, 2, 3, 4, 5), ErrDamaged},
		"more behind it":          {encrypted(t, to, "more", manifest), ErrDamaged},
		"above the directory":     {encrypted(t, to, "", manifest, file("../db", "x")), ErrDamaged},
		"an absolute name":        {encrypted(t, to, "", manifest, file("/db", "x")), ErrDamaged},
		"an odd name":             {encrypted(t, to, "", manifest, file("./db", "x")), ErrDamaged},
		"up and down":             {encrypted(t, to, "", manifest, file("dir/../db", "x")), ErrDamaged},
		"a long name":             {encrypted(t, to, "", manifest, file(strings.Repeat("d", maxName+1), "x")), ErrDamaged},
		"an unknown file":         {encrypted(t, to, "", manifest, file("authorized_keys", "x")), ErrDamaged},
		"a second manifest":       {encrypted(t, to, "", manifest, manifest), ErrDamaged},
		"a file twice":            {encrypted(t, to, "", manifest, file("db", "x"), file("db", "y")), ErrDamaged},
		"a large file":            {encrypted(t, to, "", manifest, file("db", strings.Repeat("x", 1001))), ErrDamaged},
		"a symbolic link":         {encrypted(t, to, "", manifest, link), ErrDamaged},
		"a hard link":             {encrypted(t, to, "", manifest, file("db", "x"), hard), ErrDamaged},
		"a directory":             {encrypted(t, to, "", manifest, directory), ErrDamaged},
	} {
		if _, files, err := read(c.file, identity); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v; files %q", name, err, c.want, files)
		}
	}
	if _, files, err := read(whole, identity); err != nil || len(files) != 1 {
		t.Errorf("the whole one: %v, %d files", err, len(files))
	}
}

// TestEveryCut: a backup that ends early is refused wherever it ends.
func TestEveryCut(t *testing.T) {
	identity, to := newIdentity(t)
	whole := encrypted(t, to, "", file("manifest.json", manifestText), file("db", "a database"))
	for n := range len(whole) {
		if _, _, err := read(whole[:n], identity); err == nil {
			t.Errorf("%d of %d bytes are taken for a backup", n, len(whole))
		}
	}
}

func TestPassphrases(t *testing.T) {
	for text, ok := range map[string]bool{"": false, "eleven_long": false, "twelve__long": true, "двенадцать12": true, strings.Repeat("x", 1000): true,
		strings.Repeat("x", 1001): false} {
		if _, err := ToPassphrase(text); (err == nil) != ok {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	to, err := ToPassphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := FromPassphrase("wrong horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(encrypted(t, to, "", file("manifest.json", manifestText)), wrong...); !errors.Is(err, ErrKey) {
		t.Errorf("with another passphrase: %v", err)
	}
}

// TestCostlyPassphrase: a file that wants gigabytes of memory for its passphrase is refused.
func TestCostlyPassphrase(t *testing.T) {
	text := "age-encryption.org/v1\n-> scrypt bm9uY2Vub25jZW5vbmNlbg 22\n" + strings.Repeat("A", 43) + "\n--- " + strings.Repeat("A", 43) + "\n" + strings.Repeat("x", 100)
	with, err := FromPassphrase("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := read([]byte(text), with...); err == nil || !strings.Contains(err.Error(), "work factor too large") {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	identity, recipient, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if list, err := ParseRecipients("# ours\n" + recipient + "\n"); err != nil || len(list) != 1 {
		t.Errorf("%d recipients, %v", len(list), err)
	}
	if list, err := ParseIdentities("# ours\r\n" + identity + "\r\n"); err != nil || len(list) != 1 {
		t.Errorf("%d identities, %v", len(list), err)
	}
	for _, text := range []string{"", "# nothing", "age1x", identity, strings.Repeat("#", MaxKeys+1)} {
		if _, err := ParseRecipients(text); err == nil || strings.Contains(err.Error(), identity) {
			t.Errorf("recipient %.20q: %v", text, err)
		}
	}
	secret := identity[:len(identity)-1]
	if _, err := ParseIdentities(secret); err == nil || strings.Contains(err.Error(), secret[:30]) {
		t.Errorf("a mistyped identity: %v", err)
	}
}
