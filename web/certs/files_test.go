package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "[at] first*start")
	old := syscall.Umask(0o077) // a strict one must not make root.pem unreadable
	defer syscall.Umask(old)
	a := openWith(t, dir, domains...)
	for name, want := range map[string]fs.FileMode{"root.pem": 0o644, "root.key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	if got := list(t, dir); !slices.Equal(got, []string{"root.key", "root.pem"}) {
		t.Errorf("the directory holds %v", got)
	}
	if got := read(t, dir, rootFile); !bytes.Equal(got, a.rootPEM()) {
		t.Error("root.pem is not the current root")
	}
	if block, rest := pem.Decode(read(t, dir, keyFile)); block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		t.Error("root.key is not one PKCS#8 key")
	}
}

func TestLostRootIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	remove(t, dir, rootFile)
	again := openWith(t, dir, domains...)
	if a.Pin() != again.Pin() {
		t.Errorf("pin %s became %s", a.Pin(), again.Pin())
	}
	if !bytes.Equal(read(t, dir, rootFile), again.rootPEM()) {
		t.Error("root.pem is not back")
	}
	roots := poolOf(t, a) // a machine that installed the lost one
	if _, err := servedLeaf(t, again, domains[0]).Verify(x509.VerifyOptions{Roots: roots, DNSName: domains[0]}); err != nil {
		t.Error(err)
	}
}

// TestCrash: a half-written temporary key file has no effect.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	write(t, filepath.Join(dir, ".root.key.123.tmp"), read(t, dir, keyFile)[:40])
	again := openWith(t, dir)
	if !bytes.Equal(a.rootPEM(), again.rootPEM()) {
		t.Error("another root after a crash")
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	directory(rootFile)(t, dir)
	if err := a.SetNames([]string{"new.ru"}); err == nil {
		t.Fatal("accepted though root.pem cannot be replaced")
	}
	if want := []string{"root.key", "root.pem"}; !slices.Equal(list(t, dir), want) {
		t.Errorf("the directory holds %v, want %v", list(t, dir), want)
	}
	if !slices.Contains(a.names(), domains[0]) {
		t.Errorf("the names in force are %v", a.names())
	}
}

// TestCrashBetweenKeyAndRoot: the first start crashed between writing its two files.
func TestCrashBetweenKeyAndRoot(t *testing.T) {
	dir := t.TempDir()
	if _, err := loadOrMakeKey(dir); err != nil {
		t.Fatal(err)
	}
	key := read(t, dir, keyFile)
	openWith(t, dir, domains...)
	if !bytes.Equal(key, read(t, dir, keyFile)) {
		t.Error("the key was made twice")
	}
}

