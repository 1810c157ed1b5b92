package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// testFirewall returns a controller for settings that the test changes.
func testFirewall(t *testing.T, dir string, s *agent.Settings) *firewallController {
	t.Helper()
	w, err := openFirewall(Config{Data: dir, Firewall: firewall.ModeAuto, TunnelName: "ideco0", Log: slog.New(slog.NewTextHandler(t.Output(), nil))},
		func() agent.Settings { return *s }, tunnel{}, &listeners{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if w.Problem() != nil {
		needs.Skip(t, "there is no firewall here: %v", w.Problem())
	}
	return w
}

// TestFirewall follows a gateway from its first choice to the removal of the table.
func TestFirewall(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		dir, ctx := t.TempDir(), context.Background()
		s := agent.DefaultSettings()
		w := testFirewall(t, dir, &s)
		w.begin(ctx)
		is := func(what string, want agent.Enforcement, kept bool) {
			t.Helper()
			if got := w.state(); got.Enforcement != want {
				t.Errorf("%s: %+v", what, got)
			}
			for _, name := range []string{bootFile, planFile} {
				info, err := os.Stat(filepath.Join(dir, name))
				if kept != (err == nil) || kept && info.Mode() != 0o600 {
					t.Errorf("%s: %s is kept: %v", what, name, err)
				}
			}
		}
		is("nothing chosen", agent.EnforcementIdle, false)
		s = gatewaySettings()
		w.follow(ctx)
		is("chosen", agent.EnforcementOn, true)
		shows := func(want ...string) {
			t.Helper()
			state, rules, err := ShowFirewall(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range want {
				if shown := state.Error() + "\n" + rules; !strings.Contains(shown, part) {
					t.Errorf("shown without %q:\n%s", part, shown)
				}
			}
		}
		shows("no ideco-portal runs", `iifname "lan0"`)
		lock, err := lockData(dir)
		if err != nil {
			t.Fatal(err)
		}
		shows("is in force", `iifname "lan0"`)
		if err := ClearFirewall(dir); err == nil || !strings.Contains(err.Error(), "/admin/gateway") {
			t.Errorf("cleared while it runs: %v", err)
		}
		is("refused to clear", agent.EnforcementOn, true)
		lock.Close()
		w.Close()
		if err := ClearFirewall(dir); err != nil {
			t.Fatal(err)
		}
		is("cleared", agent.EnforcementOn, false) // the closed controller's last state
		shows("There is no table")
		if _, loaded, err := firewall.Show(firewall.Plan{}); loaded || err != nil {
			t.Errorf("left in the kernel: %v, %v", loaded, err)
		}
		if err := ClearFirewall(filepath.Join(dir, "none")); err != nil {
			t.Errorf("a directory without a gateway: %v", err)
		}

		w = testFirewall(t, dir, &s)
		w.begin(ctx)
		is("the next process", agent.EnforcementOn, true)
		s.LANInterfaces, s.WANInterfaces = nil, nil
		w.follow(ctx)
		is("no longer chosen", agent.EnforcementIdle, false)
		shows("There is no table")
	})
}

// TestFirewallIncidents: changes by other programs are reported, and a failed plan is retried.
func TestFirewallIncidents(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		s := gatewaySettings()
		w := testFirewall(t, t.TempDir(), &s)
		w.follow(t.Context())
		at := time.Now()
		w.noteIncident(firewall.Incident{At: at, What: firewall.TableRemoved})
		if got := w.state(); !got.Restored.Equal(at) || !got.Enforces() {
			t.Errorf("restored: %+v", got)
		}
		w.noteIncident(firewall.Incident{What: firewall.Bypassed, Err: &firewall.FlowtableError{Table: "inet filter", Name: "ft"}})
		w.mode = firewall.ModeNFTables
		if got := w.state(); got.Enforces() || got.Flowtable != "inet filter ft" || w.health() == nil {
			t.Errorf("a flowtable appeared: %+v, %v", got, w.health())
		}
		w.follow(t.Context())
		if got := w.state(); !got.Enforces() || w.health() != nil {
			t.Errorf("the flowtable is gone: %+v, %v", got, w.health())
		}
	})
}

type onLine func(line string)

func (do onLine) Write(line []byte) (int, error) {
	do(string(line))
	return len(line), nil
}

// TestFirewallFailureWhileItFollows: a failure that is reported while a plan is applied is not cleared by its success.
func TestFirewallFailureWhileItFollows(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		s, trouble := gatewaySettings(), errors.New("somebody else's table")
		w := testFirewall(t, t.TempDir(), &s)
		if err := w.Firewall.Close(); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		log := onLine(func(line string) {
			if strings.Contains(line, "the firewall is in force") {
				once.Do(func() { w.noteIncident(firewall.Incident{What: firewall.TableChanged, Err: trouble}) })
			}
		})
		var err error
		if w.Firewall, err = firewall.Open(firewall.Options{Log: slog.New(slog.NewTextHandler(log, nil))}); err != nil {
			t.Fatal(err)
		}
		if w.follow(t.Context()); w.failure() != trouble {
			t.Errorf("the failure was cleared: %v", w.failure())
		}
		if w.follow(t.Context()); w.failure() != nil {
			t.Errorf("put in force again: %v", w.failure())
		}
	})
}

