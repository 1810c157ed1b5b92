package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const backupPassphrase = "correct horse battery staple"

// portalCommand runs a command of the gateway's program on a data directory, with the passphrase in its standard input.
func portalCommand(t testing.TB, data string, args ...string) {
	t.Helper()
	cmd := exec.Command(portalProgram, append([]string{"--data", data, "--lang", "en"}, args...)...)
	cmd.Stdin = strings.NewReader(backupPassphrase + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// pinned starts an agent that trusts the gateway by its pin alone.
func (g *gateway) pinned(login, device, pin string) *agentProcess {
	g.t.Helper()
	return watch(g.t, exec.Command(agentProgram, "connect", "--server", g.where.Agents[0], "--login", login, "--password-stdin",
		"--pin", pin, "--state", filepath.Join(g.data, "..", "agent-"+device), "--json"), userPassword)
}

// TestBackupAndRestore: a backup that is made under load brings the gateway back on an empty machine. Agents that were connected at that
// time have to log in once, with the pin that they have; a disabled account stays disabled; nobody is signed in.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "127.0.0.1", "local_networks": []string{"127.0.0.0/8"}, "devices_per_user": 20}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	admin.user(map[string]any{"login": "off", "enabled": false})
	pin := g.pin()
	connected := g.pinned("ivanov", "pc", pin)
	connected.waits("authorized")

	ctx, stop := context.WithCancel(t.Context())
	loaded, firstLoad := make(chan int, 1), make(chan bool, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if status, body := admin.call("POST", "/user_backend/users", map[string]any{"login": fmt.Sprint("load", n), "name": "Load", "psw": userPassword}); status != http.StatusOK {
				t.Errorf("an account during the backup: %d %s", status, body)
				break
			}
			select {
			case firstLoad <- true:
			default:
			}
		}
		loaded <- n
	}()
	<-firstLoad
	file := filepath.Join(t.TempDir(), "gateway.age")
	begun := time.Now()
	portalCommand(t, g.data, "backup", file)
	took := time.Since(begun)
	stop()
	made := <-loaded
	if info, err := os.Stat(file); err != nil {
		t.Fatal(err)
	} else {
		t.Logf("a backup of %d bytes in %v beside %d new accounts", info.Size(), took, made)
	}
	admin.user(map[string]any{"login": "later"})
	g.kill(syscall.SIGKILL)

	g.data = filepath.Join(t.TempDir(), "elsewhere", "data")
	portalCommand(t, g.data, "restore", file)
	g.startAgain()
	if g.pin() != pin {
		t.Error("the pin is another one")
	}
	connected.exits(5) // the token with which it comes back is void
	again := g.pinned("ivanov", "pc", pin)
	again.waits("authorized")
	disabled := g.pinned("off", "pc2", pin)
	if e := disabled.waits("error"); e.Code != "account_disabled" {
		t.Errorf("the disabled account: %+v", e)
	}
	if status, _ := admin.call("GET", settingPath, nil); status != http.StatusUnauthorized {
		t.Errorf("the administrator's browser is signed in: %d", status)
	}
	fresh := g.rest("boss", adminPassword)
	if status, body := fresh.call("GET", "/user_backend/users?limit=1000", nil); status != http.StatusOK || strings.Contains(string(body), `"later"`) ||
		!strings.Contains(string(body), `"load0"`) {
		t.Errorf("accounts: %d %.300s", status, body)
	}
}
