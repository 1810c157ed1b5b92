package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

const day = 24 * time.Hour

func (a *Authority) announce(t *testing.T) (pin string, from time.Time) {
	t.Helper()
	if err := a.AnnounceNext(); err != nil {
		t.Fatal(err)
	}
	return a.Successor(a.Pin())
}

// follow calls FollowNext every hour for a time, and returns the steps that did something.
func (a *Authority) follow(t *testing.T, c *clock, length time.Duration) []NextStep {
	t.Helper()
	var steps []NextStep
	for end := c.now().Add(length); c.now().Before(end); {
		c.set(c.now().Add(time.Hour))
		step, err := a.FollowNext()
		if err != nil {
			t.Fatal(err)
		}
		if step != NextWaits {
			steps = append(steps, step)
		}
	}
	return steps
}

func (a *Authority) reopen(t *testing.T, c *clock) *Authority {
	t.Helper()
	again, err := open(a.dir, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// checkSigns checks that a signs for agents that trust a pin, with the key of that pin.
func (a *Authority) checkSigns(t *testing.T, pin string, key *ecdsa.PublicKey) {
	t.Helper()
	text := []byte("text")
	signature, err := a.Sign(pin, text)
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(signature)
	if sum := sha256.Sum256(text); err != nil || !ecdsa.VerifyASN1(key, sum[:], der) {
		t.Errorf("signature %s (%v) is not of the root with the pin %s", signature, err, pin)
	}
}

func TestChangeOfTheRoot(t *testing.T) {
	start := time.Now().Add(-agent.RootNotice).Truncate(time.Second) // OpenSSL has the real clock
	a, clock := openAt(t, start)
	old, oldRoot, leaf := a.self(), a.rootPEM(), servedLeaf(t, a, domains[0])
	pin, from := a.announce(t)
	if pin == "" || pin == old.pin || !from.Equal(start.Add(agent.RootNotice)) {
		t.Fatalf("announced: %q, from %s", pin, from)
	}
	for name, want := range map[string]fs.FileMode{nextKeyFile: 0o600, nextRootFile: 0o644} {
		if info, err := os.Stat(filepath.Join(a.dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := a.AnnounceNext(); !errors.Is(err, ErrAnnounced) {
		t.Errorf("announced twice: %v", err)
	}
	if steps := a.follow(t, clock, agent.RootNotice-time.Hour); len(steps) > 0 || a.Pin() != old.pin || servedLeaf(t, a, domains[0]) != leaf {
		t.Errorf("before its time: %v", steps)
	}
	if err := a.SetNames(append(domains, "new.ru")); err != nil { // the next root must permit it too
		t.Fatal(err)
	}
	if p, f := a.Successor(old.pin); p != pin || !f.Equal(from) {
		t.Errorf("another domain changed the announcement to %s, %s", p, f)
	}
	if steps := a.follow(t, clock, time.Hour); !slices.Equal(steps, []NextStep{NextIsRoot}) || a.Pin() != pin {
		t.Fatalf("at its time: %v, pin %s", steps, a.Pin())
	}
	for _, host := range append([]string{"new.ru"}, domains...) {
		if err := goVerify(a, servedLeaf(t, a, host), host); err != nil {
			t.Error(err)
		}
		if err := opensslVerifyUnder(t, a.rootPEM(), servedLeaf(t, a, host), host); err != nil {
			t.Error(err)
		}
	}
	if !a.Permits("new.ru") || bytes.Equal(a.rootPEM(), oldRoot) || !bytes.Equal(a.rootPEM(), read(t, a.dir, rootFile)) {
		t.Error("root.pem is not the next root")
	}
	if got := list(t, a.dir); !slices.Equal(got, []string{keyFile, rootFile}) {
		t.Errorf("the directory holds %v", got)
	}

	// Connections from before the change.
	if next, at := a.Successor(old.pin); next != pin || !at.Equal(from) {
		t.Errorf("agents under the former root are told %s, %s", next, at)
	}
	a.checkSigns(t, old.pin, &old.key.PublicKey)
	a.checkSigns(t, pin, &a.self().key.PublicKey)
	if next, _ := a.Successor(pin); next != "" {
		t.Errorf("after the change %s is announced", next)
	}
	again := a.reopen(t, clock)
	if again.Pin() != pin || !bytes.Equal(again.rootPEM(), a.rootPEM()) {
		t.Error("a restart has another root")
	}
	if _, err := again.Sign(old.pin, nil); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("signed with a key that is gone: %v", err)
	}
	second, _ := a.announce(t)
	if steps := a.follow(t, clock, 31*day); !slices.Equal(steps, []NextStep{NextIsRoot}) || a.Pin() != second {
		t.Errorf("the second change: %v", steps)
	}
	if next, _ := a.Successor(old.pin); next != second {
		t.Errorf("agents under the first root are told %s, not the current %s", next, second)
	}
}

func TestCancelledChange(t *testing.T) {
	a, clock := openAt(t, start)
	if err := a.CancelNext(); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("nothing to cancel: %v", err)
	}
	root, pin := a.rootPEM(), a.Pin()
	cancelled, _ := a.announce(t)
	a.follow(t, clock, agent.RootNotice-time.Hour)
	if err := a.CancelNext(); err != nil {
		t.Fatal(err)
	}
	if next, _ := a.Successor(pin); next != "" || !slices.Equal(list(t, a.dir), []string{keyFile, rootFile}) {
		t.Errorf("cancelled, and %q is announced; the directory holds %v", next, list(t, a.dir))
	}
	if steps := a.follow(t, clock, 2*day); len(steps) > 0 || a.Pin() != pin || !bytes.Equal(a.rootPEM(), root) {
		t.Errorf("cancelled, and the root changed: %v", steps)
	}
	if next, from := a.announce(t); next == cancelled || !from.Equal(clock.now().Add(agent.RootNotice)) {
		t.Errorf("announced again: %s from %s", next, from)
	}
}

// TestNoticeCounts: only time in which the gateway ran, by a clock that did not jump, counts as notice.
func TestNoticeCounts(t *testing.T) {
	for name, c := range map[string]struct {
		jump, back time.Duration // of the clock, after ten days and an hour later; also if the gateway is off
		postponed  int           // how often
		change     time.Duration // when, by the clock, after the announcement
	}{
		"no jump":                     {0, 0, 0, 30 * day},
		"a night off":                 {15 * time.Hour, 0, 0, 30 * day},
		"an hour back":                {-time.Hour, 0, 0, 30 * day},
		"off for two months":          {60 * day, 0, 1, 90 * day},
		"the clock is reset":          {-20 * 365 * day, 0, 1, 30*day - 20*365*day},
		"reset and set right":         {-20 * 365 * day, 20 * 365 * day, 2, 30 * day},
		"a year ahead, and set right": {365 * day, -365 * day, 2, 30 * day},
	} {
		for _, restart := range []bool{false, true} {
			a, clock := openAt(t, start)
			a.announce(t)
			steps := a.follow(t, clock, 10*day)
			for _, jump := range []time.Duration{c.jump, c.back} {
				clock.set(clock.now().Add(jump))
				if restart {
					a = a.reopen(t, clock)
				}
				steps = append(steps, a.follow(t, clock, time.Hour)...)
			}
			for hours := 0; !slices.Contains(steps, NextIsRoot) && hours < 31*24; hours++ {
				steps = append(steps, a.follow(t, clock, time.Hour)...)
			}
			want := append(slices.Repeat([]NextStep{NextPostponed}, c.postponed), NextIsRoot)
			if late := clock.now().Sub(start.Add(c.change)); !slices.Equal(steps, want) || late < -2*time.Hour || late > 2*time.Hour {
				t.Errorf("%s, restart %v: %v, changed at %s, want %s", name, restart, steps, clock.now(), start.Add(c.change))
			}
		}
	}
}

// TestCrashDuringTheChange tries every state of the files in which a process can end.
func TestCrashDuringTheChange(t *testing.T) {
	a, clock := openAt(t, start)
	files := func(a *Authority) map[string][]byte {
		all := map[string][]byte{}
		for _, name := range list(t, a.dir) {
			all[name] = read(t, a.dir, name)
		}
		return all
	}
	oldPin, plain := a.Pin(), files(a)
	newPin, _ := a.announce(t)
	announced := files(a)
	a.follow(t, clock, 31*day)
	if a.Pin() != newPin {
		t.Fatal("no change")
	}
	changed := files(a)
	for what, c := range map[string]struct {
		before, after map[string][]byte
		order         []string
		done          int // after how many steps it is done, even if the process ends then
		pins          [2]string
		next          [2]string
	}{
		"announce": {plain, announced, []string{nextKeyFile, nextRootFile}, 2, [2]string{oldPin, oldPin}, [2]string{"", newPin}},
		"cancel":   {announced, plain, []string{nextRootFile, nextKeyFile}, 1, [2]string{oldPin, oldPin}, [2]string{newPin, ""}},
		"change": {announced, changed, []string{keyFile, rootFile, nextRootFile, nextKeyFile}, 1, [2]string{oldPin, newPin},
			[2]string{newPin, ""}},
	} {
		for steps := range len(c.order) + 1 {
			dir := t.TempDir()
			for name, content := range c.before {
				write(t, filepath.Join(dir, name), content)
			}
			for _, name := range c.order[:steps] {
				if content, ok := c.after[name]; ok {
					write(t, filepath.Join(dir, name), content)
				} else {
					remove(t, dir, name)
				}
			}
			done := 0
			if steps >= c.done {
				done = 1
			}
			for start := range 2 {
				b := openWith(t, dir, domains...)
				if next, _ := b.Successor(b.Pin()); b.Pin() != c.pins[done] || next != c.next[done] {
					t.Errorf("%s, %d files, start %d: pin %s, next %q", what, steps, start, b.Pin(), next)
				}
				if err := goVerify(b, servedLeaf(t, b, domains[0]), domains[0]); err != nil {
					t.Errorf("%s, %d files: %v", what, steps, err)
				}
			}
			want := []string{keyFile, rootFile}
			if c.next[done] != "" {
				want = []string{nextKeyFile, nextRootFile, keyFile, rootFile}
			}
			if got := list(t, dir); !slices.Equal(got, want) {
				t.Errorf("%s, %d files: the directory holds %v", what, steps, got)
			}
		}
	}
}

// TestChangeOnABrokenDisk: the change is finished when the disk works again, and cannot be cancelled meanwhile.
func TestChangeOnABrokenDisk(t *testing.T) {
	a, clock := openAt(t, start)
	old := a.Pin()
	next, _ := a.announce(t)
	a.follow(t, clock, agent.RootNotice-time.Hour)
	directory(rootFile)(t, a.dir)
	clock.set(clock.now().Add(time.Hour))
	if step, err := a.FollowNext(); err == nil || step != NextWaits || a.Pin() != old {
		t.Fatalf("changed to %s without files: %v, %v", a.Pin(), step, err)
	}
	if err := a.CancelNext(); err == nil || errors.Is(err, agent.ErrNotFound) {
		t.Errorf("cancelled in the middle of the change: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(a.dir, rootFile)); err != nil {
		t.Fatal(err)
	}
	clock.set(clock.now().Add(-50 * day))
	if step, err := a.FollowNext(); err != nil || step != NextIsRoot || a.Pin() != next {
		t.Errorf("the disk works again: %v, %v", step, err)
	}
	if again := a.reopen(t, clock); again.Pin() != next {
		t.Errorf("restarted with %s", again.Pin())
	}
}

// TestNewDomainDuringTheChange: a disk error at the last step of the change leaves the former root in use. A new domain must not write
// that root beside the next key.
func TestNewDomainDuringTheChange(t *testing.T) {
	a, clock := openAt(t, start)
	next, _ := a.announce(t)
	a.follow(t, clock, agent.RootNotice-time.Hour)
	directory(nextKeyFile)(t, a.dir)
	write(t, filepath.Join(a.dir, nextKeyFile, "in the way"), nil)
	clock.set(clock.now().Add(time.Hour))
	if step, err := a.FollowNext(); err == nil || step != NextWaits {
		t.Fatalf("the next key cannot be removed: %v, %v", step, err)
	}
	if err := a.SetNames([]string{"new.ru"}); err == nil {
		t.Error("the former root was issued for a new domain")
	}
	if err := os.RemoveAll(filepath.Join(a.dir, nextKeyFile)); err != nil {
		t.Fatal(err)
	}
	if again := a.reopen(t, clock); again.Pin() != next {
		t.Errorf("restarted with %s", again.Pin())
	}
	if step, err := a.FollowNext(); err != nil || step != NextIsRoot {
		t.Errorf("the disk works again: %v, %v", step, err)
	}
	if err := a.SetNames([]string{"new.ru"}); err != nil {
		t.Error(err)
	}
}

func TestBrokenNextRootStopsTheStart(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, string){
		"key lost":     func(t *testing.T, dir string) { remove(t, dir, nextKeyFile) },
		"key is noise": func(t *testing.T, dir string) { write(t, filepath.Join(dir, nextKeyFile), []byte("noise")) },
		"root cut": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, nextRootFile), read(t, dir, nextRootFile)[:99])
		},
		"another root": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, nextRootFile), read(t, dir, rootFile))
		},
	} {
		a, clock := openAt(t, start)
		a.announce(t)
		harm(t, a.dir)
		if _, err := open(a.dir, clock.now); err == nil || !strings.Contains(err.Error(), "root-next") || !strings.Contains(err.Error(), "remove both") {
			t.Errorf("%s: %v", name, err)
		}
		_ = os.Remove(filepath.Join(a.dir, nextKeyFile)) // the cure
		_ = os.Remove(filepath.Join(a.dir, nextRootFile))
		if b := a.reopen(t, clock); b.Pin() != a.Pin() {
			t.Errorf("%s: cured, and the pin is %s", name, b.Pin())
		}
	}
}
