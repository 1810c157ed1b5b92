package wireguard

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netstack"
)

// labVariable holds the name of the namespace outside in a process that runs inside.
const labVariable = "WIREGUARD_LAB"

// Addresses of the lab.
var (
	labGateway = netip.MustParseAddr("10.77.1.1")
	labOutside = netip.MustParseAddr("10.77.1.2")
)

// lab is two network namespaces joined by a cable: the gateway's, in which the test runs, and outside.
type lab struct{ outside string }

var labCount atomic.Int32

// inLab runs the body of a test inside the gateway's namespace of a fresh lab. Threads come and go between namespaces
// only by force, so the whole test program is started there once more, for this test alone.
func inLab(t *testing.T, body func(*testing.T, lab)) {
	if outside := os.Getenv(labVariable); outside != "" {
		body(t, lab{outside})
		return
	}
	t.Parallel()
	needLab(t)
	gateway, outside := newLab(t)
	run := exec.CommandContext(t.Context(), "ip", "netns", "exec", gateway, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v",
		"-test.timeout=2m")
	run.Env = append(os.Environ(), labVariable+"="+outside)
	out, err := run.CombinedOutput()
	needs.Rerun(t, out, err)
}

func needLab(tb testing.TB) {
	tb.Helper()
	needs.Root(tb)
	needs.TUN(tb)
	needs.Program(tb, "ip", "iproute2")
	needs.Program(tb, "wg", "wireguard-tools")
}

// newLab makes two namespaces that live as long as the test.
func newLab(tb testing.TB) (gateway, outside string) {
	tb.Helper()
	n := labCount.Add(1)
	gateway, outside = fmt.Sprintf("wg-gateway-%d-%d", os.Getpid(), n), fmt.Sprintf("wg-outside-%d-%d", os.Getpid(), n)
	for _, name := range []string{gateway, outside} {
		run(tb, "ip", "netns", "add", name)
		tb.Cleanup(func() { run(tb, "ip", "netns", "del", name) })
		run(tb, "ip", "-n", name, "link", "set", "lo", "up")
	}
	run(tb, "ip", "link", "add", "cable", "netns", gateway, "type", "veth", "peer", "name", "cable", "netns", outside)
	for name, address := range map[string]netip.Addr{gateway: labGateway, outside: labOutside} {
		run(tb, "ip", "-n", name, "addr", "add", address.String()+"/24", "dev", "cable")
		run(tb, "ip", "-n", name, "link", "set", "cable", "up")
	}
	run(tb, "ip", "-n", outside, "route", "add", "default", "via", labGateway.String())
	run(tb, "ip", "netns", "exec", gateway, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return gateway, outside
}

func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// out does something on a thread in the namespace outside: what is opened there stays there.
func (l lab) out(tb testing.TB, do func()) {
	tb.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this goroutine
		ns, err := netns.GetFromName(l.outside)
		if err == nil {
			err = netns.Set(ns)
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		tb.Fatalf("going outside: %v", err)
	}
}

// connect makes a session whose person is outside.
func (l lab) connect(tb testing.TB, d *Device) (agent.Session, *person) {
	tb.Helper()
	s, key := reserve(tb, d), newKey(tb)
	config := up(tb, d, s, key.public())
	stack, err := netstack.New(config.Address.Addr(), MTU)
	if err != nil {
		tb.Fatal(err)
	}
	dev := device.NewDevice(stack, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	tb.Cleanup(dev.Close)
	if err := dev.IpcSet(personConfig(labGateway, key, config)); err != nil {
		tb.Fatal(err)
	}
	l.out(tb, func() { err = dev.Up() })
	if err != nil {
		tb.Fatal(err)
	}
	return s, &person{dev, stack}
}

// interfaceName is a name that no other test has: sockets of all namespaces lie in one directory.
func interfaceName() string { return fmt.Sprintf("wgt%d", os.Getpid()) }

// asNobody runs a test once more in a process without any capability, and in a user namespace where that process
// believes to have them all.
func asNobody(t *testing.T, body func(*testing.T)) {
	if os.Getenv(labVariable) != "" {
		body(t)
		return
	}
	t.Parallel()
	needs.Root(t)
	for name, wrap := range map[string][]string{
		"no capability": {"setpriv", "--inh-caps=-all", "--bounding-set=-all"},
		"namespace":     {"unshare", "--user", "--map-root-user"},
	} {
		t.Run(name, func(t *testing.T) {
			needs.Program(t, wrap[0], "util-linux")
			args := append(wrap[1:], os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$", "-test.v", "-test.timeout=1m")
			run := exec.CommandContext(t.Context(), wrap[0], args...)
			run.Env = append(os.Environ(), labVariable+"=none")
			if out, err := run.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// hide lays an empty read-only directory over another, for this process: "ip netns exec" has given it a view of its own
// of the file system.
func hide(tb testing.TB, dir string) {
	tb.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		tb.Fatal(err)
	}
}

// listed are the keys of the peers that wg shows.
func listed(tb testing.TB, name string) []string {
	tb.Helper()
	return strings.Fields(run(tb, "wg", "show", name, "peers"))
}
