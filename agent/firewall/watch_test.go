package firewall

import (
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"ideco-agent/agent/netlab"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(line))
	return len(line), nil
}

// count returns how often the lines contain some words.
func (b *logbook) count(words string) (count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		count += strings.Count(line, words)
	}
	return count
}

func (b *logbook) log() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func inReconciler(tb testing.TB, f *Firewall, do func(*reconciler)) {
	tb.Helper()
	if err := f.call(context.Background(), func(r *reconciler) error { do(r); return nil }); err != nil {
		tb.Fatal(err)
	}
}

// holdTable creates our table in another process with the flag owner: nobody else can change it until release.
func holdTable(t *testing.T) (release func()) {
	t.Helper()
	holder := exec.Command("nft", "-i")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	release = func() { in.Close(); _ = holder.Wait() }
	t.Cleanup(release)
	if _, err := in.Write([]byte("delete table inet ideco_agent; add table inet ideco_agent { flags owner; }\n")); err != nil {
		t.Fatal(err)
	}
	netlab.Eventually(t, "the table is held", func() bool {
		out, _ := exec.Command("nft", "list", "table", "inet", Table).CombinedOutput()
		return strings.Contains(string(out), "flags owner")
	})
	return release
}

// TestFailureReportedOnce: a failure is reported once although it is retried, and its end is reported.
func TestFailureReportedOnce(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		incidents, book := make(chan Incident, 100), &logbook{}
		f := open(t, labPlan(), Options{Log: book.log(), Report: func(i Incident) { incidents <- i }})
		l.learnMAC(t, inLAN, host)
		grant(t, f, session(1, host))
		release := holdTable(t)
		reported := map[string]int{}
		first := <-incidents
		reported[first.What]++
		if first.Err == nil {
			t.Fatalf("%s was undone", first.What)
		}
		f.Revoke(context.Background(), session(2, second)) // there is nothing to do, which must not count as success
		inReconciler(t, f, func(r *reconciler) {
			for range 5 {
				r.watch()
				r.sample()
				r.retry()
			}
		})
		for len(incidents) > 0 {
			reported[(<-incidents).What]++
		}
		for what, n := range reported {
			if n > 1 {
				t.Errorf("%s was reported %d times", what, n)
			}
		}
		if n := book.count("changed by somebody else"); n != len(reported) {
			t.Errorf("%d warnings for %d failures", n, len(reported))
		}
		release()
		for i := range incidents {
			if i.Err == nil && (i.What == TableRemoved || i.What == TableChanged) {
				break
			}
		}
		l.wantOpen(t, "when the table is back", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Says("world")))
	})
}

// TestConnectionsBegunWithoutTable: connections that began while there was no table are deleted, also if Apply restores it.
func TestConnectionsBegunWithoutTable(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		incidents := make(chan Incident, 100)
		f := open(t, labPlan(), Options{Report: func(i Incident) { incidents <- i }})
		l.IP(t, inWAN, "route", "add", "10.77.1.0/24", "via", "10.77.2.1")
		nft(t, "table inet theirs { chain forward { type filter hook forward priority filter; ct state established accept; }; }") // makes the kernel track connections
		release := holdTable(t)
		<-incidents
		arrives := l.udpStream(t, inLAN, host, inWAN, server)
		inReconciler(t, f, func(r *reconciler) {
			release()
			if err := r.apply(labPlan()); err != nil {
				t.Error(err)
			}
		})
		grant(t, f, session(1, host))
		if arrives() {
			t.Error("a new session gets replies to a connection from before the table")
		}
	})
}

// TestReplacedSessionWithoutTable: a replaced session ends with all its addresses, also if the kernel refuses the change.
func TestReplacedSessionWithoutTable(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		ctx, incidents, book := context.Background(), make(chan Incident, 100), &logbook{}
		f := open(t, labPlan(), Options{Log: book.log(), Report: func(i Incident) { incidents <- i }})
		l.learnMAC(t, inLAN, host)
		l.learnMAC(t, inLAN, host6)
		grant(t, f, session(1, host))
		if err := f.GrantAddress(ctx, "s1", host6); err != nil {
			t.Fatal(err)
		}
		release := holdTable(t)
		<-incidents
		if err := f.Grant(ctx, session(2, host)); err == nil {
			t.Error("Grant succeeded although another process owns the table")
		}
		inReconciler(t, f, (*reconciler).retry)
		release()
		for i := range incidents {
			if i.Err == nil {
				break
			}
		}
		world, world6 := l.listen(t, inWAN, server, 0, netlab.Says("world")), l.listen(t, inWAN, server6, 0, netlab.Says("world"))
		l.wantClosed(t, "the address of the former session", inLAN, host, world)
		l.wantClosed(t, "a further address of the former session", inLAN, host6, world6)
		netlab.Eventually(t, "it is logged that nothing is left to close", func() bool { return book.count("works again: updating addresses") == 1 })
	})
}

// TestGenerationUnreadable: if the generation cannot be read, that is logged once, and so is its end.
func TestGenerationUnreadable(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		book := &logbook{}
		f := open(t, labPlan(), Options{Log: book.log()})
		inReconciler(t, f, func(r *reconciler) {
			r.kernel.requests[unix.NETLINK_NETFILTER].Close()
			for range 5 {
				r.watch()
			}
			socket, err := nl.Subscribe(unix.NETLINK_NETFILTER)
			if err != nil {
				t.Error(err)
				return
			}
			r.kernel.requests[unix.NETLINK_NETFILTER] = &nl.SocketHandle{Socket: socket}
			for range 5 {
				r.watch()
			}
		})
		if failed, over := book.count("failed asking"), book.count("works again: asking"); failed != 1 || over != 1 {
			t.Errorf("%d failures and %d recoveries are logged, want one each", failed, over)
		}
	})
}

// TestExpiredWhileStopped: elements that expired while the process was stopped are restored, which is no incident.
func TestExpiredWhileStopped(t *testing.T) {
	for name, wake := range map[string]func(*reconciler){"sample": (*reconciler).sample, "refresh": (*reconciler).refresh} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(t *testing.T, l lab) {
				incidents, book := make(chan Incident, 100), &logbook{}
				f := open(t, shortPlan(), Options{Log: book.log(), Report: func(i Incident) { incidents <- i }})
				l.learnMAC(t, inLAN, host)
				grant(t, f, session(1, host))
				inReconciler(t, f, func(r *reconciler) {
					netlab.Eventually(t, "all elements expire", func() bool {
						left, err := elementsNow()
						return err == nil && len(left) == 0
					})
					wake(r)
				})
				l.wantOpen(t, "afterwards", inLAN, host, l.listen(t, inWAN, server, 0, netlab.Says("world")))
				inReconciler(t, f, (*reconciler).sample)
				if len(incidents) > 0 {
					t.Errorf("reported as an incident: %+v", <-incidents)
				}
				if n := book.count("expired before they were refreshed"); n != 1 {
					t.Errorf("it is logged %d times: %q", n, book.lines)
				}
				nft(t, "flush set inet ideco_agent lan4")
				if i := <-incidents; i.What != SetsChanged || i.Elements != 1 {
					t.Errorf("a foreign change is reported as %+v", i)
				}
			})
		})
	}
}
