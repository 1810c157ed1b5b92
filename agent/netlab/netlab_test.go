//go:build linux

package netlab

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

var pair = Network{Places: []string{"here", "there"}, Script: `
join here cable there cable
at here addr add 10.77.1.1/24 dev cable; at there addr add 10.77.1.2/24 dev cable
hosts '10.77.1.2 there.example.org'
`}

// TestEnter: a test runs in the first place and reaches the other one by its address and its name.
func TestEnter(t *testing.T) {
	here, there := netip.MustParseAddr("10.77.1.1"), netip.MustParseAddr("10.77.1.2")
	pair.Enter(t, func(t *testing.T, l *Lab) {
		to := l.Serve(t, "there", netip.AddrPortFrom(there, 0), Says("word"))
		if word, err := l.Hears("", here, to, Patience); word != "word" || err != nil {
			t.Errorf("%q, %v", word, err)
		}
		if hosts := Run(t, "cat", "/etc/hosts"); !strings.HasSuffix(hosts, " there.example.org") {
			t.Errorf("hosts: %s", hosts)
		}
		d := l.Download(t, "a download", "here", here, l.Serve(t, "there", netip.AddrPortFrom(there, 0), Paced))
		l.IP(t, "there", "link", "set", "cable", "down")
		if took := time.Since(d.Stops(t)); took < Silence {
			t.Errorf("it was silent for only %s", took)
		}
	})
}

// TestRemoved: the end of a test removes its lab and the processes in it.
func TestRemoved(t *testing.T) {
	var l *Lab
	ended := make(chan error)
	t.Run("lab", func(t *testing.T) {
		l = pair.New(t)
		left := l.Command(context.Background(), "there", "sleep", "1000")
		if err := left.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- left.Wait() }()
		Eventually(t, "the process has started", func() bool {
			return Run(t, "ip", "netns", "pids", l.Name("there")) != ""
		})
	})
	select {
	case <-ended:
	case <-time.After(Patience):
		t.Error("the process still runs")
	}
	for _, dir := range []string{"/run/netns/", "/etc/netns/"} {
		if _, err := os.Stat(dir + l.Name("there")); !os.IsNotExist(err) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
