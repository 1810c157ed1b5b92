package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

// patience limits every wait of these tests.
const patience = netlab.Patience

// Paths of REST.
const (
	settingPath  = "/agent_backend/wireguard/setting"
	statePath    = "/agent_backend/wireguard/state"
	sessionsPath = "/monitor_backend/auth_sessions/"
)

type gateway struct {
	t     testing.TB
	data  string
	where listening
	flags []string // of serve, besides the listen addresses
	cmd   *exec.Cmd
	log   *lockedBuffer
	done  chan struct{} // closed when the process has ended

	systemd  *serviceManager  // starts the process; nil = the test does
	stopHere func()           // stops a gateway inside this process
	now      func() time.Time // the clock of its throttle; nil = time.Now
}

// listening is the process's log line with its addresses.
type listening struct {
	Msg    string   `json:"msg"`
	Portal []string `json:"portal"`
	Agents []string `json:"agents"`
	HTTP   []string `json:"http"`
}

// startGateway starts a gateway on free ports of loopback with an empty data directory, and stops it after the test. It has a
// tunnel and a firewall only if the flags say so.
func startGateway(t testing.TB, flags ...string) *gateway {
	t.Helper()
	if len(flags) == 0 {
		flags = []string{"--tunnel", "off"}
	}
	if !slices.Contains(flags, "--firewall") {
		flags = append(flags, "--firewall", "off") // one gateway of a machine owns the table
	}
	g := &gateway{t: t, data: filepath.Join(t.TempDir(), "data"), flags: flags}
	g.start("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() {
		g.kill(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", g.log)
		}
	})
	return g
}

func (g *gateway) start(portal, agents, http string) {
	g.t.Helper()
	args := []string{"--data", g.data, "serve", "--log-format", "json", "--portal-listen", portal, "--agent-listen", agents, "--http-listen", http}
	args = append(args, g.flags...)
	if g.systemd != nil {
		g.run(g.systemd.command(args))
	} else {
		g.run(exec.Command(portalProgram, args...))
	}
}

// run starts the gateway by a command, whose log is JSON, and waits until it says that it runs.
func (g *gateway) run(cmd *exec.Cmd) {
	g.t.Helper()
	g.cmd = cmd
	stderr, err := g.cmd.StderrPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.log, g.done = &lockedBuffer{}, make(chan struct{})
	running := make(chan listening, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			fmt.Fprintln(g.log, lines.Text())
			var l listening
			if json.Unmarshal(lines.Bytes(), &l) == nil && l.Msg == "running" {
				running <- l
			}
		}
		_ = g.cmd.Wait()
		close(g.done)
	}()
	select {
	case g.where = <-running:
	case <-g.done:
		g.t.Fatalf("the gateway ended:\n%s", g.log)
	case <-time.After(patience):
		g.t.Fatalf("the gateway does not say that it runs:\n%s", g.log)
	}
}

// startAgain starts the gateway at the addresses at which it listened before.
func (g *gateway) startAgain() {
	g.t.Helper()
	g.start(g.where.Portal[0], g.where.Agents[0], g.where.HTTP[0])
}

func (g *gateway) kill(s syscall.Signal) {
	g.t.Helper()
	_ = g.cmd.Process.Signal(s)
	select {
	case <-g.done:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill()
		g.t.Errorf("the gateway did not end within %v", patience)
	}
}

func (g *gateway) setupLink() string {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.data, "setup-link"))
	if err != nil {
		g.t.Fatal(err)
	}
	link, _, _ := strings.Cut(string(b), "\n") // the first is for this machine
	return link
}

func (g *gateway) roots() *x509.CertPool {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.data, "root.pem"))
	if err != nil {
		g.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		g.t.Fatal("root.pem holds no certificate")
	}
	return pool
}

// client returns an HTTP client with cookies that trusts only the gateway's own root. from is its source address; the system
// chooses one for the zero value.
func (g *gateway) client(from netip.Addr) *http.Client {
	g.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	dialer := &net.Dialer{Timeout: patience}
	if from.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: from.AsSlice()}
	}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: g.roots()}}
	g.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: patience}
}

// rest is a client of the REST interface that is signed in.
type rest struct {
	*http.Client
	g *gateway
}

func (g *gateway) rest(login, password string) rest {
	g.t.Helper()
	r := rest{g.client(netip.Addr{}), g}
	r.must("POST", "/web/auth/login", map[string]string{"login": login, "password": password}, nil)
	return r
}

// call sends JSON and returns status and body.
func (r rest) call(method, path string, body any) (int, []byte) {
	r.g.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			r.g.t.Fatal(err)
		}
		payload = bytes.NewReader(b)
	}
	request, err := http.NewRequest(method, "https://"+r.g.where.Portal[0]+path, payload)
	if err != nil {
		r.g.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.Do(request)
	if err != nil {
		r.g.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		r.g.t.Fatal(err)
	}
	return response.StatusCode, b
}

// must is call, but fails the test on an error; into may be nil.
func (r rest) must(method, path string, body, into any) {
	r.g.t.Helper()
	status, b := r.call(method, path, body)
	if status != http.StatusOK {
		r.g.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			r.g.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// session is a session in the monitor's REST answer.
type session struct {
	ID      string `json:"id"`
	Login   string `json:"login"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Address string `json:"address"`
	Subnet  string `json:"subnet"`
	User    string `json:"user_object_id"`
	Module  string `json:"auth_module"`
	Domain  string `json:"directory"` // "local" or the directory

	MAC *string `json:"mac"`
	Rx  *uint64 `json:"rx"`
	Tx  *uint64 `json:"tx"`
}

func (r rest) sessions() []session {
	r.g.t.Helper()
	var list []session
	r.must("GET", "/monitor_backend/auth_sessions", nil, &list)
	return list
}

// waitSessions polls the monitor until its sessions are as wanted.
func (r rest) waitSessions(what string, wanted func([]session) bool) []session {
	r.g.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		list := r.sessions()
		if wanted(list) {
			return list
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.g.t.Fatalf("%s: the monitor still shows %+v", what, list)
		}
	}
}

// administrator creates the first administrator on the command line and signs in.
func (g *gateway) administrator() rest {
	g.t.Helper()
	cmd := exec.Command(portalProgram, "--data", g.data, "admin", "create", "--login", "boss")
	cmd.Stdin = strings.NewReader(adminPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("admin create: %v\n%s", err, out)
	}
	return g.rest("boss", adminPassword)
}

const (
	adminPassword = "correct horse battery"
	userPassword  = "кот на окне 7"
)

// user creates an account with userPassword and returns its id.
func (r rest) user(fields map[string]any) int64 {
	r.g.t.Helper()
	body := map[string]any{"psw": userPassword}
	for k, v := range fields {
		body[k] = v
	}
	var made struct {
		ID int64 `json:"id"`
	}
	r.must("POST", "/user_backend/users", body, &made)
	return made.ID
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
