package e2e

import (
	"bytes"
	"fmt"
	"net"
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

	"golang.org/x/sys/unix"
)

// serviceManager does what systemd does for a service with Type=notify and a descriptor store.
type serviceManager struct {
	t        *testing.T
	socket   string
	variable []string // of the service's environment
	messages chan string

	mu    sync.Mutex // guards store
	store map[string]*os.File
}

func newServiceManager(t *testing.T, variable ...string) *serviceManager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify-") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &serviceManager{t: t, socket: filepath.Join(dir, "socket"), variable: variable, messages: make(chan string, 10000), store: map[string]*os.File{}}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, f := range m.store {
			f.Close()
		}
	})
	go m.receive(conn)
	return m
}

func (m *serviceManager) receive(conn *net.UnixConn) {
	text, rights := make([]byte, 4096), make([]byte, 4096)
	for {
		n, oob, _, _, err := conn.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		m.take(string(text[:n]), descriptorsIn(rights[:oob]))
	}
}

func descriptorsIn(oob []byte) (files []*os.File) {
	list, _ := unix.ParseSocketControlMessage(oob)
	for _, c := range list {
		descriptors, _ := unix.ParseUnixRights(&c)
		for _, fd := range descriptors {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "stored"))
		}
	}
	return files
}

// take keeps the descriptors of FDSTORE=1 and closes all others.
func (m *serviceManager) take(message string, files []*os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := strings.Split(message, "\n")
	name := ""
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, "FDNAME="); ok {
			name = value
		}
	}
	switch {
	case slices.Contains(lines, "FDSTORE=1") && len(files) == 1 && m.store[name] == nil:
		m.store[name] = files[0]
		return
	case slices.Contains(lines, "FDSTOREREMOVE=1") && m.store[name] != nil:
		m.store[name].Close()
		delete(m.store, name)
	}
	for _, f := range files {
		f.Close()
	}
	m.messages <- message
}

// names returns the names in the store, in order.
func (m *serviceManager) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.store {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// command returns the service with the descriptors of the store.
func (m *serviceManager) command(args []string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, portalProgram}, args...)...)
	names := m.names()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		cmd.ExtraFiles = append(cmd.ExtraFiles, m.store[name])
	}
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.socket, fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	cmd.Env = append(cmd.Env, m.variable...)
	return cmd
}

// waits returns the next message that contains the text.
func (m *serviceManager) waits(text string) string {
	m.t.Helper()
	late := time.After(patience)
	for {
		select {
		case message := <-m.messages:
			if strings.Contains(message, text) {
				return message
			}
		case <-late:
			m.t.Fatalf("the service does not send %q", text)
		}
	}
}

// startService is startGateway under a serviceManager.
func startService(t *testing.T, m *serviceManager, flags ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, data: filepath.Join(t.TempDir(), "data"), flags: append(flags, "--tunnel", "off", "--firewall", "off"), systemd: m}
	g.start("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() {
		g.kill(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", g.log)
		}
	})
	m.waits("READY=1")
	return g
}

// TestRestartRefusesNoConnection: while the process is restarted, in order or by kill -9, connections wait and none is refused; a request
// that waits is answered. Sessions go on.
func TestRestartRefusesNoConnection(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	g := startService(t, m)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": "gw.example.test"}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	agent := g.agent("ivanov", userPassword, "one")
	agent.waits("authorized")
	before := admin.sessions()[0].ID
	want := m.names()

	stop := make(chan struct{})
	var connecting sync.WaitGroup
	var mu sync.Mutex
	connected, refused := map[string]int{}, map[string]error{}
	for _, at := range []string{g.where.Portal[0], g.where.Agents[0], g.where.HTTP[0]} {
		connecting.Go(func() {
			often := time.NewTicker(5 * time.Millisecond) // else they fill the backlog
			defer often.Stop()
			for {
				select {
				case <-stop:
					return
				case <-often.C:
				}
				conn, err := net.DialTimeout("tcp", at, patience)
				mu.Lock()
				if err != nil {
					refused[at] = err
				} else {
					connected[at]++
				}
				mu.Unlock()
				if err == nil {
					conn.Close()
				}
			}
		})
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		g.kill(s)
		waiting := make(chan error, 1)
		client := g.client(netip.Addr{})
		go func() {
			response, err := client.Get("https://" + g.where.Portal[0] + "/healthz")
			if err == nil {
				response.Body.Close()
			}
			waiting <- err
		}()
		g.startAgain()
		if err := <-waiting; err != nil {
			t.Errorf("after %v: a request that waited: %v", s, err)
		}
		m.waits("READY=1")
		agent.waits("authorized")
		if got := m.names(); !slices.Equal(got, want) {
			t.Errorf("after %v the store has %q, want %q", s, got, want)
		}
	}
	close(stop)
	connecting.Wait()
	for at, err := range refused {
		t.Errorf("%s: %v", at, err)
	}
	if len(connected) != 3 {
		t.Errorf("connections: %v", connected)
	}
	t.Logf("connections: %v", connected)
	admin = g.rest("boss", adminPassword)
	if now := admin.sessions(); len(now) != 1 || now[0].ID != before {
		t.Errorf("sessions: %+v, before it was %s", now, before)
	}
	agent.signal(syscall.SIGTERM)
	agent.exits(0)
}

