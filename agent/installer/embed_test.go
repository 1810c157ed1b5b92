package installer

import (
	"archive/zip"
	"errors"
	"testing"
	"testing/fstest"
)

func TestEmbedded(t *testing.T) {
	const name = "template/IdecoAgent.msi"
	readme := fstest.MapFS{"template/README.md": {Data: []byte("# none")}}
	if _, err := fromFiles(readme, name, ErrNoTemplate); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("only the README: %v, want ErrNoTemplate", err)
	}
	built := fstest.MapFS{name: {Data: []byte("msi")}}
	if got, err := fromFiles(built, name, ErrNoTemplate); err != nil || got.Size() != 3 {
		t.Errorf("a built template: %v, %v", got, err)
	}
	if _, err := embedded.ReadFile("template/README.md"); err != nil {
		t.Error(err)
	}
	// The embedded template must be valid.
	template, err := Embedded()
	if errors.Is(err, ErrNoTemplate) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(template); err != nil {
		t.Error(err)
	}
	if err := Validate(template); err != nil {
		t.Error(err)
	}
}

func TestPortable(t *testing.T) {
	archive, err := Portable()
	if errors.Is(err, ErrNoPortable) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(archive, archive.Size()); err != nil {
		t.Error(err)
	}
}
