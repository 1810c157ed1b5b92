package firewall

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// roleVariable is the environment variable that makes the test program run a gateway that a test can kill.
const roleVariable = "FIREWALL_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		netlab.SetParallel(4)
		os.Exit(m.Run())
	}
	if err := runGateway(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const shortTimeout = 3 * time.Second

func shortPlan() Plan {
	p := labPlan()
	p.Timeout = shortTimeout
	return p
}

// runGateway lets the host of the lab through until its standard input ends.
func runGateway() error {
	f, err := Open(Options{Mode: ModeNFTables, replace: os.Getenv(roleVariable) == "replace"})
	if err != nil {
		return err
	}
	if err := f.Apply(context.Background(), shortPlan()); err != nil {
		return err
	}
	if err := f.Grant(context.Background(), session(1, host)); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return f.Close()
}

type gateway struct{ cmd *exec.Cmd }

func startGateway(tb testing.TB, role string) gateway {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), roleVariable+"="+role), os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // closed when this process ends; then runGateway returns
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	g := gateway{cmd}
	tb.Cleanup(g.kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		tb.Fatalf("the gateway says %q, %v", line, err)
	}
	return g
}

func (g gateway) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
}

func TestRestartKeepsConnections(t *testing.T) {
	for _, role := range []string{"refresh", "replace"} {
		t.Run(role, func(t *testing.T) {
			inLab(t, func(t *testing.T, l lab) {
				l.learnMAC(t, inLAN, host)
				g := startGateway(t, role)
				download := l.Download(t, "the download", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Paced))
				download.Runs(t)
				began := time.Now()
				netlab.Eventually(t, "three timeouts have passed", func() bool { return time.Since(began) > 3*shortTimeout })
				if text, _, _ := Show(shortPlan()); strings.Count(text, "expires 2s")+strings.Count(text, "expires 3s") < 2 {
					t.Errorf("elements are not refreshed:\n%s", text)
				}
				for range 3 {
					g.kill()
					g = startGateway(t, role)
				}
				download.Runs(t)
				if gap := download.Gap(); gap > silence {
					t.Errorf("the download paused for %s", gap)
				}
				g.kill()
				died := time.Now()
				if lasted := download.Stops(t).Sub(died); lasted > shortTimeout+time.Second {
					t.Errorf("the download went on for %s without a process", lasted)
				}
				l.wantClosed(t, "without a process", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Says("world")))
			})
		})
	}
}

// TestReadmit: Readmit keeps a session that is still let through, and does not restore one that has expired.
func TestReadmit(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		ctx := context.Background()
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, second)
		g := startGateway(t, "refresh")
		download := l.Download(t, "the download", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Paced))
		download.Runs(t)
		g.kill()
		f := open(t, shortPlan(), Options{})
		for _, s := range []agent.Session{session(1, host), session(2, second)} {
			if err := f.Readmit(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		l.wantClosed(t, "a session that had expired", inLAN, second, to)
		netlab.Eventually(t, "the timeout has passed", func() bool { return time.Since(began) > shortTimeout+time.Second })
		download.Runs(t)
		grant(t, f, session(2, second))
		l.wantOpen(t, "after the login", inLAN, second, to)
		if err := f.Readmit(ctx, session(2, second)); err != nil {
			t.Fatal(err)
		}
		l.wantOpen(t, "readmitted again", inLAN, second, to)
	})
}

// TestAdopt: adopted elements expire if their session is not granted.
func TestAdopt(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, second)
		g := startGateway(t, "refresh")
		to := l.listen(t, inWAN, server, 0, netlab.Paced)
		download := l.Download(t, "the download", inLAN, host, to)
		download.Runs(t)
		g.kill()
		p := shortPlan()
		p.VPNPeersMayTalk = true // another plan
		f := open(t, p, Options{})
		before := f.Traffic()
		download.Runs(t)
		grant(t, f, session(2, second))
		download.Stops(t)
		l.wantOpen(t, "a session of this process", inLAN, second, to)
		if len(before) != 0 {
			t.Errorf("sessions that were not granted are counted: %v", before)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}

		next := open(t, shortPlan(), Options{})
		revokeAndWait(t, next, session(2, second)) // it ended between the processes
		l.wantClosed(t, "a session that ended between the processes", inLAN, second, to)
	})
}

