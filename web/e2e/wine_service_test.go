//go:build wine

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const serviceKey = `HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\IdecoAgent`

// windowProcess is the program window, which uses the service as the agent's window does.
type windowProcess struct {
	t        testing.TB
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	statuses chan windowStatus
	seen     []windowStatus
	said     *lockedBuffer
	done     chan struct{} // closed when the process has ended
}

// windowStatus is the status that a window shows.
type windowStatus struct {
	accessStatus `json:"status"`
	Control      string
	Problem      *struct{ Code, Message string }
}

type accessStatus struct {
	State   string `json:"state"`
	Mode    string `json:"mode"`
	Address string `json:"address"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Login   string `json:"login"`
}

// goForWindows runs a go command for Windows: with the current Go for Windows 10, and with Go 1.20 for Windows 8.
func goForWindows(t testing.TB, windows, command, to, program string) {
	t.Helper()
	args := []string{command}
	if command == "test" {
		args = append(args, "-c")
	}
	environment := []string{"CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64"}
	if windows == "win8" {
		args = append(args, "-modfile=cmd/ideco-agent/win8.mod")
		environment = append(environment, "GOTOOLCHAIN=go1.20.14", "GOFLAGS=-mod=readonly")
	}
	cmd := exec.Command("go", append(args, "-o", to, program)...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), environment...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s %s: %v\n%s", command, program, err, out)
	}
}

func (p *winePrefix) window() *windowProcess {
	p.t.Helper()
	w := &windowProcess{t: p.t, cmd: p.command(context.Background(), `C:\window.exe`), statuses: make(chan windowStatus, 100),
		said: &lockedBuffer{}, done: make(chan struct{})}
	w.cmd.Stderr = w.said
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(w.done)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var v windowStatus
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				v.State, v.Message = "not JSON", lines.Text()
			}
			w.statuses <- v
		}
		_ = w.cmd.Wait()
	}()
	p.t.Cleanup(w.kill)
	return w
}

// kill kills the process, as a crash would.
func (w *windowProcess) kill() {
	_ = w.cmd.Process.Kill()
	for {
		select {
		case <-w.statuses:
		case <-w.done:
			return
		}
	}
}

func (w *windowProcess) does(wish map[string]string) {
	w.t.Helper()
	b, err := json.Marshal(wish)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.stdin.Write(append(b, '\n')); err != nil {
		w.t.Fatal(err)
	}
}

func (w *windowProcess) logsIn(login, password string) {
	w.t.Helper()
	w.does(map[string]string{"do": "login", "login": login, "password": password})
}

func (w *windowProcess) waits(what string, is func(windowStatus) bool) windowStatus {
	w.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case v := <-w.statuses:
			w.seen = append(w.seen, v)
			if is(v) {
				return v
			}
		case <-w.done:
			w.t.Fatalf("%s: the window has ended; it showed %+v\n%s", what, w.seen, w.said)
		case <-deadline:
			w.t.Fatalf("%s: the window shows %+v\n%s", what, w.seen, w.said)
		}
	}
}

func (w *windowProcess) state(state, control string) windowStatus {
	w.t.Helper()
	return w.waits(state, func(v windowStatus) bool { return v.State == state && v.Control == control })
}

func (w *windowProcess) problem(code string) {
	w.t.Helper()
	w.waits(code, func(v windowStatus) bool {
		return v.Problem != nil && v.Problem.Code == code && v.Problem.Message != ""
	})
}

// TestWineService uses the Windows service as a window does, with a real gateway. Power and Windows sessions are not tested:
// Wine does not report them to a service.
func TestWineService(t *testing.T) {
	base := newPrefix(t)
	for _, windows := range []string{"win8", "win10"} {
		t.Run(windows, func(t *testing.T) {
			p := base.copyAs(t, windows)
			if windows == "win10" {
				p.addProcessPrng()
			}
			if err := os.MkdirAll(filepath.Dir(p.path(installedProgram)), 0o755); err != nil {
				t.Fatal(err)
			}
			goForWindows(t, windows, "build", p.path(installedProgram), "./cmd/ideco-agent")
			goForWindows(t, windows, "build", p.path(`C:\window.exe`), "./web/e2e/window")
			goForWindows(t, windows, "test", p.path(`C:\pipe.test.exe`), "./agent/client/pipe")
			p.serves(t, windows == "win8") // built with a newer Go, the program needs a UDP option that Wine 8 lacks
			p.keepsTrust(t)
		})
	}
}

// serves tests the service from login to logout.
func (p *winePrefix) serves(t *testing.T, tunnels bool) {
	t.Helper()
	socks := freeAddress(t)
	g := startGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.user(map[string]any{"login": "remote", "name": "Удалённый Пётр", "remote_access": true})
	p.must("reg", "add", gatewayKey, "/v", "UtmAddress", "/d", g.where.Agents[0], "/f")
	p.must("reg", "add", gatewayKey, "/v", "UtmPin", "/d", g.pin(), "/f")

	p.holds()
	w := p.window()
	w.does(map[string]string{"do": "knock"})
	w.problem("service_stopped")
	p.must("sc", "create", "IdecoAgent", "binPath=", `"`+installedProgram+`" service --tunnel netstack --socks `+socks)
	t.Log(p.must(`C:\pipe.test.exe`, "-test.run", "Windows", "-test.v"))
	w.problem("service_untrusted")
	p.must("sc", "start", "IdecoAgent")
	if v := w.state("ready", "free"); v.Message != "Шлюз на связи. Введите логин и пароль." || v.Problem != nil {
		t.Errorf("%+v", v)
	}
	w.logsIn("remote", "не тот пароль")
	if v := w.state("error", "free"); v.Code != "bad_credentials" || !strings.Contains(v.Message, "Неверный логин или пароль") {
		t.Errorf("%+v", v)
	}

	w.logsIn("remote", userPassword)
	if v := w.state("authorized", "yours"); v.Mode != "lan" || v.Address != "127.0.0.1" || v.Login != "remote" {
		t.Errorf("%+v", v)
	}
	one := func(s []session) bool { return len(s) == 1 && s[0].Login == "remote" && s[0].State == "connected" }
	none := func(s []session) bool { return len(s) == 0 }
	admin.waitSessions("logged in", one)
	w.does(map[string]string{"do": "logout"})
	w.state("ended", "free")
	admin.waitSessions("logged out", none)

	w.logsIn("remote", userPassword)
	w.state("authorized", "yours")
	g.kill(syscall.SIGKILL)
	w.state("reconnecting", "yours")
	g.startAgain()
	w.state("authorized", "yours")
	admin = g.rest("boss", adminPassword)

	other := p.window() // of the same person
	other.state("authorized", "yours")
	other.kill()
	admin.waitSessions("another window has gone", one)
	w.kill()
	admin.waitSessions("all windows have gone", none)

	w = p.window()
	if tunnels { // from outside
		admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithoutAgent}}, nil)
		w.logsIn("remote", userPassword)
		if v := w.state("tunnel", "yours"); v.Mode != "vpn" || !strings.HasPrefix(v.Address, "10.128.") {
			t.Errorf("%+v", v)
		}
		seesInside(t, socks)
	} else {
		w.logsIn("remote", userPassword)
		w.state("authorized", "yours")
	}
	admin.waitSessions("logged in from a new window", one)
	p.must("sc", "stop", "IdecoAgent")
	admin.waitSessions("the service has stopped", none)
	w.problem("service_stopped")
	if p.registry(serviceKey)[serviceKey]["Description"] == "" {
		t.Error("the service has no description")
	}
	p.leavesLittle(filepath.Dir(p.path(installedProgram)))
}

// holds keeps a program running: Wine ends services with the last program.
func (p *winePrefix) holds() {
	p.t.Helper()
	cmd := p.command(context.Background(), "cmd")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// leavesLittle fails the test unless the service has written only its log and the device's id.
func (p *winePrefix) leavesLittle(dir string) {
	p.t.Helper()
	var names []string
	for _, file := range p.files(`C:\Program Files\Ideco`) {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			p.t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{".", "..", "IdecoAgent.exe", "service", "service/device", "service/service.log"}; !slices.Equal(names, want) {
		p.t.Errorf("there are %q, want %q", names, want)
	}
	b, err := os.ReadFile(filepath.Join(dir, "service", "service.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	serviceLog := string(b)
	p.t.Logf("service.log:\n%s", serviceLog)
	if !strings.Contains(serviceLog, "starts as a service") || !strings.Contains(serviceLog, "has stopped") {
		p.t.Error("the log has no entries of start and stop")
	}
	if strings.Contains(serviceLog, userPassword) || strings.Contains(serviceLog, "не тот пароль") {
		p.t.Error("the log has a password in it")
	}
}
