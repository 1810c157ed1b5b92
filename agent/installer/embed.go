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

// Embedded is the template that was built into this program, or ErrNoTemplate.
func Embedded() ([]byte, error) { return fromFiles(embedded) }

func fromFiles(files fs.FS) ([]byte, error) {
	template, err := fs.ReadFile(files, "template/IdecoAgent.msi")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoTemplate
	}
	if err != nil {
		return nil, fmt.Errorf("read the embedded installer template: %w", err)
	}
	return template, nil
}