// TestChangedFlagsCloseStoredListeners: after a restart with another address nobody listens at the former one, also when the new one is on
// the same port.
func TestChangedFlagsCloseStoredListeners(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	g := startService(t, m)
	former := g.where
	_, port, err := net.SplitHostPort(former.Portal[0])
	if err != nil {
		t.Fatal(err)
	}
	g.kill(syscall.SIGTERM)
	if conn, err := net.Dial("tcp", former.Portal[0]); err != nil {
		t.Errorf("while the process is away: %v", err)
	} else {
		conn.Close()
	}
	g.start("[::]:"+port, former.Agents[0], "127.0.0.2:0")
	m.waits("READY=1")
	if got, want := strings.Join(m.names(), " "), fmt.Sprintf("agent-%s http-%s portal-[__]_%s", strings.Replace(former.Agents[0], ":", "_", 1),
		strings.Replace(g.where.HTTP[0], ":", "_", 1), port); got != want {
		t.Errorf("the store has %s, want %s", got, want)
	}
	if _, err := net.Dial("tcp", former.HTTP[0]); err == nil {
		t.Error("the former address of plain HTTP still listens")
	}
	response, err := g.client(netip.Addr{}).Get("https://127.0.0.1:" + port + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// TestStrangeDescriptorsAreForgotten: a descriptor that is no listener of the gateway does not stop it.
func TestStrangeDescriptorsAreForgotten(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	strange, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer strange.Close()
	socket, err := strange.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	m.store["stored"], m.store["portal-127.0.0.1_1"] = file, socket
	g := startService(t, m)
	if names := m.names(); len(names) != 3 || slices.Contains(names, "stored") || slices.Contains(names, "portal-127.0.0.1_1") {
		t.Errorf("the store has %q", names)
	}
	g.kill(syscall.SIGTERM)
}

// TestServiceStates: the process says when it runs, answers, reloads and stops.
func TestServiceStates(t *testing.T) {
	t.Parallel()
	variables := filepath.Join(t.TempDir(), "variables")
	m := newServiceManager(t, "WATCHDOG_USEC=300000", "IDECO_ENVIRONMENT_FILE="+variables)
	g := startService(t, m)
	m.waits("WATCHDOG=1")
	m.waits("STATUS=Running, sessions: 0")
	m.waits("WATCHDOG=1")

	reload := func() (status string) {
		t.Helper()
		if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if begun := m.waits("RELOADING=1"); !strings.Contains(begun, "\nMONOTONIC_USEC=") {
			t.Errorf("the reload began with %q", begun)
		}
		for {
			if message := m.waits("="); strings.HasPrefix(message, "STATUS=") {
				status = message
			} else if message == "READY=1" {
				return status
			}
		}
	}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	debugging := func() bool {
		t.Helper()
		already := strings.Count(g.log.String(), "TLS handshake error")
		m.waits("WATCHDOG=1") // its connections are handshakes that break off
		m.waits("WATCHDOG=1")
		return strings.Count(g.log.String(), "TLS handshake error") > already
	}
	if debugging() {
		t.Error("the level is debug before anything set it")
	}
	write(variables, "# comment\nIDECO_LOG_LEVEL=\"debug\"\n")
	if status := reload(); strings.Contains(status, "failed") || !debugging() {
		t.Errorf("level debug: %s\n%s", status, g.log)
	}
	write(variables, "IDECO_LOG_LEVEL=loud\n")
	if status := reload(); !strings.Contains(status, "the last reload failed: IDECO_LOG_LEVEL in") || !debugging() {
		t.Errorf("a wrong level: %s\n%s", status, g.log)
	}
	write(variables, "IDECO_PORTAL_LISTEN=:8443\n")
	if status := reload(); strings.Contains(status, "failed") {
		t.Errorf("no level: %s", status)
	}

	root := filepath.Join(g.data, "root.pem")
	good, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	write(root, "broken")
	if status := reload(); !strings.Contains(status, "root.pem is damaged") {
		t.Errorf("a broken root: %s", status)
	}
	if !strings.Contains(g.log.String(), `"event":"reload_failed"`) {
		t.Errorf("the log does not say that the reload failed:\n%s", g.log)
	}
	write(root, string(bytes.TrimSpace(good))+"\n")
	if status := reload(); strings.Contains(status, "failed") {
		t.Errorf("the root is whole again: %s", status)
	}
	response, err := g.client(netip.Addr{}).Get("https://" + g.where.Portal[0] + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	g.kill(syscall.SIGTERM)
	m.waits("STOPPING=1")
}
