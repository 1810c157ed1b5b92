package web

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/netlab"
)

// TestSaveForBoot: a failed write to the data directory is logged once, shown on the page, and retried until it succeeds.
func TestSaveForBoot(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		dir, s := t.TempDir(), gatewaySettings()
		w := testFirewall(t, dir, &s)
		var log bytes.Buffer
		w.log = slog.New(slog.NewTextHandler(&log, nil))
		free := func(name string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		obstruct := func(name string) { // puts a directory that is not empty in the file's place
			t.Helper()
			free(name)
			if err := os.MkdirAll(filepath.Join(dir, name, "something"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		follows := func(what string, times int, trouble agent.BootTrouble, closed bool, logged int) {
			t.Helper()
			for range times {
				w.follow(t.Context())
			}
			got := w.state()
			if got.Boot != trouble || got.BootClosed != closed || got.Enforces() != s.InterfacesChosen() {
				t.Errorf("%s: %+v", what, got)
			}
			if n := strings.Count(log.String(), "next boot until this program runs"); n != logged {
				t.Errorf("%s: logged %d times, want %d:\n%s", what, n, logged, log.String())
			}
		}
		reads := func(name, part string) {
			t.Helper()
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !strings.Contains(string(b), part) {
				t.Errorf("%s is kept without %q: %v\n%s", name, part, err, b)
			}
		}

		obstruct(bootFile)
		follows("the rules cannot be written", 3, agent.BootFailed, false, 1)
		obstruct(planFile)
		follows("neither can the plan", 1, agent.BootFailed, false, 2)
		s.OpenBeforeLogin = opens("192.0.2.99")
		follows("another plan", 2, agent.BootFailed, false, 2)
		free(planFile)
		follows("one of the two", 1, agent.BootFailed, false, 3)
		free(bootFile)
		follows("both can be written", 1, "", false, 3)
		reads(bootFile, "192.0.2.99")
		reads(planFile, "192.0.2.99")

		s.LANInterfaces, s.WANInterfaces = nil, nil
		obstruct(bootFile)
		follows("the rules cannot be removed", 2, agent.BootFailed, true, 4)
		free(bootFile)
		follows("both are removed", 2, "", false, 4)

		if left, err := filepath.Glob(filepath.Join(dir, "firewall*")); err != nil || len(left) > 0 {
			t.Errorf("left in the directory: %v, %v", left, err)
		}
		s = gatewaySettings()
		follows("chosen again", 1, "", false, 4)
		reads(bootFile, firewall.Table)
	})
}

// TestSaveForBootOnDisk: a full disk and a read-only one are reported as such, and the saved files stay whole.
func TestSaveForBootOnDisk(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		dir, s := t.TempDir(), gatewaySettings()
		mount := func(flags uintptr) {
			t.Helper()
			if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "size=64k"); err != nil {
				t.Fatal(err)
			}
		}
		mount(0)
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		w := testFirewall(t, dir, &s)
		follows := func(what, open string, trouble agent.BootTrouble, kept string) {
			t.Helper()
			s.OpenBeforeLogin = opens(open)
			w.follow(t.Context())
			b, err := os.ReadFile(filepath.Join(dir, bootFile))
			if got := w.state(); got.Boot != trouble || err != nil || !strings.Contains(string(b), kept) || !strings.HasSuffix(string(b), "}\n") {
				t.Errorf("%s: %+v, kept is without %s, %v\n%s", what, got, kept, err, b)
			}
		}
		follows("all is well", "192.0.2.1", "", "192.0.2.1")
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		follows("full", "192.0.2.2", agent.BootNoSpace, "192.0.2.1")
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		follows("room again", "192.0.2.2", "", "192.0.2.2")
		mount(unix.MS_REMOUNT | unix.MS_RDONLY)
		follows("read-only", "192.0.2.3", agent.BootReadOnly, "192.0.2.2")
		mount(unix.MS_REMOUNT)
		follows("writable again", "192.0.2.3", "", "192.0.2.3")
	})
}

func TestBootTrouble(t *testing.T) {
	at := func(err error) error {
		return errors.Join(nil, fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "firewall.nft", Err: err}))
	}
	for err, want := range map[error]agent.BootTrouble{
		nil: "", at(unix.ENOSPC): agent.BootNoSpace, at(unix.EDQUOT): agent.BootNoSpace, at(unix.EROFS): agent.BootReadOnly,
		at(unix.EACCES): agent.BootNoRights, at(unix.EPERM): agent.BootNoRights, at(unix.EIO): agent.BootFailed,
	} {
		if got := bootTrouble(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
