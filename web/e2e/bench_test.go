package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/wireguard"
	"ideco-agent/web"
	"ideco-agent/web/certs"
)

// BenchmarkAgents measures the memory of an idle agent, and a restart after which all agents resume their sessions, compared
// with the same number of bare TLS handshakes. The agents run in another process, so that memory and CPU are the gateway's.
func BenchmarkAgents(b *testing.B) {
	const agents = 2000
	for b.Loop() {
		g, admin := serveHere(b, web.TunnelOff)
		s := startSwarm(b)
		command := swarmCommand{Do: "login", Server: g.where.Agents[0], Roots: g.rootPEM(), Agents: agents, Users: swarmUsers}
		b.ReportMetric(memoryOf(b, admin, s, command), "KiB/idle-agent")

		g.stopHere()
		command.Do = "close"
		s.do(command)
		g.startHere()
		command.Do = "resume"
		cpu := cpuTime(b)
		elapsed := s.do(command)
		resumes := cpuTime(b) - cpu
		command.Do, command.Server = "handshake", bareTLS(b, g)
		cpu = cpuTime(b)
		bare := s.do(command)
		handshakes := cpuTime(b) - cpu
		b.ReportMetric(elapsed.Seconds(), "s/2000-resumes")
		b.ReportMetric(bare.Seconds(), "s/2000-handshakes")
		b.ReportMetric(resumes.Seconds()/handshakes.Seconds(), "resume/handshake-cpu")
		g.stopHere()
	}
}

// BenchmarkGuests measures the memory of 2,000 idle connections without a session, and the most that they can make the gateway
// allocate before it closes them.
func BenchmarkGuests(b *testing.B) {
	const guests = 2000
	for b.Loop() {
		g, _ := serveHere(b, web.TunnelOff)
		s := startSwarm(b)
		before := residentKiB(b)
		s.do(swarmCommand{Do: "visit", Server: g.where.Agents[0], Roots: g.rootPEM(), Agents: guests, Users: swarmUsers})
		idle := residentKiB(b)
		b.ReportMetric(float64(idle-before)/1024, "MiB/2000-idle-guests")
		s.do(swarmCommand{Do: "linger", Agents: guests})
		b.ReportMetric(float64(residentKiB(b)-idle)/1024, "MiB-above-idle")
		s.do(swarmCommand{Do: "leave", Agents: guests})
		g.stopHere()
	}
}

// BenchmarkLimits measures TLS handshakes a second with and without the limits of connections.
func BenchmarkLimits(b *testing.B) {
	const agents, turns = 2000, 9
	for b.Loop() {
		g, _ := serveHere(b, web.TunnelOff)
		s := startSwarm(b)
		bare := bareTLS(b, g)
		var with, without []float64
		for range turns {
			for _, one := range []struct {
				server string
				to     *[]float64
			}{{g.where.Agents[0], &with}, {bare, &without}} {
				took := s.do(swarmCommand{Do: "handshake", Server: one.server, Roots: g.rootPEM(), Agents: agents, Users: swarmUsers})
				*one.to = append(*one.to, agents/took.Seconds())
			}
		}
		slices.Sort(with)
		slices.Sort(without)
		b.ReportMetric(with[turns/2], "handshakes/s-limited")
		b.ReportMetric(without[turns/2], "handshakes/s-bare")
		b.ReportMetric(with[turns/2]/without[turns/2], "limited/bare")
		g.stopHere()
	}
}

// BenchmarkAgentsWithTunnel measures the memory of an idle agent whose tunnel has made its handshake.
func BenchmarkAgentsWithTunnel(b *testing.B) {
	const agents = 1000
	for b.Loop() {
		g, admin := serveHere(b, wireguard.ModeNetstack)
		admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.1/32"}}, nil)
		s := startSwarm(b)
		command := swarmCommand{Do: "login", Server: g.where.Agents[0], Roots: g.rootPEM(), Agents: agents, Users: swarmUsers, Tunnel: true}
		b.ReportMetric(memoryOf(b, admin, s, command), "KiB/idle-agent")
		command.Do = "close"
		s.do(command)
		g.stopHere()
	}
}

// swarmUsers is the number of accounts of a swarm's agents.
const swarmUsers = 100

// memoryOf returns the resident memory of one agent after all of a swarm have done a command, in KiB.
func memoryOf(b *testing.B, admin rest, s *swarm, command swarmCommand) float64 {
	b.Helper()
	before := residentKiB(b)
	s.do(command)
	if n := len(admin.sessions()); n != command.Agents {
		b.Fatalf("%d sessions", n)
	}
	return float64(residentKiB(b)-before) / float64(command.Agents)
}

// serveHere starts a gateway inside this process, with the agent on and the accounts of a swarm.
func serveHere(b *testing.B, tunnel string) (*gateway, rest) {
	b.Helper()
	g := &gateway{t: b, data: filepath.Join(b.TempDir(), "data"), flags: []string{tunnel}}
	g.where = freeAddresses(b, "127.0.0.1")
	g.startHere()
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"devices_per_user": 100}, nil)
	for i := range swarmUsers {
		admin.user(map[string]any{"login": fmt.Sprint("user", i), "remote_access": true})
	}
	return g, admin
}

// freeAddresses returns free addresses of a host for a gateway.
func freeAddresses(t testing.TB, host string) listening {
	t.Helper()
	var free []string
	for range 3 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		free = append(free, l.Addr().String())
	}
	return listening{Portal: free[:1], Agents: free[1:2], HTTP: free[2:]}
}

func (g *gateway) startHere() {
	g.t.Helper()
	g.startAs(web.Config{Tunnel: g.flags[0], Firewall: "off"})
}

// startAs starts the gateway inside this process, on its data and addresses.
func (g *gateway) startAs(c web.Config) {
	g.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	g.log, g.done = &lockedBuffer{}, make(chan struct{})
	running, w := io.Pipe()
	c.Data, c.Now, c.Log = g.data, g.now, web.NewLog(io.MultiWriter(g.log, untilRunning{w}), "json", slog.LevelInfo)
	c.PortalListen, c.AgentListen, c.HTTPListen = g.where.Portal, g.where.Agents, g.where.HTTP
	go func() {
		defer close(g.done)
		if err := web.Serve(ctx, c); err != nil {
			g.t.Errorf("serve: %v", err)
		}
	}()
	g.stopHere = func() {
		stop()
		<-g.done
	}
	if _, err := io.ReadAll(running); err != nil {
		g.t.Fatal(err)
	}
}

// untilRunning closes a pipe when the log says that the gateway runs.
type untilRunning struct{ w *io.PipeWriter }

func (u untilRunning) Write(p []byte) (int, error) {
	if strings.Contains(string(p), `"msg":"running"`) {
		_ = u.w.Close()
	}
	return len(p), nil
}

func (g *gateway) rootPEM() []byte {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.data, "root.pem"))
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// bareTLS is a server with a certificate like the gateway's that does the TLS handshake only.
func bareTLS(b *testing.B, g *gateway) string {
	b.Helper()
	root, err := certs.Open(g.data)
	if err != nil {
		b.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", certs.TLSConfig(tls.VersionTLS13, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return root.Certificate("127.0.0.1") }))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// residentKiB returns the resident memory of this process after a garbage collection.
func residentKiB(b *testing.B) int {
	b.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(status))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize() / 1024
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
