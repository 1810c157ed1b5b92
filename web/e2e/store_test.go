package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent/netlab"
)

// faultTimes is how often each fault is tried: what heals only by luck fails one of them.
const faultTimes = 10

// faulty is a gateway whose data directory is about to have a fault.
type faulty struct {
	*gateway
	admin rest
}

func newFaulty(t *testing.T, data string) *faulty {
	t.Helper()
	g := &gateway{t: t, data: data, flags: []string{"--tunnel", "off", "--firewall", "off"}}
	g.start("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() {
		g.kill(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", g.log)
		}
	})
	f := &faulty{g, g.administrator()}
	f.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	f.admin.user(map[string]any{"login": "ivanov"})
	return f
}

// session begins one with an agent.
func (f *faulty) session(device string) (*agentProcess, string) {
	f.t.Helper()
	a := f.agent("ivanov", userPassword, device)
	a.waits("authorized")
	list := f.admin.sessions() // by their start
	return a, list[len(list)-1].ID
}

// healthz returns the status and the text of the health check.
func (f *faulty) healthz() string {
	f.t.Helper()
	status, body := f.admin.call("GET", "/healthz", nil)
	return fmt.Sprint(status, " ", strings.TrimSpace(string(body)))
}

// refuses checks that nothing is saved, that nobody logs in, that people are told so within seconds, and that the health
// check says why.
func (f *faulty) refuses(trouble, words string) {
	f.t.Helper()
	for i := 0; ; i++ { // the database may still have room
		status, body := f.admin.call("PUT", settingPath, map[string]any{"grace_seconds": 30 + i%2})
		if status == http.StatusOK && i < 10_000 {
			continue
		}
		var answer struct{ Code, Message string }
		_ = json.Unmarshal(body, &answer)
		if status != http.StatusServiceUnavailable || answer.Code != "store_unavailable" || !strings.Contains(answer.Message, words) {
			f.t.Errorf("settings: %d %s", status, body)
		}
		break
	}
	if want := "503 not healthy (store_unavailable: " + trouble + "): see the log"; f.healthz() != want {
		f.t.Errorf("health: %q, want %q", f.healthz(), want)
	}
	began := time.Now()
	user := rest{f.client(netip.Addr{}), f.gateway}
	status, body := user.call("POST", "/web/auth/login", map[string]string{"login": "ivanov", "password": userPassword})
	if status != http.StatusServiceUnavailable || !strings.Contains(string(body), "store_unavailable") {
		f.t.Errorf("a user on the portal: %d %s", status, body)
	}
	if took := time.Since(began); took > 3*time.Second {
		f.t.Errorf("refused after %v", took)
	}
}

// heals waits until the gateway says that all is well, and checks that it takes a change.
func (f *faulty) heals() {
	f.t.Helper()
	netlab.Eventually(f.t, "the gateway heals", func() bool { return f.healthz() == "200 ok" })
	f.admin.must("PUT", settingPath, map[string]any{"grace_seconds": 30}, nil)
}

// restarts kills the gateway, starts it on the same ports, and signs in again.
func (f *faulty) restarts(signal syscall.Signal) {
	f.t.Helper()
	f.kill(signal)
	f.startAgain()
	f.admin = f.rest("boss", adminPassword)
}

// isOver checks that a session that was ended is not live.
func (f *faulty) isOver(id string) {
	f.t.Helper()
	if slices.ContainsFunc(f.admin.sessions(), func(s session) bool { return s.ID == id }) {
		f.t.Errorf("session %s, which was ended, is back", id)
	}
}

// onSmallDisk runs a test with a directory on a disk of 16 MiB.
func onSmallDisk(t *testing.T, test func(t *testing.T, dir string)) {
	if netlab.Here() == nil {
		t.Parallel()
	}
	netlab.InNewNamespace(t, func(t *testing.T) {
		netlab.Run(t, "ip", "link", "set", "lo", "up")
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		test(t, dir)
	})
}

// fill takes all room on the disk of a directory.
func fill(t *testing.T, dir string) (clear func()) {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 32<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreFull: while the disk is full nobody but administrators can sign in, ends hold also over kill -9, and the gateway
// heals as soon as there is room.
func TestStoreFull(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string) {
		f := newFaulty(t, filepath.Join(dir, "data"))
		for i := range faultTimes {
			a, id := f.session(fmt.Sprint("a", i))
			clear := fill(t, dir)
			f.refuses("no_space", "нет места")
			late := f.agent("ivanov", userPassword, "late")
			if e := late.waits("error"); e.Code != "store_unavailable" || e.Message == "" {
				t.Errorf("the agent of a newcomer: %+v", e)
			}
			f.restarts(syscall.SIGKILL)
			a.waits("authorized") // again, although nothing can be stored
			f.refuses("no_space", "нет места")
			f.admin.must("DELETE", sessionsPath+id, nil, nil)
			a.exits(5)
			f.restarts(syscall.SIGKILL)
			f.isOver(id)
			f.refuses("no_space", "нет места")
			clear()
			f.heals()
			f.isOver(id)
		}
		f.restarts(syscall.SIGKILL)
		if list := f.admin.sessions(); len(list) > 0 {
			t.Errorf("back are %+v", list)
		}
	})
}

