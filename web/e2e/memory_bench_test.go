package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/wireguard"
	"ideco-agent/web"
)

// BenchmarkMemory measures the resident memory of the gateway's process right after its start, after 200 logins, and with 1,000
// sessions and an open monitor. Without a tunnel it is that of a gateway whose kernel has WireGuard. "own" is the part that is not
// the program's file: the rest can be dropped and read again.
func BenchmarkMemory(b *testing.B) {
	for _, tunnel := range []string{web.TunnelOff, wireguard.ModeNetstack} {
		b.Run("tunnel="+tunnel, func(b *testing.B) {
			for b.Loop() {
				measureMemory(b, tunnel)
			}
		})
	}
}

func measureMemory(b *testing.B, tunnel string) {
	g := startGateway(b, "--tunnel", tunnel)
	report := func(when string) {
		g.settle()
		b.ReportMetric(g.memory("VmRSS"), "MB-"+when)
		b.ReportMetric(g.memory("RssAnon"), "MB-own-"+when)
	}
	report("start")
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"devices_per_user": 100}, nil)
	for i := range swarmUsers {
		admin.user(map[string]any{"login": fmt.Sprint("user", i)})
	}
	s := startSwarm(b)
	command := swarmCommand{Do: "login", Server: g.where.Agents[0], Roots: g.rootPEM(), Agents: 200, Users: swarmUsers}
	s.do(command)
	report("200-logins")
	command.Do = "close"
	s.do(command)

	command.Do, command.Agents = "login", 1000
	s.do(command)
	for range 12 { // as an open page does within a minute
		if status, _ := admin.call("GET", "/admin/monitor/sessions", nil); status != 200 {
			b.Fatalf("the monitor: %d", status)
		}
	}
	report("1000-sessions")
	b.ReportMetric(g.memory("VmHWM"), "MB-peak")
	command.Do = "close"
	s.do(command)
	g.kill(syscall.SIGTERM)
}

// settle waits until the process's memory has not become smaller for three seconds.
func (g *gateway) settle() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for least, same := g.memory("VmRSS"), 0; same < 3; same++ {
		<-second.C
		if now := g.memory("VmRSS"); now < least {
			least, same = now, 0
		}
	}
}

// memory returns a value of the process's status in MB.
func (g *gateway) memory(name string) float64 {
	g.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				g.t.Fatal(err)
			}
			return float64(kib) / 1000 * 1.024
		}
	}
	g.t.Fatalf("no %s in %s", name, status)
	return 0
}
