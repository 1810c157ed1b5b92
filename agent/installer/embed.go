package installer

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:template
var embedded embed.FS

// ErrNoTemplate means that this program was built without the template.
var ErrNoTemplate = errors.New("this build has no installer template; install wixl and msitools and build it again")

// ErrNoPortable means that this program was built without the archive of programs for a network share.
var ErrNoPortable = errors.New("this build has no program for a share; build it with make")

// Embedded returns the embedded template. Errors: ErrNoTemplate.
func Embedded() ([]byte, error) { return fromFiles(embedded, "template/IdecoAgent.msi", ErrNoTemplate) }

// Portable returns the embedded archive of the programs that run from a network share. Errors: ErrNoPortable.
func Portable() ([]byte, error) {
	return fromFiles(embedded, "template/IdecoAgent-portable.zip", ErrNoPortable)
}

// fromFiles reads a file. If it is missing, the error is absent.
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
