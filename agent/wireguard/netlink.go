package wireguard

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"
)

// interfaceLink is the common part of the links that are interfaces of the operating system.
type interfaceLink struct{ name string }

func (l interfaceLink) listen(a netip.AddrPort) (net.Listener, error) {
	return net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(a))
}

// start gives a new interface its address and sets it up.
func (l interfaceLink) start(gateway netip.Prefix) error {
	dev, err := netlink.LinkByName(l.name)
	if err != nil {
		return fmt.Errorf("finding the interface: %w", err)
	}
	if err := netlink.AddrAdd(dev, addressOf(gateway)); err != nil {
		return fmt.Errorf("adding the address %s: %w", gateway, err)
	}
	if err := netlink.LinkSetUp(dev); err != nil {
		return fmt.Errorf("setting the interface up: %w", err)
	}
	return nil
}

func (l interfaceLink) renumber(from, to netip.Prefix) error {
	dev, err := netlink.LinkByName(l.name)
	if err != nil {
		return fmt.Errorf("finding the interface: %w", err)
	}
	if err := netlink.AddrReplace(dev, addressOf(to)); err != nil {
		return fmt.Errorf("adding the address %s: %w", to, err)
	}
	if err := netlink.AddrDel(dev, addressOf(from)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("removing the address %s: %w", from, err)
	}
	return nil
}

func (l interfaceLink) repair(gateway netip.Prefix) (fault string, err error) {
	dev, err := netlink.LinkByName(l.name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return "", errGone
	}
	if err != nil {
		return "", fmt.Errorf("finding the interface: %w", err)
	}
	list, err := netlink.AddrList(dev, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("reading the addresses of the interface: %w", err)
	}
	if !slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.IPNet.String() == gateway.String() }) {
		if err := netlink.AddrReplace(dev, addressOf(gateway)); err != nil {
			return "", fmt.Errorf("adding the address %s: %w", gateway, err)
		}
		fault = "its address was gone"
	}
	if dev.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(dev); err != nil {
			return fault, fmt.Errorf("setting the interface up: %w", err)
		}
		fault = "it was down"
	}
	return fault, nil
}

func addressOf(p netip.Prefix) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
}

// clearLeftover removes the kernel link that a crashed gateway left behind. It recognizes the link by its key, and
// leaves other interfaces alone. Errors: errForeign.
func clearLeftover(client *wgctrl.Client, name string, secret privateKey, log *slog.Logger) error {
	dev, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the interface: %w", err)
	}
	if dev.Type() != "wireguard" || !isOurs(client, name, secret) {
		return fmt.Errorf("there is an interface of this name already (%s): %w", dev.Type(), errForeign)
	}
	log.Info("removing the interface that an earlier process left behind", "interface", name)
	if err := netlink.LinkDel(dev); err != nil {
		return fmt.Errorf("removing the interface that an earlier process left behind: %w", err)
	}
	return nil
}

// isOurs reports whether a kernel link has our key, or none because its process crashed before setting it.
func isOurs(client *wgctrl.Client, name string, secret privateKey) bool {
	dev, err := client.Device(name)
	return err == nil && dev.Type == wgtypes.LinuxKernel && (dev.PrivateKey == *secret.wgKey() || dev.PrivateKey == wgtypes.Key{})
}

// checkSocket reports an error if another process answers on the UAPI socket of this name. Network namespaces share the
// directory of these sockets, but not the names of interfaces. Errors: errForeign.
func checkSocket(name string) error {
	path := socketPath(name)
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil // openSocket replaces a socket that a crashed process left behind
	}
	defer conn.Close()
	return fmt.Errorf("another process answers on %s%s: %w", path, peerOf(conn), errForeign)
}

// peerOf describes the process at the other end of a Unix socket; empty if it is not known.
func peerOf(conn net.Conn) (process string) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil && peer.Pid > 0 { // 0 = in another PID namespace
			process = fmt.Sprintf(" (process %d)", peer.Pid)
		}
	})
	return process
}

// socketPath returns where wg and wgctrl look for the UAPI socket of wireguard-go.
func socketPath(name string) string { return "/var/run/wireguard/" + name + ".sock" }
