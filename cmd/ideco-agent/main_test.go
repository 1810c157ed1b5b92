package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// With asProgram set the test binary is the program, so that tests use real processes, signals and exit codes.
const asProgram = "IDECO_AGENT_TEST_AS_PROGRAM"

// With asBrowser set to a URL the test binary requests it, and prints the first line of the page and its length in bytes.
const asBrowser = "IDECO_AGENT_TEST_AS_BROWSER"

const testTimeout = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	if url := os.Getenv(asBrowser); url != "" {
		os.Exit(fetch(url))
	}
	os.Exit(m.Run())
}

func fetch(url string) int {
	response, err := (&http.Client{Timeout: testTimeout}).Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fmt.Println(line, len(b))
	return 0
}

// process is a running ideco-agent.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr strings.Builder
}

func start(t *testing.T, stdin string, args ...string) *process {
	t.Helper()
	return startCommand(t, stdin, exec.Command(os.Args[0], args...))
}

// startCommand starts a command that runs the program.
func startCommand(t *testing.T, stdin string, cmd *exec.Cmd) *process {
	t.Helper()
	return startReading(t, strings.NewReader(stdin), &process{t: t, cmd: cmd})
}

func startReading(t *testing.T, stdin io.Reader, p *process) *process {
	t.Helper()
	p.cmd.Env = append(append(os.Environ(), p.cmd.Env...), asProgram+"=1", "LC_ALL=", "LC_MESSAGES=", "LANG=en_US.UTF-8",
		"HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "AppData="+t.TempDir())
	p.cmd.Stdin = stdin
	if p.cmd.Stderr == nil {
		p.cmd.Stderr = &p.stderr
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(testTimeout, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() { watchdog.Stop(); p.cmd.Process.Kill() })
	return p
}

// line returns the next line of standard output.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		p.t.Fatalf("standard output: %v; standard error: %s", err, p.stderr.String())
	}
	return strings.TrimSuffix(line, "\n")
}

// exit waits until the process has ended with the code, and returns the rest of standard output.
func (p *process) exit(code int) string {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		p.t.Error(err)
	}
	_ = p.cmd.Wait() // its error is the exit code
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d; standard error: %s", got, code, p.stderr.String())
	}
	return string(rest)
}

func TestUsage(t *testing.T) {
	good := []string{"connect", "--server", "gw.company.ru", "--login", "ivanov", "--password-stdin"}
	with := func(more ...string) []string { return append(append([]string{}, good...), more...) }
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		stdin string
		says  string
	}{
		{nil, "", "There is no command."},
		{[]string{"disconnect"}, "", "Unknown command: disconnect."},
		{[]string{"version", "more"}, "", "Unexpected argument: more."},
		{[]string{"version", "--more"}, "", "Unknown flag: --more."},
		{[]string{"connect"}, "", "--server"},
		{[]string{"connect"}, "", "utm_address="},
		{[]string{"connect", "--server", "gw"}, "", "--login"},
		{[]string{"connect", "--server", "gw", "--login", "a"}, "", "--password-stdin"},
		{[]string{"connect", "--sso"}, "", "--server"},
		{[]string{"connect", "--server", "gw", "--sso", "--login", "a"}, "", "--sso, or --login"},
		{[]string{"connect", "--server", "gw", "--sso", "--password-stdin"}, "", "--sso, or --login"},
		{[]string{"connect", "--server", "gw", "--sso", "--pin", "x"}, "", "x"},
		{[]string{"connect", "--server", "https://gw/", "--login", "a", "--password-stdin"}, "", "https://gw/"},
		{[]string{"connect", "--server", "gw:0", "--login", "a", "--password-stdin"}, "", "gw:0"},
		{[]string{"connect", "--server", "gw", "--login", "\xff", "--password-stdin"}, "", "UTF-8"},
		{with("--pin", "abc"), "", "abc"},
		{with("--pin", strings.Repeat("A", 43)+"=", "--root", empty), "", "--pin or --root"},
		{with("--root", empty), "", "empty.pem"},
		{with("--root", filepath.Join(empty, "none")), "", "none"},
		{with("--lang", "de"), "", "de"},
		{with("--tunnel", "vpn"), "", "vpn"},
		{with("--tunnel-name", "a/b"), "", "a/b"},
		{with("--tunnel-name", "sixteen-letters0"), "", "sixteen-letters0"},
		{with("--tunnel-name", "-x"), "", "-x"},
		{with("--socks", "127.0.0.1:1080"), "", "--tunnel netstack"},
		{with("--socks-shared"), "", "--tunnel netstack"},
		{with("--tunnel", "netstack", "--socks", "1080"), "", "1080"},
		{with("--tunnel", "netstack", "--socks", "0.0.0.0:1080"), "", "--socks-shared"},
		{with("--tunnel", "netstack", "--socks", "1080", "--socks-shared"), "", "1080"},
		{with("--password", "secret"), "", "-password"},
		{with("--json=perhaps"), "", "perhaps"},
		{with("more"), "", "more"},
		{good, "\xff\n", "UTF-8"},
		{good, strings.Repeat("x", maxPasswordLine+1) + "\n", "1024"},
		{with("--lang", "ru", "more"), "", "Лишнее в командной строке: more."},
	} {
		p := start(t, c.stdin, c.args...)
		if out := p.exit(exitUsage); out != "" {
			t.Errorf("%q: standard output %q", c.args, out)
		}
		if !strings.Contains(p.stderr.String(), c.says) {
			t.Errorf("%q: standard error %q", c.args, p.stderr.String())
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		if out := start(t, "", arg).exit(exitOK); out != "Ideco agent "+agent.Version+" ("+runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH+")\n" {
			t.Errorf("%s: %q", arg, out)
		}
	}
}

