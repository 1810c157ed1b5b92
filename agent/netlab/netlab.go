//go:build linux

// Package netlab runs tests in a lab of network namespaces, which are called places. A thread cannot leave a namespace cleanly,
// so a test that must be inside one runs in its own process: the test program is started again for that test alone.
package netlab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"

	"ideco-agent/agent/needs"
)

// Network describes the places of a lab and the script that connects them.
type Network struct {
	Places []string // the test runs in the first one
	Script string   // for sh; the functions of prelude are there
}

// prelude creates the places. A script may use these functions:
//
//	at PLACE ARGUMENT...      ip with these arguments
//	inside PLACE COMMAND...   any command
//	join PLACE LINK PLACE LINK  connects two places
//	router PLACE              forwards IPv4 and IPv6, without reverse path filtering
//	hosts LINE...             writes /etc/hosts of all places
const prelude = `set -e
P=$1
shift
places=$*
for place; do ip netns add $P-$place; ip -n $P-$place link set lo up; done
at() { place=$1; shift; ip -n $P-$place "$@"; }
inside() { place=$1; shift; ip netns exec $P-$place "$@"; }
join() { ip link add $2 netns $P-$1 type veth peer name $4 netns $P-$3; at $1 link set $2 up; at $3 link set $4 up; }
router() { inside $1 sh -c 'cd /proc/sys/net
echo 0 >ipv4/conf/all/rp_filter; echo 0 >ipv4/conf/default/rp_filter; echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding'; }
hosts() { for place in $places; do mkdir -p /etc/netns/$P-$place; printf '%s\n' "$@" >/etc/netns/$P-$place/hosts; done; }
`

// labVariable is an environment variable of processes that tests start: the prefix of their lab, or another text without one.
const labVariable = "NETLAB"

// Lab is a set of network namespaces that exist as long as a test.
type Lab struct{ prefix string }

var count atomic.Int32

// New creates a lab. Its processes are killed and its namespaces deleted at the end of the test.
func (n Network) New(tb testing.TB) *Lab {
	tb.Helper()
	needs.Root(tb)
	needs.Program(tb, "ip", "iproute2")
	l := &Lab{fmt.Sprintf("lab%d-%d", os.Getpid(), count.Add(1))}
	tb.Cleanup(func() {
		for _, place := range n.Places {
			l.remove(place)
		}
	})
	Run(tb, "sh", append([]string{"-c", prelude + n.Script, "sh", l.prefix}, n.Places...)...)
	return l
}

// remove kills the processes in a place, which would keep it alive, and deletes it.
func (l *Lab) remove(place string) {
	pids, _ := exec.Command("ip", "netns", "pids", l.Name(place)).Output()
	for field := range strings.FieldsSeq(string(pids)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = exec.Command("ip", "netns", "del", l.Name(place)).Run()
	dir := filepath.Join("/etc/netns", l.Name(place))
	_ = os.RemoveAll(dir)
	_ = os.Remove(filepath.Dir(dir)) // fails unless it is empty
}

// Here returns the lab that this process was started in, or nil.
func Here() *Lab {
	if prefix := os.Getenv(labVariable); prefix != "" {
		return &Lab{prefix}
	}
	return nil
}

// Enter runs the body of a test in the first place of a new lab, in parallel with other tests.
func (n Network) Enter(t *testing.T, body func(*testing.T, *Lab)) {
	t.Helper()
	if l := Here(); l != nil { // this is the new process
		body(t, l)
		return
	}
	t.Parallel()
	cmd := n.New(t).Command(t.Context(), n.Places[0], os.Args[0], onlyThis(t)...)
	out, err := cmd.CombinedOutput()
	needs.TakeOutcome(t, out, err)
}

// SetParallel sets how many tests run in parallel, unless the command line does: tests of networks wait more than they compute.
func SetParallel(tests int) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(strconv.Itoa(tests))
	}
}

// onlyThis returns the arguments for the test program to run one test alone.
func onlyThis(t *testing.T) []string {
	return []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v", "-test.timeout=4m"}
}

// Command returns a command that runs a program in a place. There Here returns the lab.
func (l *Lab) Command(ctx context.Context, place, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", l.Name(place), program}, args...)...)
	cmd.Env = append(os.Environ(), labVariable+"="+l.prefix)
	return cmd
}

func (l *Lab) Name(place string) string { return l.prefix + "-" + place }

// Link returns a name for a network interface that is unique among labs, because the sockets of WireGuard interfaces in all
// namespaces are in one directory. The suffix is one character.
func (l *Lab) Link(suffix string) string { return strings.ReplaceAll(l.prefix, "-", "x") + suffix }

// IP runs ip with arguments in a place.
func (l *Lab) IP(tb testing.TB, place string, args ...string) {
	tb.Helper()
	Run(tb, "ip", append([]string{"-n", l.Name(place)}, args...)...)
}

// At calls do on a thread in a place. Sockets that it opens belong to that place. The empty place is the process's own.
func (l *Lab) At(place string, do func() error) error {
	if place == "" {
		return do()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this goroutine
		ns, err := netns.GetFromName(l.Name(place))
		if err == nil {
			err = errors.Join(netns.Set(ns), ns.Close())
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}
