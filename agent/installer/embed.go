package installer

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

//go:embed all:template
var embedded embed.FS

// ErrNoTemplate means that this program was built without the template.
var ErrNoTemplate = errors.New("this build has no installer template; install wixl and msitools and build it again")

// ErrNoPortable means that this program was built without the archive of programs for a network share.
var ErrNoPortable = errors.New("this build has no program for a share; build it with make")

// Embedded returns the embedded template. Errors: ErrNoTemplate.
func Embedded() (File, error) { return fromFiles(embedded, "template/IdecoAgent.msi", ErrNoTemplate) }

// Portable returns the embedded archive of the programs that run from a network share. Errors: ErrNoPortable.
func Portable() (File, error) {
	return fromFiles(embedded, "template/IdecoAgent-portable.zip", ErrNoPortable)
}

// fromFiles opens a file without copying it. If it is missing, the error is absent.
func fromFiles(files fs.FS, name string, absent error) (File, error) {
	f, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent
	}
	if err != nil {
		return nil, fmt.Errorf("open the embedded %s: %w", name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the embedded %s: %w", name, err)
	}
	return io.NewSectionReader(f.(io.ReaderAt), 0, info.Size()), nil // files of an embed.FS are io.ReaderAt and need no Close
}
