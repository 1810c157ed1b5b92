package web

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms lists which of our packages each of our packages may import. A package that is not listed has the rules of the nearest
// listed parent.
var rooms = map[string][]string{
	"agent":                    {},
	"agent/atomicfile":         {},
	"agent/memory":             {},
	"agent/secretbox":          {},
	"agent/netstack":           {},
	"agent/wgbind":             {},
	"agent/passwordline":       {},
	"agent/spelling":           {},
	"agent/xlsx":               {},
	"agent/protocol":           {"agent"},
	"agent/access":             {"agent"},
	"agent/accountcsv":         {"agent"},
	"agent/backup":             {},
	"agent/store":              {"agent"},
	"agent/directory":          {"agent", "agent/directory/kerberos"},
	"agent/directory/kerberos": {"agent"},
	"agent/directory/lab":      {"agent/needs"}, // for tests; nothing else may import it
	"agent/wireguard":          {"agent"},
	"agent/firewall":           {"agent"},
	"agent/installer":          {"agent"},
	"agent/netlab":             {"agent/needs"}, // for tests; nothing else may import it
	"agent/client":             {"agent", "agent/protocol", "agent/client", "agent/client/locale", "agent/client/settings", "agent/client/tunnel", "agent/client/pipe", "agent/client/service", "agent/client/window", "agent/client/logfile", "agent/client/session", "agent/client/netwatch", "agent/client/diagnose", "agent/client/localcopy"},
	"agent/client/locale":      {"agent"},
	"handlers":                 {"agent", "agent/access", "agent/accountcsv", "agent/protocol", "templates", "templates/guide", "templates/locale", "static"},
	"templates":                {"agent", "static", "templates/guide", "templates/locale"},
	"templates/guide":          {},
	"templates/locale":         {"agent"},
	"static":                   {},
	"web":                      {"agent", "agent/access", "agent/backup", "agent/protocol", "agent/store", "agent/directory", "agent/wireguard", "agent/firewall", "agent/installer", "handlers", "templates", "templates/locale", "static", "web/certs", "web/systemd"},
	"web/certs":                {"agent"},
	"web/certs/acmetest":       {}, // for tests; nothing else may import it
	"web/e2e":                  {"agent", "agent/installer", "agent/protocol", "web"},
	"web/e2e/acmelab":          {"agent/directory/lab", "agent/needs"}, // for tests; nothing else may import it
	"web/e2e/window":           {"agent/client/locale", "agent/client/pipe", "agent/client/session"},
	"cmd/docs":                 {}, // for the builds with the tag docs; nothing else may import it
	"cmd/sbom":                 {},
	"web/systemd":              {},
	"cmd/ideco-portal":         {"web", "web/systemd"},
	"cmd/ideco-agent/validate": {"agent/installer"},
	"cmd/ideco-agent":          {"agent", "agent/client", "agent/client/locale", "agent/client/settings", "agent/client/tunnel", "agent/client/service", "agent/client/pipe", "agent/client/session", "agent/client/logfile", "agent/client/window", "agent/client/diagnose", "agent/client/localcopy", "agent/client/netwatch", "agent/client/ticket"},
}

// leaves do one thing each and import nothing of ours. Every package may import them.
var leaves = []string{"agent/atomicfile", "agent/memory", "agent/netstack", "agent/passwordline", "agent/secretbox", "agent/spelling", "agent/wgbind", "agent/xlsx"}

const module = "ideco-agent/"

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// TestImports: package agent imports nothing of ours, adapters do not import each other, handlers import no adapter, and only
// web imports them all.
func TestImports(t *testing.T) {
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := roomOf(name)
		if !ok {
			t.Errorf("%s is in no room: say in this test what it may import", name)
		}
		for _, imported := range p.Imports {
			if ours, is := strings.CutPrefix(imported, module); is && !slices.Contains(allowed, ours) && !slices.Contains(leaves, ours) {
				t.Errorf("%s imports %s, which its room does not allow", name, ours)
			}
		}
	}
}

// TestImportsOfTheAgentProgram: the agent program contains no server code.
func TestImportsOfTheAgentProgram(t *testing.T) {
	for _, p := range goList(t, "./cmd/ideco-agent") {
		for _, d := range p.Deps {
			ours, is := strings.CutPrefix(d, module)
			if is && !strings.HasPrefix(ours, "agent/client") && ours != "agent" && ours != "agent/protocol" && !slices.Contains(leaves, ours) {
				t.Errorf("the agent program links %s", ours)
			}
			for _, server := range []string{"github.com/labstack/echo", "modernc.org/sqlite", "github.com/a-h/templ", "github.com/alecthomas/kong"} {
				if strings.HasPrefix(d, server) {
					t.Errorf("the agent program links %s", d)
				}
			}
		}
	}
}

// roomOf returns the rules of a package: its own, or those of the nearest listed parent.
func roomOf(name string) ([]string, bool) {
	for {
		if allowed, ok := rooms[name]; ok {
			return allowed, true
		}
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return nil, false
		}
		name = name[:i]
	}
}

func goList(t *testing.T, pattern string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", pattern)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