// TestFirewallCheck: the tunnel cannot be chosen, and the choice that a trial reverts to is accepted.
func TestFirewallCheck(t *testing.T) {
	s := agent.DefaultSettings()
	w, err := openFirewall(Config{Data: t.TempDir(), Firewall: firewall.ModeOff, TunnelName: "ideco0"}, func() agent.Settings { return s }, tunnel{}, &listeners{})
	if err != nil {
		t.Fatal(err)
	}
	next := gatewaySettings()
	if err := w.check(t.Context(), s, next); err != nil {
		t.Error(err)
	}
	next.WANInterfaces = []string{"ideco0"}
	var problems agent.Problems
	if err := w.check(t.Context(), s, next); !errors.As(err, &problems) || problems[0].Field != "wan_interfaces" {
		t.Errorf("the tunnel as WAN: %v", err)
	}
	if err := w.check(t.Context(), next, next); err != nil {
		t.Errorf("an unchanged choice: %v", err)
	}
	tried := next
	tried.TryGateway(gatewaySettings().GatewaySettings, time.Now())
	back := tried
	back.RevertGateway()
	if err := w.check(t.Context(), tried, back); err != nil {
		t.Errorf("the choice that the trial reverts to: %v", err)
	}
}

// TestOneTableOwner: a gateway on another data directory, and ClearFirewall there, do not touch the table.
func TestOneTableOwner(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		ctx, dir, other := context.Background(), t.TempDir(), t.TempDir()
		s, none := gatewaySettings(), agent.DefaultSettings()
		first := testFirewall(t, dir, &s)
		first.begin(ctx)
		stays := func(what string) {
			t.Helper()
			if _, loaded, err := firewall.Show(firewall.Plan{}); !loaded || err != nil {
				t.Fatalf("%s took the table: %v", what, err)
			}
		}
		if err := ClearFirewall(other); !errors.Is(err, errTableHeld) || !strings.Contains(err.Error(), "--data") {
			t.Errorf("cleared while another gateway maintains the table: %v", err)
		}
		stays("clear")
		second := testFirewall(t, other, &none)
		second.begin(ctx)
		stays("a gateway that has nothing chosen")
		none = gatewaySettings()
		if second.follow(ctx); !errors.Is(second.failure(), errTableHeld) {
			t.Errorf("two gateways maintain the table: %v", second.failure())
		}
		first.Close()
		if second.follow(ctx); second.failure() != nil {
			t.Errorf("no process holds the table now: %v", second.failure())
		}
		none = agent.DefaultSettings()
		second.follow(ctx)
		if err := ClearFirewall(dir); err != nil {
			t.Errorf("no gateway maintains it: %v", err)
		}
	})
}

// TestFirewallMissing: a missing interface is logged once, and its return too.
func TestFirewallMissing(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		var book bytes.Buffer
		s := gatewaySettings()
		w := testFirewall(t, t.TempDir(), &s)
		w.log = slog.New(slog.NewTextHandler(&book, nil))
		logged := func(what string, times int) {
			t.Helper()
			if n := strings.Count(book.String(), what); n != times {
				t.Errorf("%q was logged %d times, want %d\n%s", what, n, times, &book)
			}
		}
		w.follow(t.Context())
		w.follow(t.Context())
		logged("do not exist", 1)
		s = agent.DefaultSettings()
		w.follow(t.Context())
		logged("exist again", 0) // nobody has chosen any
		s = gatewaySettings()
		w.follow(t.Context())
		logged("do not exist", 2)
		for _, name := range slices.Concat(s.LANInterfaces, s.WANInterfaces) {
			if out, err := exec.Command("ip", "link", "add", name, "type", "veth", "peer", "name", "to-"+name).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		w.follow(t.Context())
		logged("do not exist", 2)
		logged("exist again", 1)
	})
}

// TestLockWithoutRights: a process without CAP_NET_ADMIN that binds the lock's name does not block the gateway.
func TestLockWithoutRights(t *testing.T) {
	const roleVariable = "IDECO_HOLDS_LOCK"
	if os.Getenv(roleVariable) != "" {
		l, err := net.Listen("unix", tableLockName)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("taken")
		_, _ = l.Accept()
		_, _ = io.Copy(io.Discard, os.Stdin) // until the other end is closed
		return
	}
	netlab.InNewNamespace(t, func(t *testing.T) {
		run := exec.CommandContext(t.Context(), "setpriv", "--inh-caps=-all", "--bounding-set=-all", os.Args[0], "-test.run=^"+t.Name()+"$")
		run.Env = append(os.Environ(), roleVariable+"=1")
		stop, err := run.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		said, err := run.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		defer run.Wait()
		defer stop.Close()
		if line, err := bufio.NewReader(said).ReadString('\n'); line != "taken\n" {
			t.Fatalf("%q, %v", line, err)
		}
		s := gatewaySettings()
		w := testFirewall(t, t.TempDir(), &s)
		w.begin(context.Background())
		if _, loaded, err := firewall.Show(firewall.Plan{}); !loaded || err != nil || w.failure() != nil {
			t.Errorf("the table is there: %t; %v; %v", loaded, err, w.failure())
		}
	})
}

// TestForSessions: a refused address gets a refusal with a code. Without a firewall forSessions is nil.
func TestForSessions(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		s := gatewaySettings()
		w := testFirewall(t, t.TempDir(), &s)
		w.follow(t.Context())
		err := w.forSessions().GrantAddress(t.Context(), "nobody", netip.MustParseAddr("fd00::5"))
		var refused *agent.Error
		if !errors.As(err, &refused) || refused.Code != agent.CodeAddressRefused || !errors.Is(err, firewall.ErrNoSession) {
			t.Errorf("an address for nobody: %v", err)
		}
	})
	off, err := openFirewall(Config{Firewall: firewall.ModeOff, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, agent.DefaultSettings, tunnel{}, &listeners{})
	if err != nil || off.forSessions() != nil {
		t.Errorf("switched off: %v, %v", off.forSessions(), err)
	}
}
