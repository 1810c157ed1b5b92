package wireguard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// BenchmarkSessions sets 1,000 sessions up, address and peer, and tears them down again.
func BenchmarkSessions(b *testing.B) {
	b.Run(ModeNetstack, func(b *testing.B) {
		benchSessions(b, open(b, Config{Network: netip.MustParsePrefix("10.99.0.0/16"), Log: slog.New(slog.DiscardHandler)}))
	})
	b.Run(ModeTUN, func(b *testing.B) {
		needLab(b)
		var d *Device
		if err := cable.New(b).At(inGateway, func() error {
			d = open(b, Config{Mode: ModeTUN, Name: interfaceName(), Network: netip.MustParsePrefix("10.99.0.0/16"),
				Log: slog.New(slog.DiscardHandler)})
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		benchSessions(b, d)
	})
}

func benchSessions(b *testing.B, d *Device) {
	const count = 1000
	keys := make([]agent.Key, count)
	for i := range keys {
		keys[i] = newKey(b).public()
	}
	for b.Loop() {
		sessions := make([]agent.Session, count)
		for i := range sessions {
			sessions[i] = reserve(b, d)
			up(b, d, sessions[i], keys[i])
		}
		for _, s := range sessions {
			d.Release(context.Background(), s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*count), "µs/session")
}

// BenchmarkPool hands out and takes back an address of a network of 65,533 that is almost used up.
func BenchmarkPool(b *testing.B) {
	p, now := newPool(netip.MustParsePrefix("10.128.0.0/16")), time.Now()
	for i := range 65500 {
		if _, err := p.reserve(holder{session: fmt.Sprint(i)}, netip.Addr{}, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(rest)
		if _, err := p.reserve(holder{session: "the next"}, netip.Addr{}, now); err != nil {
			b.Fatal(err)
		}
		p.release("the next", now)
	}
}

// BenchmarkThroughput sends one TCP stream from the gateway to a person, alternately through a Device and through the reference
// program of wireguard-go. Every program is a process of its own, and the person's end is always the reference program.
func BenchmarkThroughput(b *testing.B) {
	needLab(b)
	program := filepath.Join(b.TempDir(), "wireguard-go")
	netlab.Run(b, "go", "build", "-o", program, "golang.zx2c4.com/wireguard")
	r := comparison{cable.New(b), program}
	ours, theirs := r.startOurs(b), r.startReference(b)
	for b.Loop() {
		var speeds, references []float64
		for range 3 {
			speeds, references = append(speeds, r.measure(b, ours)), append(references, r.measure(b, theirs))
		}
		slices.Sort(speeds)
		slices.Sort(references)
		b.ReportMetric(speeds[1], "Gbit/s")
		b.ReportMetric(references[1], "reference-Gbit/s")
		b.ReportMetric(speeds[1]/references[1], "of-reference")
	}
	b.ReportMetric(0, "ns/op") // hides it: the time is fixed
}

// comparison is a lab with two tunnels, ours and that of the reference program.
type comparison struct {
	*netlab.Lab
	program string
}

// startOurs starts a Device and a person. It returns the person's address.
func (r comparison) startOurs(b *testing.B) netip.Addr {
	b.Helper()
	person := newKey(b)
	name := interfaceName()
	out := r.role(b, inGateway, "gateway", name, person.public().String())
	var config agent.TunnelConfig
	if err := json.NewDecoder(out).Decode(&config); err != nil {
		b.Fatal(err)
	}
	r.startPerson(b, name+"p", person, config)
	return config.Address.Addr()
}

// startReference does the same with the reference program as the gateway.
func (r comparison) startReference(b *testing.B) netip.Addr {
	b.Helper()
	person, secret, name := newKey(b), newKey(b), interfaceName()+"r"
	config := agent.TunnelConfig{ServerPort: 3051, PublicKey: secret.public(), PresharedKey: agent.Key{1},
		Address: netip.MustParsePrefix("10.97.0.2/32")}
	r.startProgram(b, inGateway, name)
	netlab.Run(b, "wg", "set", name, "listen-port", "3051", "private-key", r.file(b, agent.Key(secret.key.Bytes())),
		"peer", person.public().String(), "preshared-key", r.file(b, config.PresharedKey), "allowed-ips", config.Address.String())
	r.IP(b, inGateway, "addr", "add", "10.97.0.1/24", "dev", name)
	r.IP(b, inGateway, "link", "set", name, "up")
	r.startPerson(b, name+"p", person, config)
	return config.Address.Addr()
}

func (r comparison) startPerson(b *testing.B, name string, key privateKey, config agent.TunnelConfig) {
	b.Helper()
	r.startProgram(b, inOutside, name)
	netlab.Run(b, "wg", "set", name, "private-key", r.file(b, agent.Key(key.key.Bytes())), "peer", config.PublicKey.String(),
		"preshared-key", r.file(b, config.PresharedKey), "allowed-ips", "0.0.0.0/0",
		"persistent-keepalive", "25", // so that the gateway learns the person's endpoint
		"endpoint", netip.AddrPortFrom(labGateway, uint16(config.ServerPort)).String())
	network := netip.PrefixFrom(config.Address.Addr(), 24)
	r.IP(b, inOutside, "addr", "add", network.String(), "dev", name)
	r.IP(b, inOutside, "link", "set", name, "up")
}

func (r comparison) file(b *testing.B, key agent.Key) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(path, []byte(key.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// startProgram starts the reference program and waits until wg can reach it.
func (r comparison) startProgram(b *testing.B, place, name string) {
	b.Helper()
	startProcess(b, r.Command(context.Background(), place, r.program, "-f", name))
	netlab.Eventually(b, "the reference program answers", func() bool { return exec.Command("wg", "show", name).Run() == nil })
}

// measure sends for measureTime and returns the Gbit/s that the receiver counted.
func (r comparison) measure(b *testing.B, to netip.Addr) float64 {
	b.Helper()
	receiver := r.role(b, inOutside, "receive", netip.AddrPortFrom(to, 0).String())
	lines := json.NewDecoder(receiver)
	var address string
	if err := lines.Decode(&address); err != nil {
		b.Fatal(err)
	}
	r.role(b, inGateway, "send", address)
	var speed float64
	if err := lines.Decode(&speed); err != nil {
		b.Fatal(err)
	}
	return speed
}

// role starts this test program in a place with a role of TestMain. The process ends with the benchmark.
func (r comparison) role(b *testing.B, place, name string, args ...string) io.Reader {
	b.Helper()
	cmd := r.Command(context.Background(), place, os.Args[0], args...)
	cmd.Env = append(cmd.Env, roleVariable+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	startProcess(b, cmd)
	return out
}

func startProcess(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := cmd.Start(); err != nil {
		b.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // the gateways remove their sockets then
		cmd.Wait()
	})
}
