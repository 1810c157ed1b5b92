package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

type agentProcess struct {
	t      testing.TB
	cmd    *exec.Cmd
	events chan agentEvent
	stderr *lockedBuffer
	seen   []agentEvent
	exit   chan int
}

// agentEvent is one line of --json.
type agentEvent struct {
	State   string `json:"state"`
	Mode    string `json:"mode"`
	Address string `json:"address"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// agent starts the agent as a process of its own; device tells installations apart.
func (g *gateway) agent(login, password, device string, flags ...string) *agentProcess {
	g.t.Helper()
	return g.agentIn("", login, password, device, flags...)
}

// agentIn is agent inside a network namespace; the empty one is the test's own.
func (g *gateway) agentIn(netns, login, password, device string, flags ...string) *agentProcess {
	g.t.Helper()
	args := append([]string{"connect", "--server", g.where.Agents[0], "--login", login, "--password-stdin",
		"--root", filepath.Join(g.data, "root.pem"), "--state", filepath.Join(g.data, "..", "agent-"+device), "--json"}, flags...)
	cmd := exec.Command(agentProgram, args...)
	if netns != "" {
		cmd = exec.Command("ip", append([]string{"netns", "exec", netns, agentProgram}, args...)...)
	}
	return watch(g.t, cmd, password)
}

// watch starts an agent and reads its events; the agent is killed after the test.
func watch(t testing.TB, cmd *exec.Cmd, password string) *agentProcess {
	t.Helper()
	a := &agentProcess{t: t, cmd: cmd, events: make(chan agentEvent, 100), stderr: &lockedBuffer{}, exit: make(chan int, 1)}
	cmd.Stdin = strings.NewReader(password + "\n")
	cmd.Stderr = a.stderr
	stdout, writer := io.Pipe()
	cmd.Stdout = writer
	cmd.WaitDelay = 10 * time.Second // Wine may keep the pipe open after the end of the process
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
		_ = writer.Close()
	}()
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var e agentEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = agentEvent{State: "not JSON", Message: lines.Text()}
			}
			a.events <- e
		}
		<-ended
		close(a.events)
		a.exit <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return a
}

// waits waits for a state and returns its event.
func (a *agentProcess) waits(state string) agentEvent {
	a.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case e, ok := <-a.events:
			if !ok {
				a.t.Fatalf("the agent ended without %q; it said %+v\n%s", state, a.seen, a.stderr)
			}
			a.seen = append(a.seen, e)
			if e.State == state {
				return e
			}
		case <-deadline:
			a.t.Fatalf("the agent never said %q but %+v\n%s", state, a.seen, a.stderr)
		}
	}
}

func (a *agentProcess) exits(code int) {
	a.t.Helper()
	for e := range a.events {
		a.seen = append(a.seen, e)
	}
	select {
	case got := <-a.exit:
		if got != code {
			a.t.Fatalf("exit code %d, want %d; the agent said %+v\n%s", got, code, a.seen, a.stderr)
		}
	case <-time.After(patience):
		a.t.Fatalf("the agent does not end; it said %+v", a.seen)
	}
}

func (a *agentProcess) signal(s syscall.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
}
