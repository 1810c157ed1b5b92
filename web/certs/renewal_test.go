package certs

import (
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that a test sets.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) set(at time.Time) { c.at.Store(&at) }
func (c *clock) now() time.Time   { return *c.at.Load() }

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func openAt(t *testing.T, at time.Time) (*Authority, *clock) {
	t.Helper()
	c := &clock{}
	c.set(at)
	a, err := open(t.TempDir(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetNames(domains); err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestRenewal(t *testing.T) {
	for _, c := range []struct {
		after   time.Duration
		renewed bool
		root    bool
	}{
		{0, false, false},
		{100 * day, false, false},
		{263 * day, false, false},
		{265 * day, true, false},
		{396 * day, true, false},
		{500 * day, true, false},        // no handshake for months
		{-23 * time.Hour, false, false}, // less than backdate
		{-25 * time.Hour, true, true},   // the clock was more than backdate ahead
		{18 * 365 * day, true, true},    // the root would end before a leaf
		{60 * 365 * day, true, true},    // the clock was years behind at the first start
		{-31 * 365 * day, true, true},   // the clock was reset
		{17 * 365 * day, true, false},   // the root is valid for two more leaves
		{264 * day, true, false},        // less than a third is left, because of backdate
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			a, clock := openAt(t, start)
			leaf, root, pin := servedLeaf(t, a, domains[0]), a.current.Load().root, a.Pin()
			clock.set(start.Add(c.after))
			got := servedLeaf(t, a, domains[0])
			if renewed := got != leaf; renewed != c.renewed {
				t.Errorf("certificate renewed: %v", renewed)
			}
			if renewed := a.current.Load().root != root; renewed != c.root {
				t.Errorf("root renewed: %v", renewed)
			}
			if a.Pin() != pin {
				t.Error("another pin")
			}
			if got != servedLeaf(t, a, domains[0]) {
				t.Error("renewed at every handshake")
			}
			if err := goVerify(a, got, domains[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRenewalHappensOnce(t *testing.T) {
	a, clock := openAt(t, start)
	clock.set(start.AddDate(1, 0, 0))
	var all sync.WaitGroup
	var seen sync.Map
	for range 50 {
		all.Go(func() {
			c, err := a.Certificate(domains[0])
			if err != nil {
				t.Error(err)
				return
			}
			seen.Store(c, true)
		})
	}
	all.Wait()
	count := 0
	seen.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d certificates for one renewal", count)
	}
}

// TestRenewalOnABrokenDisk: if the root must be renewed too and cannot be written, the old leaf is used while it is valid.
func TestRenewalOnABrokenDisk(t *testing.T) {
	a, clock := openAt(t, start)
	clock.set(start.AddDate(17, 6, 0))
	leaf, dir := servedLeaf(t, a, domains[0]), a.dir
	a.dir = filepath.Join(dir, "gone")
	clock.set(start.AddDate(18, 5, 0))
	if got := servedLeaf(t, a, domains[0]); got != leaf {
		t.Error("another certificate, although its root could not be written")
	}
	clock.set(start.AddDate(19, 0, 0))
	if _, err := a.Certificate(domains[0]); err == nil {
		t.Error("an expired certificate is served")
	}
	a.dir = dir
	if err := goVerify(a, servedLeaf(t, a, domains[0]), domains[0]); err != nil {
		t.Errorf("after the disk works again: %v", err)
	}
}

// TestLeavesAreBounded: a program that connects to every address of loopback does not fill the memory.
func TestLeavesAreBounded(t *testing.T) {
	a := openWith(t, t.TempDir())
	for i := range 2 * maxLeaves {
		host := net.IPv4(127, 0, byte(i>>8), byte(i)).String()
		if err := goVerify(a, servedLeaf(t, a, host), host); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.current.Load().leaves); n > maxLeaves {
		t.Errorf("%d leaves in memory", n)
	}
}
