package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write the environment file of the package anew")

// defaultHead explains the environment file.
const defaultHead = `# Settings of ideco-agent-backend.service. They take effect after: systemctl restart ideco-agent-backend
# Настройки службы ideco-agent-backend. Они действуют после: systemctl restart ideco-agent-backend
`

// TestEnvironmentFile checks that the environment file of the package has every variable of serve with its default, except
// that of the data directory, which is the unit's, and that of the file itself.
func TestEnvironmentFile(t *testing.T) {
	var c commands
	parser := newParser(&c, "en")
	text := strings.Builder{}
	text.WriteString(defaultHead)
	for _, f := range command(t, parser, "serve").Flags {
		for _, env := range f.Envs {
			if env == "IDECO_ENVIRONMENT_FILE" {
				continue
			}
			value := f.Default
			if env == "IDECO_FIREWALL" {
				value = "nftables" // see the unit
			}
			fmt.Fprintf(&text, "\n# %s\n# %s\n#%s=%s\n", f.Help, strings.ReplaceAll(russian[f.OrigHelp], "${enum}", f.Enum), env, value)
		}
	}
	name := filepath.Join("package", "default")
	if *update {
		if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != text.String() {
		t.Errorf("%s does not match the flags of serve; write it anew with: go test ./cmd/ideco-portal -run TestEnvironmentFile -update", name)
	}

	unit, err := os.ReadFile("ideco-agent-backend.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\nEnvironment=IDECO_FIREWALL=nftables\n", "\nEnvironmentFile=-/etc/default/ideco-portal\n", "\nExecStart=/usr/bin/ideco-portal serve\n"} {
		if !strings.Contains(string(unit), line) {
			t.Errorf("the unit has no line %q: flags on its command line would override the environment file", strings.TrimSpace(line))
		}
	}
}

func command(t *testing.T, parser *kong.Kong, name string) *kong.Node {
	t.Helper()
	for _, child := range parser.Model.Children {
		if child.Name == name {
			return child
		}
	}
	t.Fatalf("there is no command %s", name)
	return nil
}
