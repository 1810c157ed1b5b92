package netwatch

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	for name, checks := range map[string]string{ // the addresses at each check; ! = a change is reported, zzz = sleep
		"quiet":               "a a a a",
		"another network":     "a b b! b b",
		"several addresses":   "a b c c! c",
		"never quiet":         "a b c d! e f g!",
		"gone and back":       "a b a a a",
		"no network":          "a - -! - a a!",
		"sleep":               "a zzz! a",
		"sleep, elsewhere":    "a zzz! b b! b",
		"sleep amid a change": "a b zzz! b b!",
	} {
		at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		list := strings.Fields(checks)
		w := watch{reported: list[0], seen: list[0], at: at}
		for i, check := range list {
			is := strings.TrimSuffix(check, "!")
			at = at.Add(checkEvery)
			if is == "zzz" {
				at, is = at.Add(time.Hour), list[0]
			}
			if got, want := w.check(is, at) != "", strings.HasSuffix(check, "!"); got != want {
				t.Errorf("%s: check %d: reported %v", name, i, got)
			}
		}
	}
}

// manualClock is a clock whose timers a test fires.
type manualClock struct{ timers chan chan time.Time }

func (manualClock) Now() time.Time { return time.Now() }

func (m manualClock) Timer(time.Duration) (<-chan time.Time, func()) {
	c := make(chan time.Time, 1)
	m.timers <- c
	return c, func() {}
}

func TestWatch(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	clock, seen, changes, over := manualClock{make(chan chan time.Time)}, make(chan string, 5), 0, make(chan struct{})
	for _, s := range []string{"a", "a", "b", "b", "b"} {
		seen <- s
	}
	go func() {
		defer close(over)
		Watch(ctx, Config{Clock: clock, Changed: func() { changes++ }, addresses: func([]string) string { return <-seen }})
	}()
	for i := 0; i < 4; i++ {
		(<-clock.timers) <- time.Now()
	}
	<-clock.timers
	stop()
	<-over
	if changes != 1 {
		t.Errorf("Changed was called %d times", changes)
	}
}

// addresses leaves out loopback and own interfaces, and returns the same text each time.
func TestAddresses(t *testing.T) {
	all := addresses(nil)
	if again := addresses(nil); again != all || strings.Contains(all, "127.0.0.1") {
		t.Errorf("%q, then %q", all, again)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	if rest := addresses(names); rest != "" {
		t.Errorf("%q", rest)
	}
}