func connectArgs(g *gatewaytest.Gateway, more ...string) []string {
	return append([]string{"connect", "--server", net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port))), "--login", "ivanov", "--password-stdin"}, more...)
}

// The events of a session from login to logout, as JSON.
func TestConnectJSON(t *testing.T) {
	passwords := map[string]string{"пароль\r\n": "пароль", "secret\nmore\n": "secret", "no end of line": "no end of line", "\n": "", "": "", " \t\n": " \t",
		"\xef\xbb\xbfпароль\r\n": "пароль", "\xff\xfe\x3f\x040\x04\r\x00\n\x00": "па"} // as Windows PowerShell pipes them
	signals := []os.Signal{syscall.SIGTERM, os.Interrupt}
	for stdin, password := range passwords {
		password := password
		loggedOut := make(chan bool, 1)
		g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
			if a := c.Admit(""); a == nil || a.Password != password || a.Login != "ivanov" || len(a.Device.ID) != 32 {
				t.Errorf("authorize: %+v", a)
			}
			loggedOut <- c.ConfirmLogout()
		})
		p := start(t, stdin, connectArgs(g, "--json", "--pin", g.Root.Pin())...)
		server := net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port)))
		lines := []string{p.line(), p.line(), p.line()}
		if err := p.cmd.Process.Signal(signals[len(stdin)%2]); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, p.line())
		want := []string{
			`{"state":"connecting","mode":"","address":"","expires":"","code":"","message":"Connecting to gateway ` + server + `…","notice":false}`,
			`{"state":"connecting","mode":"","address":"","expires":"","code":"","message":"Logging in to gateway ` + server + `…","notice":false}`,
			`{"state":"authorized","mode":"lan","address":"127.0.0.1","expires":"","code":"","message":"You are connected, access is open.","notice":false}`,
			`{"state":"ended","mode":"","address":"","expires":"","code":"logout","message":"You have logged out. Access is closed.","notice":false}`,
		}
		if !reflect.DeepEqual(lines, want) {
			t.Errorf("printed\n%s", strings.Join(lines, "\n"))
		}
		if rest := p.exit(exitOK); rest != "" {
			t.Errorf("more output %q", rest)
		}
		if !<-loggedOut {
			t.Error("the agent sent no unauthorize")
		}
	}
}

func TestConnectText(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.End("admin", ""); c.Wait() })
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, g.Root.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "secret\n", connectArgs(g, "--lang", "ru", "--root", root)...)
	if got := p.line(); !strings.HasPrefix(got, "Подключаемся к шлюзу 127.0.0.1:") {
		t.Error(got)
	}
	if got := p.line(); !strings.HasPrefix(got, "Входим на шлюз 127.0.0.1:") {
		t.Error(got)
	}
	if got := p.line(); got != "Вы подключены, доступ открыт. (127.0.0.1)" {
		t.Error(got)
	}
	if rest := p.exit(5); rest != "Администратор завершил вашу сессию.\n" {
		t.Error(rest)
	}
}

// TestConnectDetails: diagnostics are printed only with --debug or --json.
func TestConnectDetails(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Wait() })
	other := gatewaytest.NewRoot(t, nil).Pin()
	for _, c := range []struct {
		flag string
		says bool
	}{{"--lang=en", false}, {"--debug", true}, {"--json", true}} {
		p := start(t, "secret\n", connectArgs(g, c.flag, "--pin", other)...)
		p.exit(4)
		if got := strings.Contains(p.stderr.String(), "no root that matches a pin"); got != c.says {
			t.Errorf("%s: standard error %q", c.flag, p.stderr.String())
		}
	}
}

func TestExitCodes(t *testing.T) {
	refusing := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Refuse("bad_credentials", "Wrong.", 0)
		c.Wait()
	})
	ending := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.End("expired", "Over."); c.Wait() })
	absent := gatewaytest.StartHTTP(t, nil, func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	for _, c := range []struct {
		gateway *gatewaytest.Gateway
		pin     string
		exit    int
		last    map[string]string
	}{
		{refusing, refusing.Root.Pin(), 3, map[string]string{"state": "error", "code": "bad_credentials", "message": "Wrong."}},
		{refusing, ending.Root.Pin(), 4, map[string]string{"state": "error", "code": "not_trusted"}},
		{absent, absent.Root.Pin(), 4, map[string]string{"state": "error", "code": "unreachable"}},
		{ending, ending.Root.Pin(), 5, map[string]string{"state": "ended", "code": "expired", "message": "Over."}},
	} {
		p := start(t, "top secret\n", connectArgs(c.gateway, "--json", "--pin", c.pin)...)
		lines := strings.Split(strings.TrimSpace(p.exit(c.exit)), "\n")
		last := map[string]any{}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		for key, want := range c.last {
			if last[key] != want {
				t.Errorf("exit %d: %s is %q, want %q", c.exit, key, last[key], want)
			}
		}
		if all := strings.Join(lines, "") + p.stderr.String(); strings.Contains(all, "top secret") {
			t.Errorf("the password was printed: %s", all)
		}
	}
}

// Each run of one installation sends the same device.
func TestDeviceIsTheSame(t *testing.T) {
	devices := make(chan protocol.Device, 2)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		devices <- *c.Authorize().Device
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials"})
		c.Wait()
	})
	state := filepath.Join(t.TempDir(), "state")
	for i := 0; i < 2; i++ {
		start(t, "x\n", connectArgs(g, "--pin", g.Root.Pin(), "--state", state)...).exit(3)
	}
	if first, second := <-devices, <-devices; first != second || first.OS != runtime.GOOS {
		t.Errorf("%+v, then %+v", first, second)
	}
}
