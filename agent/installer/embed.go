package installer

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:template
var embedded embed.FS

// ErrNoTemplate means that this program was built without the installer's template. The cure: install wixl and msitools
// and build the portal again.
var ErrNoTemplate = errors.New("this build has no installer template; install wixl and msitools and build it again")

// ErrNoPortable means that this program was built without the archive for a share. The cure: build the portal with make.
var ErrNoPortable = errors.New("this build has no program for a share; build it with make")

// Embedded is the template that was built into this program, or ErrNoTemplate.
func Embedded() ([]byte, error) { return fromFiles(embedded, "template/IdecoAgent.msi", ErrNoTemplate) }

// Portable is the archive with the program for a share that was built into this program, or ErrNoPortable.
func Portable() ([]byte, error) {
	return fromFiles(embedded, "template/IdecoAgent-portable.zip", ErrNoPortable)
}

// fromFiles reads a file that need not be there.
func fromFiles(files fs.FS, name string, absent error) ([]byte, error) {
	b, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent
	}
	if err != nil {
		return nil, fmt.Errorf("read the embedded %s: %w", name, err)
	}
	return b, nil
}
