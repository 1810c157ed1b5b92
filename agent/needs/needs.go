// Package needs skips tests that this machine cannot run. With REQUIRE_ALL=1 such a test fails instead, unless the kernel or Wine
// lacks the feature.
package needs

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Skip ends a test that this machine cannot run: as a failure with REQUIRE_ALL=1, otherwise as a skip.
func Skip(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("REQUIRE_ALL") == "1" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

type System string

const (
	Kernel System = "this kernel"
	Wine   System = "Wine"
)

// Lacking skips a test of a feature that the system lacks, also with REQUIRE_ALL=1.
func Lacking(tb testing.TB, system System, what string) {
	tb.Helper()
	tb.Skipf("untried: %s has no %s", system, what)
}

// Root skips the test unless it runs as root.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Skip(tb, "this test needs root")
	}
}

// TUN skips the test if no TUN interface can be created.
func TUN(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		Skip(tb, "this test needs a network interface: %v", err)
	}
}

// Program skips the test if a program is missing.
func Program(tb testing.TB, name, debianPackage string) {
	tb.Helper()
	if _, err := exec.LookPath(name); err != nil {
		Skip(tb, "this test needs %s (on Debian: apt-get install %s)", name, debianPackage)
	}
}

// TakeOutcome ends a test with the outcome that it had in another process, which ran it with -test.v. A skip stays a skip: with
// REQUIRE_ALL=1 it was a failure there.
func TakeOutcome(tb testing.TB, out []byte, err error) {
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
