package netwatch

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	for name, looks := range map[string]string{ // the addresses at each check; ! = a change is reported, zzz = sleep
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
		list := strings.Fields(looks)
		w := watch{reported: list[0], seen: list[0], at: at}
		for i, look := range list {
			is := strings.TrimSuffix(look, "!")
			at = at.Add(checkEvery)
			if is == "zzz" {
				at, is = at.Add(time.Hour), list[0]
			}
			if got, want := w.check(is, at) != "", strings.HasSuffix(look, "!"); got != want {
				t.Errorf("%s: check %d: reported %v", name, i, got)
			}
		}
	}
}

// manualClock is a clock whose timers a test fires.
type manualClock struct{ timers chan chan time.Time }

func (manualClock) Now() time.Time { return time.Now() }

func (h manualClock) Timer(time.Duration) (<-chan time.Time, func()) {
	c := make(chan time.Time, 1)
	h.timers <- c
	return c, func() {}
}

func TestWatch(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	clock, sees, told, over := manualClock{make(chan chan time.Time)}, make(chan string, 5), 0, make(chan struct{})
	for _, s := range []string{"a", "a", "b", "b", "b"} {
		sees <- s
	}
	go func() {
		defer close(over)
		Watch(ctx, Config{Clock: clock, Changed: func() { told++ }, look: func([]string) string { return <-sees }})
	}()
	for i := 0; i < 4; i++ {
		(<-clock.timers) <- time.Now()
	}
	<-clock.timers
	stop()
	<-over
	if told != 1 {
		t.Errorf("Changed was called %d times", told)
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
