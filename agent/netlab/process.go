//go:build linux

package netlab

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

// Patience is how long a test waits for an event. Silence is how long nothing must arrive before a download counts as stopped.
const (
	Patience = 30 * time.Second
	Silence  = 500 * time.Millisecond
)

// Run runs a program that must succeed, and returns what it prints without space around it.
func Run(tb testing.TB, program string, args ...string) string {
	tb.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Eventually waits until a condition is true.
func Eventually(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(Patience); !done(); {
		select {
		case <-ticker.C:
		case <-deadline:
			tb.Fatalf("not within %s: %s", Patience, what)
		}
	}
}

// InNewNamespace runs the body of a test in a new network namespace without interfaces, and in a new mount namespace.
func InNewNamespace(t *testing.T, body func(*testing.T)) {
	t.Helper()
	if Here() != nil { // this is the new process
		body(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], onlyThis(t)...)
	cmd.Env = append(os.Environ(), labVariable+"=alone")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		needs.Skip(t, "this test needs root: %v", err)
	}
	needs.TakeOutcome(t, out, err)
}

// Unprivileged runs the body of a test twice: in a process without capabilities, and in a user namespace, whose
// capabilities do not count outside.
func Unprivileged(t *testing.T, body func(*testing.T)) {
	t.Helper()
	if Here() != nil { // this is the new process
		body(t)
		return
	}
	t.Parallel()
	needs.Root(t)
	only := onlyThis(t)
	for name, wrap := range map[string][]string{
		"no capability": {"setpriv", "--inh-caps=-all", "--bounding-set=-all"},
		"namespace":     {"unshare", "--user", "--map-root-user"},
	} {
		t.Run(name, func(t *testing.T) {
			needs.Program(t, wrap[0], "util-linux")
			cmd := exec.CommandContext(t.Context(), wrap[0], append(append(wrap[1:], os.Args[0]), only...)...)
			cmd.Env = append(os.Environ(), labVariable+"=unprivileged")
			out, err := cmd.CombinedOutput()
			needs.TakeOutcome(t, out, err)
		})
	}
}
