package firewall

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// inLabBench runs a benchmark in the gateway of a lab and reports its figures. benchtime is as of -test.benchtime.
func inLabBench(b *testing.B, benchtime string, body func(*testing.B, lab)) {
	if l := netlab.Here(); l != nil {
		body(b, lab{l})
		return
	}
	needs.Program(b, "nft", "nftables")
	cmd := labNetwork.New(b).Command(b.Context(), "gw", os.Args[0], "-test.run=^$",
		"-test.bench=^"+b.Name()+"$", "-test.benchtime="+benchtime, "-test.timeout=5m")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) < 4 || !strings.HasPrefix(fields[0], b.Name()) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			var v float64
			if _, err := fmt.Sscan(fields[i], &v); err == nil {
				b.ReportMetric(v, fields[i+1])
			}
		}
	}
}

func quiet() Options { return Options{Log: slog.New(slog.DiscardHandler)} }

const crowd = 10000

// neighbours returns sessions on the attached network, whose hosts are in the neighbour table.
func neighbours(b *testing.B) []agent.Session {
	b.Helper()
	var commands strings.Builder
	commands.WriteString("addr add 10.201.0.1/16 dev lan1\n")
	list := make([]agent.Session, crowd)
	for i := range list {
		a := netip.AddrFrom4([4]byte{10, 201, byte(1 + i/250), byte(1 + i%250)})
		list[i] = session(i+1, a)
		fmt.Fprintf(&commands, "neigh add %s lladdr 02:01:00:00:%02x:%02x nud permanent dev lan1\n", a, i/250, i%250)
	}
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return list
}

func crowdPlan() Plan {
	p := labPlan()
	p.LAN[1].Networks = append(p.LAN[1].Networks, netip.MustParsePrefix("10.201.0.0/16"))
	return p
}

// BenchmarkGrants grants 10,000 sessions concurrently. Their goroutines are started before the time is taken.
func BenchmarkGrants(b *testing.B) {
	inLabBench(b, benchRuns, func(b *testing.B, l lab) {
		sessions, f := neighbours(b), open(b, crowdPlan(), quiet())
		b.ReportMetric(medianOf(b, func() time.Duration {
			start, granted := make(chan struct{}), sync.WaitGroup{}
			for _, s := range sessions {
				granted.Go(func() {
					<-start
					if err := f.Grant(context.Background(), s); err != nil {
						b.Error(err)
					}
				})
			}
			began := time.Now()
			close(start)
			granted.Wait()
			took := time.Since(began)
			wantElements(b, 2*crowd)
			revokeAll(b, f, sessions)
			return took
		}), "ns/op")
	})
}

func BenchmarkRevocations(b *testing.B) {
	inLabBench(b, benchRuns, func(b *testing.B, l lab) {
		sessions, f := neighbours(b), open(b, crowdPlan(), quiet())
		b.ReportMetric(medianOf(b, func() time.Duration {
			grantAll(b, f, sessions)
			began := time.Now()
			revokeAll(b, f, sessions)
			took := time.Since(began)
			wantElements(b, 0)
			return took
		}), "ns/op")
	})
}

// BenchmarkSample reads the counters of 10,000 sessions. Grants wait for that time.
func BenchmarkSample(b *testing.B) {
	inLabBench(b, benchRuns, func(b *testing.B, l lab) {
		benchReconciler(b, (*reconciler).sample)
	})
}

func BenchmarkRefresh(b *testing.B) {
	inLabBench(b, benchRuns, func(b *testing.B, l lab) {
		benchReconciler(b, (*reconciler).refresh)
	})
}

func benchReconciler(b *testing.B, do func(*reconciler)) {
	b.Helper()
	sessions, f := neighbours(b), open(b, crowdPlan(), quiet())
	grantAll(b, f, sessions)
	b.ReportMetric(medianOf(b, func() (took time.Duration) {
		inReconciler(b, f, func(r *reconciler) {
			began := time.Now()
			do(r)
			took = time.Since(began)
		})
		return took
	}), "ns/op")
}

func revokeAll(tb testing.TB, f *Firewall, sessions []agent.Session) {
	tb.Helper()
	for _, s := range sessions[1:] {
		f.Revoke(context.Background(), s)
	}
	revokeAndWait(tb, f, sessions[0])
}

const benchRuns = "11x"

// medianOf returns the median duration of a run in nanoseconds.
func medianOf(b *testing.B, run func() time.Duration) float64 {
	var took []time.Duration
	for b.Loop() {
		took = append(took, run())
	}
	slices.Sort(took)
	return float64(took[len(took)/2])
}

// BenchmarkGrantsInTurn grants sessions one after the other, while 10,000 are granted.
func BenchmarkGrantsInTurn(b *testing.B) {
	inLabBench(b, "1s", func(b *testing.B, l lab) {
		sessions, f := neighbours(b), open(b, crowdPlan(), quiet())
		grantAll(b, f, sessions)
		i := 0
		for b.Loop() {
			i++
			s := sessions[i%crowd]
			s.ID = fmt.Sprint("again", i)
			grant(b, f, s)
		}
	})
}

// BenchmarkGrantToFirstPacket measures from the call of Grant to the first packet of a host that sends all the time.
func BenchmarkGrantToFirstPacket(b *testing.B) {
	inLabBench(b, "1s", func(b *testing.B, l lab) {
		f := open(b, labPlan(), quiet())
		l.learnMAC(b, inLAN, host)
		arrived := l.watch(b)
		var total time.Duration
		for b.Loop() {
			began := time.Now()
			s := grant(b, f, session(1, host))
			total += (<-arrived).Sub(began)
			b.StopTimer()
			revokeAndWait(b, f, s)
			drain(arrived)
			b.StartTimer()
		}
		b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/first-packet")
	})
}

func BenchmarkRevokeToLastPacket(b *testing.B) {
	inLabBench(b, "1s", func(b *testing.B, l lab) {
		f := open(b, labPlan(), quiet())
		l.learnMAC(b, inLAN, host)
		arrived := l.watch(b)
		var total time.Duration
		for b.Loop() {
			b.StopTimer()
			s := grant(b, f, session(1, host))
			<-arrived
			b.StartTimer()
			began := time.Now()
			f.Revoke(context.Background(), s)
			total += drain(arrived).Sub(began)
		}
		b.ReportMetric(float64(total.Microseconds())/float64(b.N), "µs/last-packet")
	})
}

// watch makes a host send packets to the WAN, and returns when each arrives.
func (l lab) watch(b *testing.B) <-chan time.Time {
	b.Helper()
	receiver, sender := l.UDP(b, inWAN, netip.AddrPortFrom(server, 0)), l.UDP(b, inLAN, netip.AddrPortFrom(host, 0))
	to := receiver.LocalAddr().(*net.UDPAddr).AddrPort()
	arrived := make(chan time.Time, 1<<16)
	go func() {
		ticker := time.NewTicker(100 * time.Microsecond)
		defer ticker.Stop()
		for range ticker.C {
			if _, err := sender.WriteToUDPAddrPort([]byte("x"), to); err != nil && b.Context().Err() != nil {
				return
			}
		}
	}()
	go func() {
		for buf := make([]byte, 8); ; {
			if _, err := receiver.Read(buf); err != nil {
				return
			}
			arrived <- time.Now()
		}
	}()
	return arrived
}

// drain waits until nothing arrives, and returns when the last packet did.
func drain(arrived <-chan time.Time) (last time.Time) {
	last = time.Now()
	for {
		select {
		case last = <-arrived:
		case <-time.After(50 * time.Millisecond):
			return last
		}
	}
}