// TestForeignChains: chains of another version of this program, or added by somebody else, are removed from the table.
func TestForeignChains(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		l.learnMAC(t, inLAN, host)
		f := open(t, labPlan(), Options{})
		grant(t, f, session(1, host))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		nft(t, "add chain inet ideco_agent inner; add rule inet ideco_agent inner reject with icmpx admin-prohibited")
		nft(t, "add chain inet ideco_agent outer { type filter hook forward priority 0; }; add rule inet ideco_agent outer jump inner")
		to := l.listen(t, inWAN, server, 0, netlab.Says("world"))
		l.wantClosed(t, "a chain that rejects everything", inLAN, host, to)
		grant(t, open(t, labPlan(), Options{}), session(1, host))
		l.wantOpen(t, "after it was adopted", inLAN, host, to)
		if table := nft(t, "list table inet ideco_agent"); strings.Contains(table, "inner") || strings.Contains(table, "outer") {
			t.Errorf("still there:\n%s", table)
		}
	})
}

// TestGrantRefreshesAdopted: a grant gives an adopted element the full timeout.
func TestGrantRefreshesAdopted(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		file := filepath.Join(t.TempDir(), "plan")
		if err := os.WriteFile(file, []byte(labPlan().Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		netlab.Run(t, "nft", "-f", file)
		nft(t, fmt.Sprintf(`add element inet ideco_agent routed4 { lan0 . %s timeout 1m expires 10s comment "s1/1" }`, routed))
		f := open(t, labPlan(), Options{})
		grant(t, f, session(1, routed))
		elements, err := elementsNow(routed4)
		if err != nil || len(elements) != 1 || elements[0].left < DefaultTimeout/2 {
			t.Errorf("%v (%v) expire %s after the grant", elements, err, elements[0].left)
		}
	})
}

// TestTasksDuringRefresh: tasks are done between the transactions of a refresh, and revoked elements are not refreshed.
func TestTasksDuringRefresh(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		grant(t, f, session(1, routed))
		task := &task{action: actGrant, sessionInfo: infoOf(new(session(2, second))), done: make(chan error, 1)}
		inReconciler(t, f, func(r *reconciler) {
			f.Revoke(context.Background(), session(1, routed))
			if err := f.enqueue(task); err != nil {
				t.Error(err)
			}
			r.refresh()
			if len(task.done) == 0 {
				t.Error("a grant waits until all elements are refreshed")
			}
		})
		if left, err := elementsNow(routed4); err != nil || len(left) > 0 {
			t.Errorf("left in the kernel: %v, %v", left, err)
		}
	})
}

// TestSuccessiveGrants: when one batch grants several sessions of one user on one address, the last one is let through.
func TestSuccessiveGrants(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		of := func(id int) agent.Session {
			s := session(id, routed)
			s.UserID = 1
			return s
		}
		grant(t, f, of(1))
		var tasks []*task
		for id := 2; id <= 4; id++ {
			tasks = append(tasks, &task{action: actGrant, sessionInfo: infoOf(new(of(id))), done: make(chan error, 1)})
		}
		inReconciler(t, f, func(r *reconciler) { r.work(tasks) })
		for _, task := range tasks {
			if err := <-task.done; err != nil {
				t.Errorf("granting %s: %v", task.session, err)
			}
		}
		if elements, err := elementsNow(routed4); err != nil || len(elements) != 1 || elements[0].owner.session != "s4" {
			t.Errorf("in the kernel: %v, %v", elements, err)
		}
	})
}

