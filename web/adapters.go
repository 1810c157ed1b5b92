package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// msi is the embedded installer, or the reason why there is none.
type msi struct {
	template *installer.Template
	programs func() ([]templates.Program, error)
	absent   error
}

// openInstaller checks the embedded template. A missing template is no error. A broken one is, so that a bad build fails at
// its first start.
func openInstaller() (msi, error) {
	b, err := installer.Embedded()
	if errors.Is(err, installer.ErrNoTemplate) {
		return msi{absent: err}, nil
	}
	if err != nil {
		return msi{}, err
	}
	template, err := installer.Open(b)
	return msi{template: template, programs: sync.OnceValues(func() ([]templates.Program, error) { return programsOf(template) })}, err
}

// programsOf unpacks the whole installer, which takes a third of a second. It runs when a page first needs it, so that it
// does not delay a restart.
func programsOf(t *installer.Template) ([]templates.Program, error) {
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
	return m.template.Preset(host, pin)
}

func (m msi) Size() int64 {
	if m.absent != nil {
		return 0
	}
	return m.template.Size()
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
	driver           bool
	policy, portable handlers.ZipFile
}

func openDownloads(m msi) (downloads, error) {
	d := downloads{driver: m.template != nil && m.template.Wintun() != ""}
	policy, err := installer.Policy()
	if err != nil {
		return d, err
	}
	portable, err := installer.Portable()
	if err != nil && !errors.Is(err, installer.ErrNoPortable) {
		return d, err
	}
	d.policy, d.portable = archive(policy), archive(portable)
	return d, nil
}

func archive(content []byte) handlers.ZipFile {
	sum := sha256.Sum256(content)
	return handlers.ZipFile{Content: content, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

func (d downloads) Driver() bool             { return d.driver }
func (d downloads) Policy() handlers.ZipFile { return d.policy }

func (d downloads) Portable() (handlers.ZipFile, bool) {
	return d.portable, len(d.portable.Content) > 0
}
