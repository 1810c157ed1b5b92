package web

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// askTimeout is how long the page «Система» waits for the parts of the gateway.
const askTimeout = 2 * time.Second

// serviceFacts returns what the page «Система» and REST show of this process.
func serviceFacts(c Config, started time.Time, alive liveness, servers []*server, vpn tunnel, versions func() agent.ServiceVersions, recent *recentLog) func(context.Context) agent.ServiceFacts {
	return func(ctx context.Context) agent.ServiceFacts {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		f := agent.ServiceFacts{PID: os.Getpid(), Started: started, Memory: residentMemory(), Supervised: c.Systemd != nil,
			Stuck: alive.stuck(ctx), Versions: versions(), Records: recent.records()}
		for _, s := range servers {
			if at := s.listener.Addr().String(); s.part != "" {
				f.Ports = append(f.Ports, agent.ServicePort{Part: s.part, Address: at, Answers: !slices.Contains(f.Stuck, at)})
			}
		}
		if vpn.Device != nil {
			f.Ports = append(f.Ports, agent.ServicePort{Part: agent.PartTunnel, Address: strconv.Itoa(int(vpn.port())), UDP: true, Answers: vpn.Available()})
		}
		return f
	}
}

// residentMemory returns the resident set of this process in bytes; 0 = unknown.
func residentMemory() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

// nftTimeout limits the run of nft that tells its version.
const nftTimeout = 5 * time.Second

// serviceVersions returns a function that reads the versions at its first call. They do not change while the process runs.
func serviceVersions(schema func(context.Context) (int64, error), installer msi) func() agent.ServiceVersions {
	return sync.OnceValue(func() agent.ServiceVersions {
		ctx, cancel := context.WithTimeout(context.Background(), nftTimeout)
		defer cancel()
		v := agent.ServiceVersions{Program: Version(), Go: runtime.Version(), Kernel: kernelVersion(), NFTables: nftVersion(ctx)}
		if n, err := schema(ctx); err == nil {
			v.Schema = strconv.FormatInt(n, 10)
		}
		v.Installer = installer.version()
		return v
	})
}

func kernelVersion() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// nftVersion returns the version in the output of nft, such as "nftables v1.0.6 (Lester Gooch #5)".
func nftVersion(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "nft", "--version").Output()
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "nftables v"), " ")
	return agent.Clean(version, 50)
}