// TestFurtherAddressesEndWithOwn: when a new plan closes the session's own address, it closes the further addresses too. The loop
// repeats this, because the order of the reconciler's maps varies.
func TestFurtherAddressesEndWithOwn(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		ctx, f := context.Background(), open(t, labPlan(), Options{})
		without := labPlan()
		without.LAN[0].Networks = without.LAN[0].Networks[1:]
		for range 10 {
			l.learnMAC(t, inLAN, host)
			l.learnMAC(t, inLAN, host6)
			grant(t, f, session(1, host))
			if err := f.GrantAddress(ctx, "s1", host6); err != nil {
				t.Fatal(err)
			}
			l.IP(t, "gw", "addr", "del", "10.77.1.1/24", "dev", "lan0")
			if err := f.Apply(ctx, without); err != nil {
				t.Fatal(err)
			}
			if left, err := elementsNow(); err != nil || len(left) > 0 {
				t.Fatalf("let through although the session's own address is not: %v, %v", left, err)
			}
			l.IP(t, "gw", "addr", "add", "10.77.1.1/24", "dev", "lan0")
			if err := f.Apply(ctx, labPlan()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTrafficAcrossRestart(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		l.learnMAC(t, inLAN, host)
		f := open(t, labPlan(), Options{})
		s := grant(t, f, session(1, host))
		download := l.Download(t, "the download", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Paced))
		netlab.Eventually(t, "traffic is counted", func() bool { return f.Traffic()[s.ID].Tx > 1000 })
		f.Close()
		counted := f.Traffic()[s.ID]
		f = open(t, labPlan(), Options{})
		grant(t, f, s)
		if got := f.Traffic()[s.ID]; got.Tx < counted.Tx || got.Rx < counted.Rx {
			t.Errorf("counted %+v after a restart, %+v before", got, counted)
		}
		download.Runs(t)
	})
}

// routedSessions returns sessions of hosts behind a router.
func routedSessions(count int) []agent.Session {
	list := make([]agent.Session, count)
	for i := range list {
		list[i] = session(i+1, routed)
		a := routed.As4()
		a[1], a[2], a[3] = 200, byte(i/250), byte(1+i%250)
		list[i].Address = netip.AddrFrom4(a)
	}
	return list
}

func grantAll(tb testing.TB, f *Firewall, list []agent.Session) {
	tb.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, len(list))
	for _, s := range list {
		wg.Go(func() {
			if err := f.Grant(context.Background(), s); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	if len(errs) > 0 {
		tb.Fatalf("%d of %d were not let through: %v", len(errs), len(list), <-errs)
	}
}

func wantElements(tb testing.TB, want int) {
	tb.Helper()
	got, err := elementsNow()
	if err != nil || len(got) != want {
		tb.Errorf("%d elements (%v), want %d", len(got), err, want)
	}
}

// wantCount checks the number of elements both ways: by the count of newer kernels, and by a dump.
func wantCount(tb testing.TB, set *memberSet, want int) {
	tb.Helper()
	w, err := dial()
	if err != nil {
		tb.Fatal(err)
	}
	defer w.close()
	if n, ok, err := w.counted(set); err != nil || ok && n != want {
		tb.Errorf("the kernel counts %d elements (%v), want %d", n, err, want)
	}
	if n, err := w.countAll(set); err != nil || n != want {
		tb.Errorf("%d elements were counted (%v), want %d", n, err, want)
	}
}

func TestTenThousandSessions(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		netlab.Run(t, "ip", "route", "add", "10.200.0.0/16", "via", host.String())
		p := labPlan()
		p.LocalNetworks = append(p.LocalNetworks, netip.MustParsePrefix("10.200.0.0/16"))
		f := open(t, p, Options{})
		sessions := routedSessions(10000)
		grantAll(t, f, sessions)
		wantElements(t, 20000)
		wantCount(t, routed4, 10000)
		nft(t, "delete table inet ideco_agent")
		netlab.Eventually(t, "all elements are restored", func() bool {
			got, err := elementsNow()
			return err == nil && len(got) == 20000
		})
		nft(t, "delete element inet ideco_agent routed4 { lan0 . 10.200.0.1 }") // Revoke does not find this element, and must remove the others all the same
		for _, s := range sessions[:9999] {
			f.Revoke(context.Background(), s)
		}
		revokeAndWait(t, f, sessions[9999])
		wantElements(t, 0)
		for _, s := range sessions[:2000] { // one after the other
			grant(t, f, s)
		}
		wantElements(t, 4000)
	})
}
