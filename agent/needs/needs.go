// Package needs is for tests of what not every machine can run. Such a test is skipped with its reason; where everything
// must run (REQUIRE_ALL=1) it fails, except for what the kernel or Wine itself lacks.
package needs

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Skip ends a test that this machine cannot run: as a failure where everything must run, else as a skip.
func Skip(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("REQUIRE_ALL") == "1" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// System is what a test runs on and nobody can be asked to change.
type System string

// The systems that may lack something.
const (
	Kernel System = "this kernel"
	Wine   System = "Wine"
)

// Lacking skips a test of what the kernel or Wine itself lacks: that is no failure anywhere.
func Lacking(tb testing.TB, system System, what string) {
	tb.Helper()
	tb.Skipf("untried: %s has no %s", system, what)
}

// Root ends the test of a user that is not root.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Skip(tb, "this takes root")
	}
}

// TUN ends the test where no network interface can be made.
func TUN(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		Skip(tb, "this takes a network interface: %v", err)
	}
}

// Program ends the test where a program is missing.
func Program(tb testing.TB, name, debianPackage string) {
	tb.Helper()
	if _, err := exec.LookPath(name); err != nil {
		Skip(tb, "this takes %s (on Debian: apt-get install %s)", name, debianPackage)
	}
}

// Rerun takes the outcome of a test that ran once more in another process, with -test.v. What must run and did not has
// failed there, so that a skip stays one.
func Rerun(tb testing.TB, out []byte, err error) {
	tb.Helper()
	switch {
	case err != nil, bytes.Contains(out, []byte("no tests to run")):
		tb.Errorf("in the other process: %v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		tb.Skipf("in the other process: %s", out)
	default:
		tb.Logf("%s", out)
	}
}
