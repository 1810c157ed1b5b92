package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
)

// TestSignInScriptOfTheManual: the script in the manual, run by a shell with curl, gives access to its computer.
func TestSignInScriptOfTheManual(t *testing.T) {
	needs.Program(t, "curl", "curl")
	g := startGateway(t)
	admin := g.administrator()
	networks := []string{"127.0.0.0/8"}
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"local_networks": networks, "browser_sign_in_networks": networks}, nil)
	admin.user(map[string]any{"login": "ivanov", "psw": "correct horse battery"})
	for _, lang := range []string{"ru", "en"} {
		page, err := os.ReadFile("../../templates/guide/" + lang + "/rest.md")
		if err != nil {
			t.Fatal(err)
		}
		_, script, found := strings.Cut(string(page), "\n    at=")
		script, _, _ = strings.Cut("at="+script, "\n\n")
		script = strings.NewReplacer("gw.company.ru:8443", g.where.Portal[0], "gw.company.com:8443", g.where.Portal[0], "root.pem", filepath.Join(g.data, "root.pem"), "10.0.0.5", "127.0.0.1").Replace(script)
		out, err := exec.Command("sh", "-euc", script).Output()
		if !found || err != nil || strings.TrimSpace(string(out)) != "{}" {
			t.Errorf("%s: %v, %s\n%s", lang, err, out, script)
		}
		var list []session
		admin.must("GET", "/monitor_backend/auth_sessions", nil, &list)
		if len(list) != 1 || list[0].Kind != "web" || list[0].Login != "ivanov" || list[0].Address != "127.0.0.1" {
			t.Fatalf("%s: the sessions are %+v", lang, list)
		}
		admin.must("DELETE", "/monitor_backend/auth_sessions/"+list[0].ID, nil, nil)
	}
}
