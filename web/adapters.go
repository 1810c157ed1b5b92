package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"ideco-agent/agent/directory"
	"ideco-agent/agent/installer"
	"ideco-agent/handlers"
	"ideco-agent/templates"
)

type passwords struct{}

func (passwords) Hash(ctx context.Context, password string) (string, error) {
	return directory.Hash(ctx, password)
}

func (passwords) HashLater(ctx context.Context, password string) (string, error) {
	return directory.HashLater(ctx, password)
}

// msi is the embedded installer, or the reason why there is none. It is parsed when it is first needed: a start takes neither
// the time nor the memory.
type msi struct {
	size     int64
	template func() (*installer.Template, error)
	programs func() ([]templates.Program, error)
	absent   error
}

// openInstaller opens the embedded template. A missing template is no error.
func openInstaller() (msi, error) {
	file, err := installer.Embedded()
	if errors.Is(err, installer.ErrNoTemplate) {
		return msi{absent: err}, nil
	}
	if err != nil {
		return msi{}, err
	}
	m := msi{size: file.Size(), template: sync.OnceValues(func() (*installer.Template, error) { return installer.Open(file) })}
	m.programs = sync.OnceValues(m.unpack)
	return m, nil
}

// unpack unpacks the whole installer, which takes a third of a second.
func (m msi) unpack() ([]templates.Program, error) {
	t, err := m.template()
	if err != nil {
		return nil, err
	}
	list, err := t.Programs()
	programs := make([]templates.Program, len(list))
	for i, p := range list {
		programs[i] = templates.Program{Name: p.Name, Windows: string(p.Windows), SHA256: hex.EncodeToString(p.SHA256[:])}
	}
	return programs, err
}

func (m msi) Ready() error { return m.absent }

func (m msi) Preset(host, pin string) (handlers.PresetInstaller, error) {
	if m.absent != nil {
		return nil, m.absent
	}
	t, err := m.template()
	if err != nil {
		return nil, err
	}
	return t.Preset(host, pin)
}

// Size returns 0 if there is no installer.
func (m msi) Size() int64 { return m.size }

// version returns the version of the program in the installer. It is empty without an installer, or if that is broken.
func (m msi) version() string {
	if m.absent != nil {
		return ""
	}
	t, err := m.template()
	if err != nil {
		return ""
	}
	return t.Version()
}

// hasDriver reports whether the installer has the VPN driver. A broken installer has none; Programs returns its error.
func (m msi) hasDriver() bool {
	if m.absent != nil {
		return false
	}
	t, err := m.template()
	return err == nil && t.Wintun() != ""
}

// Signed reports whether the installer has a code signature. Nothing signs it yet.
func (msi) Signed() bool { return false }

func (m msi) Programs() ([]templates.Program, error) {
	if m.absent != nil {
		return nil, nil
	}
	return m.programs()
}

// downloads are the embedded files beside the installer.
type downloads struct {
	msi      msi
	policy   handlers.ZipFile
	portable handlers.ZipFile // without Content if this build has none
}

func openDownloads(m msi) (downloads, error) {
	policy, err := installer.Policy()
	if err != nil {
		return downloads{}, err
	}
	d := downloads{msi: m, policy: zipFile(bytes.NewReader(policy))}
	switch portable, err := installer.Portable(); {
	case err == nil:
		d.portable = zipFile(portable)
	case !errors.Is(err, installer.ErrNoPortable):
		return downloads{}, err
	}
	return d, nil
}

// zipFile hashes the file when its ETag is first needed.
func zipFile(file installer.File) handlers.ZipFile {
	return handlers.ZipFile{Content: file, ETag: sync.OnceValues(func() (string, error) {
		sum := sha256.New()
		_, err := io.Copy(sum, io.NewSectionReader(file, 0, file.Size()))
		return `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`, err
	})}
}

func (d downloads) Driver() bool             { return d.msi.hasDriver() }
func (d downloads) Policy() handlers.ZipFile { return d.policy }

func (d downloads) Portable() (handlers.ZipFile, bool) { return d.portable, d.portable.Content != nil }