func TestBrokenFilesStopTheStart(t *testing.T) {
	otherDir := t.TempDir()
	openWith(t, otherDir, domains...)
	otherKey, otherRoot := read(t, otherDir, keyFile), read(t, otherDir, rootFile)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, content []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), content) }
	}
	change := func(name string, how func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), how(read(t, dir, name))) }
	}
	for name, c := range map[string]struct {
		harm func(*testing.T, string)
		file string // that the error names
		cure string // that it contains
	}{
		"key lost":                {func(t *testing.T, dir string) { remove(t, dir, keyFile) }, keyFile, "backup"},
		"key empty":               {put(keyFile, nil), keyFile, "backup"},
		"key is noise":            {put(keyFile, []byte("\x00\xffnoise")), keyFile, "backup"},
		"key cut":                 {change(keyFile, func(b []byte) []byte { return b[:len(b)/2] }), keyFile, "backup"},
		"key is a certificate":    {put(keyFile, otherRoot), keyFile, "backup"},
		"key with broken DER":     {put(keyFile, pemOf("PRIVATE KEY", []byte("no DER"))), keyFile, "backup"},
		"key in SEC 1":            {put(keyFile, pemOf("EC PRIVATE KEY", []byte("…"))), keyFile, "backup"},
		"key on another curve":    {put(keyFile, pkcs8(t, p384)), keyFile, "backup"},
		"key of another kind":     {put(keyFile, pkcs8(t, edwards)), keyFile, "backup"},
		"key of another gateway":  {put(keyFile, otherKey), rootFile, "backup"},
		"key is a directory":      {directory(keyFile), keyFile, "is a directory"},
		"root empty":              {put(rootFile, nil), rootFile, "remove it"},
		"root is noise":           {put(rootFile, []byte("\x00\xffnoise")), rootFile, "remove it"},
		"root cut":                {change(rootFile, func(b []byte) []byte { return b[:len(b)/2] }), rootFile, "remove it"},
		"root is a key":           {put(rootFile, otherKey), rootFile, "remove it"},
		"root with broken DER":    {put(rootFile, pemOf("CERTIFICATE", []byte("no DER"))), rootFile, "remove it"},
		"root of another gateway": {put(rootFile, otherRoot), rootFile, "remove"},
		"root with a bit flipped": {change(rootFile, flipSignature), rootFile, "remove it"},
		"root twice":              {change(rootFile, func(b []byte) []byte { return append(b, b...) }), rootFile, "remove it"},
		"root with the key":       {change(rootFile, func(b []byte) []byte { return append(b, otherKey...) }), rootFile, "remove it"},
		"root with a broken key":  {change(rootFile, func(b []byte) []byte { return append([]byte("-----BEGIN PRIVATE KEY-----\nAB\n"), b...) }), rootFile, "remove it"},
		"root is a directory":     {directory(rootFile), rootFile, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			openWith(t, dir, domains...)
			c.harm(t, dir)
			before := contents(t, dir)
			_, err := Open(dir)
			if err == nil {
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), filepath.Join(dir, c.file)) || !strings.Contains(err.Error(), c.cure) {
				t.Errorf("the error names no file or no cure: %v", err)
			}
			if after := contents(t, dir); after != before {
				t.Errorf("the files changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// TestCures: the advice in the errors works.
func TestCures(t *testing.T) {
	dir := t.TempDir()
	pin := openWith(t, dir, domains...).Pin()
	write(t, filepath.Join(dir, rootFile), []byte("noise"))
	remove(t, dir, rootFile)
	if again := openWith(t, dir); again.Pin() != pin {
		t.Error("removing root.pem lost the pin")
	}
	remove(t, dir, rootFile)
	remove(t, dir, keyFile)
	if fresh := openWith(t, dir); fresh.Pin() == pin {
		t.Error("removing both made no new root")
	}
}

// TestForeignFormIsReplaced: a root of the same key that permits more, or has the form of an earlier version, is
// replaced at the start.
func TestForeignFormIsReplaced(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	loose := *a.current.Load().root
	loose.PermittedIPRanges, loose.ExcludedIPRanges, loose.ExtraExtensions = nil, nil, nil
	forged, err := sign(&loose, &loose, a.self().key, a.self().key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, rootFile), encodeRoot(forged))
	again := openWith(t, dir, domains[0])
	if again.Pin() != a.Pin() || !slices.Equal(again.names(), []string{domains[0]}) {
		t.Errorf("pin %s, names %v", again.Pin(), again.names())
	}
	checkBoth(t, again, forge(t, again, "8.8.8.8"), "8.8.8.8", false)
	if bytes.Equal(read(t, dir, rootFile), encodeRoot(forged)) {
		t.Error("root.pem is still the loose one")
	}
}

func TestRootIsRenewed(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	in19Years := func() time.Time { return time.Now().AddDate(19, 0, 0) }
	b, err := open(dir, in19Years)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetNames(domains); err != nil {
		t.Fatal(err)
	}
	if b.Pin() != a.Pin() || !slices.Equal(b.names(), a.names()) {
		t.Errorf("pin %s, names %v", b.Pin(), b.names())
	}
	if end := b.current.Load().root.NotAfter; end.Before(in19Years().AddDate(19, 0, 0)) {
		t.Errorf("the root still ends %v", end)
	}
}

func flipSignature(text []byte) []byte {
	block, _ := pem.Decode(text)
	block.Bytes[len(block.Bytes)-1] ^= 1
	return pem.EncodeToMemory(block)
}

// directory puts a directory in the place of a file.
func directory(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		remove(t, dir, name)
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func remove(t testing.TB, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func contents(t testing.TB, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range list(t, dir) {
		all.WriteString(name + "\n")
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			all.WriteString(info.Mode().String() + "\n")
			all.Write(read(t, dir, name))
		}
	}
	return all.String()
}