// TestStoreFullAtStart: a gateway that finds no room for what it needs says so and ends; with room it starts.
func TestStoreFullAtStart(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string) {
		f := newFaulty(t, filepath.Join(dir, "data"))
		for range faultTimes {
			f.kill(syscall.SIGTERM)
			removeWAL(t, filepath.Join(f.data, "ideco.db")) // a gateway that finds one needs no room
			clear := fill(t, dir)
			f.failsToStart("make room and try again")
			clear()
			f.startAgain()
		}
	})
}

// removeWAL writes what is in a database's write-ahead log to the database and removes the log. A gateway does this when it
// stops, unless it is interrupted.
func removeWAL(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// failsToStart checks that the gateway ends at once and says why.
func (f *faulty) failsToStart(why string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	args := []string{"--data", f.data, "serve", "--portal-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}
	out, err := exec.CommandContext(ctx, portalProgram, append(args, f.flags...)...).CombinedOutput()
	if err == nil || ctx.Err() != nil || !strings.Contains(string(out), why) {
		f.t.Errorf("started: %v\n%s", err, out)
	}
}

// TestStoreLocked: while another program has locked the database, ends take no time, and logins are refused within seconds.
func TestStoreLocked(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, filepath.Join(t.TempDir(), "data"))
	for i := range faultTimes {
		a, id := f.session(fmt.Sprint("a", i))
		unlock := lock(t, filepath.Join(f.data, "ideco.db"))
		began := time.Now()
		told := make(chan time.Duration, 1)
		go func() {
			a.waits("ended")
			told <- time.Since(began)
		}()
		f.admin.must("DELETE", sessionsPath+id, nil, nil)
		if took := <-told; took > time.Second {
			t.Errorf("the agent was told after %v", took)
		}
		a.exits(5)
		f.refuses("locked", "заблокировала другая программа")
		if i == 0 {
			user, admin := f.visitor(netip.Addr{}), f.visitor(netip.Addr{})
			user.signIn("ivanov", userPassword)
			user.sees("main", "Шлюз сейчас не может ничего записать")
			admin.signIn("boss", adminPassword)
			admin.open("/admin/monitor/sessions")
			admin.sees("main > .banner.warn", "заблокировала другая программа")
			f.restarts(syscall.SIGKILL)
			f.isOver(id)
		}
		unlock()
		f.heals()
		if i < 2 {
			f.restarts(syscall.SIGKILL)
			f.isOver(id)
		}
	}
}

// lock locks a database as another program.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE") // the gateway may be writing
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreMoved: a database that is no longer in its place is noticed, nothing is written into it, and no gateway starts
// without it.
func TestStoreMoved(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, filepath.Join(t.TempDir(), "data"))
	database := filepath.Join(f.data, "ideco.db")
	aside := filepath.Join(f.data, "aside")
	for i := range faultTimes {
		a, id := f.session(fmt.Sprint("a", i))
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		switch i % 3 {
		case 0:
			must(os.Rename(database, aside))
		case 1: // removed, with the last name that the file has
			must(os.Link(database, aside))
			must(os.Remove(database))
		case 2: // replaced
			must(os.Rename(database, aside))
			must(os.WriteFile(database, nil, 0o600))
		}
		netlab.Eventually(t, "the gateway notices", func() bool { return f.healthz() != "200 ok" })
		f.refuses("moved", "удалён, перемещён или заменён")
		f.admin.must("DELETE", sessionsPath+id, nil, nil)
		a.exits(5)
		f.kill(syscall.SIGKILL)
		f.failsToStart("has the gateway's keys and no database")
		if out, err := exec.Command(portalProgram, "--data", f.data, "admin", "create", "--login", "thief").CombinedOutput(); err == nil {
			t.Errorf("an administrator was made in a directory without a database:\n%s", out)
		}
		must(os.Rename(aside, database))
		f.startAgain()
		f.admin = f.rest("boss", adminPassword)
		f.isOver(id)
		f.heals()
	}
}

// TestStoreWithoutDescriptors: a gateway that cannot open another file goes on with those that it has.
func TestStoreWithoutDescriptors(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, filepath.Join(t.TempDir(), "data"))
	var before unix.Rlimit
	pid := f.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	for i := range faultTimes {
		a, id := f.session(fmt.Sprint("a", i))
		none := before
		none.Cur = 0
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &none, nil); err != nil {
			t.Fatal(err)
		}
		status, body := f.admin.call("PUT", settingPath, map[string]any{"auth_domain": fmt.Sprintf("gw%d.example.org", i)})
		if status != http.StatusServiceUnavailable || !strings.Contains(string(body), "store_unavailable") {
			t.Errorf("a domain, which takes a new certificate: %d %s", status, body)
		}
		f.admin.must("DELETE", sessionsPath+id, nil, nil)
		a.exits(5)
		f.isOver(id)
		f.admin.must("POST", "/web/auth/login", map[string]string{"login": "boss", "password": adminPassword}, nil)
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			t.Fatal(err)
		}
		f.heals()
	}
}
