// Package backup is the format of a backup file: a tar with gzip, encrypted by age (https://age-encryption.org/v1). The first entry is
// the Manifest, the others are the files of the data directory, regular files only. "age -d FILE | tar tz" lists them.
//
// Whoever has a recipient can make a file that its identity decrypts, so a file proves nothing about its origin.
package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"filippo.io/age"
)

// Format is the version of the format that this program writes, and the newest that it reads.
const Format = 1

// Manifest says what a backup is.
type Manifest struct {
	Format   int       `json:"format"`
	Version  string    `json:"version"` // of the program
	Schema   int64     `json:"schema"`  // version of the database's schema
	Made     time.Time `json:"made"`
	Domain   string    `json:"domain"` // of the gateway; empty if none was saved
	Accounts int       `json:"accounts"`
}

// manifestName is the name of the first entry.
const manifestName = "manifest.json"

// Limits of what Read takes.
const (
	maxManifest = 64 << 10
	maxFiles    = 20_000
	maxName     = 300
)

// Errors of Read.
var (
	ErrNotOurs = errors.New("this is not a backup of this program")
	ErrKey     = errors.New("the backup cannot be decrypted with this passphrase or key")
	ErrDamaged = errors.New("the backup is damaged or incomplete")
	ErrNewer   = errors.New("a newer version of the program made the backup")
)

// Add adds a file of exactly size bytes to a backup.
type Add func(name string, size int64, content io.Reader) error

// Write writes a backup. files adds its files. After an error what was written is no complete backup, and Read refuses it.
func Write(w io.Writer, to []age.Recipient, m Manifest, files func(Add) error) error {
	encrypted, err := age.Encrypt(w, to...)
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	compressed, err := gzip.NewWriterLevel(encrypted, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	add := func(name string, size int64, content io.Reader) error {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: m.Made}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
		if n, err := io.Copy(archive, content); err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		} else if n < size {
			return fmt.Errorf("back up %s: %w", name, io.ErrUnexpectedEOF)
		}
		return nil
	}
	if err := add(manifestName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	if err := files(add); err != nil {
		return err
	}
	return errors.Join(archive.Close(), compressed.Close(), encrypted.Close())
}

// Files takes the files of a backup.
type Files struct {
	// Begin is called with the manifest before the first file. Its error ends Read.
	Begin func(Manifest) error
	// Limit returns the most bytes that a file may have; 0 if no file of that name belongs to a backup.
	Limit func(name string) int64
	// File takes a file. It must read all of the content.
	File func(name string, size int64, content io.Reader) error
}

// Read decrypts a backup to its end and passes the manifest and the files on. Only names of which Limit knows, each once, pass. Errors:
// ErrNotOurs, ErrKey, ErrDamaged, ErrNewer, those of Files.
func Read(r io.Reader, with []age.Identity, files Files) (Manifest, error) {
	var m Manifest
	archive, closeArchive, err := open(r, with)
	if err != nil {
		return m, err
	}
	defer closeArchive()
	if m, err = readManifest(archive.Reader); err != nil {
		return m, archive.cause(err)
	}
	if err := files.Begin(m); err != nil {
		return m, err
	}
	seen := map[string]bool{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return m, archive.end()
		}
		if err != nil {
			return m, archive.cause(err)
		}
		if err := check(header, seen, files.Limit); err != nil {
			return m, err
		}
		content := &tracked{r: archive.Reader}
		if err := files.File(header.Name, header.Size, content); content.err != nil {
			return m, archive.cause(content.err)
		} else if err != nil {
			return m, err
		}
	}
}

// check refuses an entry that is no file of a backup.
func check(h *tar.Header, seen map[string]bool, limit func(string) int64) error {
	name := h.Name
	if h.Typeflag != tar.TypeReg || len(name) > maxName || !fs.ValidPath(name) || path.Clean(name) != name || seen[name] || limit(name) == 0 {
		return fmt.Errorf("%w: it has an unexpected entry %.100q", ErrDamaged, name)
	}
	if h.Size > limit(name) {
		return fmt.Errorf("%w: %s has %d bytes; at most %d are read", ErrDamaged, name, h.Size, limit(name))
	}
	if seen[name] = true; len(seen) > maxFiles {
		return fmt.Errorf("%w: it has more than %d files", ErrDamaged, maxFiles)
	}
	return nil
}

// archive is an open backup.
type archive struct {
	*tar.Reader
	compressed *gzip.Reader
	decrypted  *tracked
}

func open(r io.Reader, with []age.Identity) (*archive, func(), error) {
	decrypted, err := age.Decrypt(r, with...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, nil, ErrKey
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %v", ErrNotOurs, err)
	}
	a := &archive{decrypted: &tracked{r: decrypted}}
	if a.compressed, err = gzip.NewReader(a.decrypted); err != nil {
		return nil, nil, a.foreign(err)
	}
	a.Reader = tar.NewReader(a.compressed)
	return a, func() { _ = a.compressed.Close() }, nil
}

// foreign is the error for a decrypted file that is no backup, unless decrypting failed.
func (a *archive) foreign(err error) error {
	if a.decrypted.err != nil {
		return a.cause(err)
	}
	return ErrNotOurs
}

// cause returns ErrDamaged with the error of decrypting, if there is one: it says more than what followed from it.
func (a *archive) cause(err error) error {
	if errors.Is(err, ErrNewer) || errors.Is(err, ErrNotOurs) {
		return err
	}
	if a.decrypted.err != nil {
		err = a.decrypted.err
	}
	return fmt.Errorf("%w: %v", ErrDamaged, err)
}

// end reads what follows the last entry, so that age and gzip check the end of the file.
func (a *archive) end() error {
	rest, err := io.Copy(io.Discard, io.LimitReader(a.compressed, maxManifest))
	if err != nil || rest == maxManifest {
		return a.cause(errors.Join(err, errors.New("there is something behind its end")))
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(a.decrypted, 1)); err != nil || n > 0 {
		return a.cause(errors.Join(err, errors.New("there is something behind its end")))
	}
	return nil
}

func readManifest(archive *tar.Reader) (m Manifest, err error) {
	header, err := archive.Next()
	if err != nil {
		return m, err
	}
	if header.Name != manifestName || header.Typeflag != tar.TypeReg || header.Size > maxManifest {
		return m, ErrNotOurs
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Format < 1 {
		return m, ErrNotOurs
	}
	if m.Format > Format {
		return m, ErrNewer
	}
	return m, nil
}

// tracked remembers the error of a reader, which its users may replace by one of their own.
type tracked struct {
	r   io.Reader
	err error
}

func (t *tracked) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}
