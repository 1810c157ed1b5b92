package wireguard

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/netstack"
)

// Places of the lab.
const (
	inGateway = "gateway" // the test runs in it
	inOutside = "outside"
)

// Addresses of the lab.
var (
	labGateway = netip.MustParseAddr("10.77.1.1")
	labOutside = netip.MustParseAddr("10.77.1.2")
)

var cable = netlab.Network{Places: []string{inGateway, inOutside}, Script: `
join gateway cable outside cable
at gateway addr add 10.77.1.1/24 dev cable; at outside addr add 10.77.1.2/24 dev cable
at outside route add default via 10.77.1.1
inside gateway sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
`}

// lab is a gateway and a network outside, joined by a cable.
type lab struct{ *netlab.Lab }

func inLab(t *testing.T, body func(*testing.T, lab)) {
	needLab(t)
	cable.Enter(t, func(t *testing.T, l *netlab.Lab) { body(t, lab{l}) })
}

func needLab(tb testing.TB) {
	tb.Helper()
	needs.TUN(tb)
	needs.Program(tb, "wg", "wireguard-tools")
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
	if err := l.At(inOutside, dev.Up); err != nil {
		tb.Fatal(err)
	}
	return s, &person{dev, stack}
}

// interfaceName returns a name that no other test process has: the sockets of all namespaces are in one directory.
func interfaceName() string { return fmt.Sprintf("wgt%d", os.Getpid()) }

// hide mounts an empty read-only directory over dir, for this process only: "ip netns exec" has given it a mount
// namespace of its own.
func hide(tb testing.TB, dir string) {
	tb.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		tb.Fatal(err)
	}
}

func listed(tb testing.TB, name string) []string {
	tb.Helper()
	return strings.Fields(netlab.Run(tb, "wg", "show", name, "peers"))
}
