package installer

import (
	"errors"
	"testing"
	"testing/fstest"
)

func TestEmbedded(t *testing.T) {
	readme := fstest.MapFS{"template/README.md": {Data: []byte("# none")}}
	if _, err := fromFiles(readme); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("README alone: %v, want ErrNoTemplate", err)
	}
	built := fstest.MapFS{"template/IdecoAgent.msi": {Data: []byte("msi")}}
	if got, err := fromFiles(built); err != nil || string(got) != "msi" {
		t.Errorf("a built template: %q, %v", got, err)
	}
	if _, err := embedded.ReadFile("template/README.md"); err != nil {
		t.Error(err)
	}
	// What this very build has must be usable.
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
}
