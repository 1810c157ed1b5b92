package needs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

type recorder struct {
	testing.TB
	outcome string
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(format string, args ...any) { r.ends("failed", format, args) }

func (r *recorder) Fatalf(format string, args ...any) { r.ends("failed", format, args) }

func (r *recorder) Skipf(format string, args ...any) { r.ends("skipped", format, args) }

func (r *recorder) ends(how, format string, args []any) {
	if r.outcome == "" {
		r.outcome = how + ": " + fmt.Sprintf(format, args...)
	}
}

func TestOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		end                func(tb testing.TB)
		otherwise, require string
	}{
		"skip":          {func(tb testing.TB) { Skip(tb, "no %s", "cable") }, "skipped: no cable", "failed: no cable"},
		"program":       {func(tb testing.TB) { Program(tb, "none-such", "none") }, "skipped: this test needs none-such", "failed: this test needs none-such"},
		"lacking":       {func(tb testing.TB) { Lacking(tb, Kernel, "flowtables") }, "skipped: untried: this kernel has no flowtables", "skipped: untried: this kernel"},
		"outcome skip":  {func(tb testing.TB) { TakeOutcome(tb, []byte("--- SKIP: TestX"), nil) }, "skipped: in the other process", "skipped: in the other process"},
		"outcome empty": {func(tb testing.TB) { TakeOutcome(tb, []byte("testing: warning: no tests to run\nPASS"), nil) }, "failed: in the other process", "failed: in the other process"},
		"outcome pass":  {func(tb testing.TB) { TakeOutcome(tb, []byte("--- PASS: TestX"), nil) }, "", ""},
		"outcome fail":  {func(tb testing.TB) { TakeOutcome(tb, []byte("--- SKIP: TestX"), errors.New("exit 1")) }, "failed: in the other process", "failed: in the other process"},
	} {
		for value, want := range map[string]string{"": c.otherwise, "0": c.otherwise, "1": c.require} {
			t.Setenv("REQUIRE_ALL", value)
			r := &recorder{}
			if c.end(r); !strings.HasPrefix(r.outcome, want) || want == "" && r.outcome != "" {
				t.Errorf("%s with REQUIRE_ALL=%s: %q, want %q", name, value, r.outcome, want)
			}
		}
	}
}
