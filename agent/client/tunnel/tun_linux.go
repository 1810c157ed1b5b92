package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/tun"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/wgbind"
)

// HasTUN reports whether the program can create a network interface on this system.
const HasTUN = true

// permittedTUN returns an error when this process may not create a network interface.
func permittedTUN() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 has 64 bits
	if err := unix.Capget(&header, &data[0]); err != nil {
		return &client.TunnelProblem{Key: locale.TunnelNoRights, Err: fmt.Errorf("capabilities: %w", err)}
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return &client.TunnelProblem{Key: locale.TunnelNoRights, Err: errors.New("CAP_NET_ADMIN is missing")}
	}
	return checkDevice("/dev/net/tun")
}

// checkDevice opens the TUN device, because a device without its kernel module exists too.
func checkDevice(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case err == nil:
		return f.Close()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return &client.TunnelProblem{Key: locale.TunnelNoDevice, Err: err}
	}
	return &client.TunnelProblem{Key: locale.TunnelNoRights, Err: err}
}

// tunAdapter is a network interface with its routes.
type tunAdapter struct {
	name          string
	log           func(string)
	tun           tun.Device
	link          netlink.Link    // nil before open
	stop          func()          // stops the watch of routes; nil = it was not started
	gatewayRoutes []netlink.Route // to the gateway and unreachable, see keepOutside; empty = the tunnel does not carry the gateway
	uplink        hop             // of gatewayRoutes[0]
}

// newTUN creates the interface. An existing one of the same name is in use: the kernel removes interfaces of programs
// that have ended.
func newTUN(c Config, s client.TunnelSetup) (adapter, error) {
	if err := permittedTUN(); err != nil {
		return nil, err
	}
	_, err := netlink.LinkByName(c.Name)
	if err == nil {
		return nil, &client.TunnelProblem{Key: locale.TunnelNameTaken, Value: c.Name}
	}
	if missing := (netlink.LinkNotFoundError{}); !errors.As(err, &missing) {
		return nil, fmt.Errorf("interface %s: %w", c.Name, err)
	}
	dev, err := tun.CreateTUN(c.Name, s.MTU)
	if err != nil {
		return nil, fmt.Errorf("create interface %s: %w", c.Name, err)
	}
	return &tunAdapter{name: c.Name, log: c.Log, tun: dev}, nil
}

func (a *tunAdapter) device() tun.Device { return a.tun }

func (a *tunAdapter) open(ctx context.Context, s client.TunnelSetup, _ conn.Bind, pathChanged func()) ([]client.TunnelNote, error) {
	var err error
	if a.link, err = netlink.LinkByName(a.name); err != nil {
		return nil, fmt.Errorf("interface %s: %w", a.name, err)
	}
	local, err := readLocalNetworks(a.link.Attrs().Index)
	if err != nil {
		return nil, err
	}
	if err := checkAddress(s, local); err != nil {
		return nil, err
	}
	own := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(s.Address, 32))}
	if err := netlink.AddrAdd(a.link, own); err != nil {
		return nil, fmt.Errorf("address %s of interface %s: %w", s.Address, a.name, err)
	}
	if err := a.keepOutside(s); err != nil { // before anything leads into the tunnel
		return nil, err
	}
	if err := netlink.LinkSetUp(a.link); err != nil {
		return nil, fmt.Errorf("interface %s: %w", a.name, err)
	}
	notes, err := a.route(s)
	if err != nil {
		return nil, err
	}
	if a.stop, err = wgbind.WatchNetwork(func() {
		a.followUplink()
		pathChanged()
	}); err != nil {
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	return append(notes, a.setDNS(ctx, s)...), nil
}

func (a *tunAdapter) setMTU(mtu int) error {
	if err := netlink.LinkSetMTU(a.link, mtu); err != nil {
		return fmt.Errorf("MTU of interface %s: %w", a.name, err)
	}
	return nil
}

// close takes the interface down, which removes the routes into it, and then removes the routes to the gateway.
func (a *tunAdapter) close() {
	if a.link == nil {
		return
	}
	if a.stop != nil {
		a.stop()
	}
	if err := netlink.LinkSetDown(a.link); err != nil {
		a.log(fmt.Sprintf("interface %s: %v", a.name, err))
	}
	for _, r := range a.gatewayRoutes {
		if err := removeRoute(r); err != nil {
			a.log(err.Error())
		}
	}
	a.gatewayRoutes = nil
}
