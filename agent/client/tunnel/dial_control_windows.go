package tunnel

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"syscall"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"

	"ideco-agent/agent/client"
)

// Socket options that bind a socket to an interface. IPv4 takes the index in network byte order, IPv6 in host byte
// order.
const (
	ipUnicastIF   = 31 // IP_UNICAST_IF of IPPROTO_IP
	ipv6UnicastIF = 31 // IPV6_UNICAST_IF of IPPROTO_IPV6
)

// readOutboundInterface reads the routing table and returns outboundInterface.
func readOutboundInterface(to netip.Addr, tunnel winipcfg.LUID) (iface, bool, error) {
	t, err := readTables(familyFor(to))
	if err != nil {
		return iface{}, false, err
	}
	out, ok := outboundInterface(to, t.routes, t.ifaces, uint64(tunnel))
	return out, ok, nil
}

// DialControl is the Control of the net.Dialer that connects to the gateway. It keeps the connection outside the
// tunnel, also when the connection is older than the tunnel.
func (t *Tunnel) DialControl(_, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Addr().IsLoopback() || t.config.Mode == Netstack {
		return nil
	}
	ours, _ := winipcfg.LUIDFromGUID(&adapterGUID) // 0 when there is no tunnel
	if err := bindSocket(to.Addr().Unmap(), ours, c); err != nil && ours != 0 {
		return err
	}
	return nil // without a tunnel an error does no harm
}

// bindSocket binds a socket to the interface that leads to an address outside the tunnel.
func bindSocket(to netip.Addr, tunnel winipcfg.LUID, c syscall.RawConn) error {
	out, ok, err := readOutboundInterface(to, tunnel)
	if err != nil {
		return err
	}
	if !ok {
		return windows.WSAENETUNREACH
	}
	failed := c.Control(func(fd uintptr) {
		if to.Is4() {
			err = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipUnicastIF, int(int32(bits.ReverseBytes32(out.Index))))
		} else {
			err = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, ipv6UnicastIF, int(out.Index))
		}
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("bind the connection to %s to interface %s: %w", to, out.Name, err)
	}
	return nil
}

// socketBinding keeps wireguard-go's packets to the gateway outside the tunnel: it binds its socket to the interface
// that leads to the gateway.
type socketBinding struct {
	socket conn.BindSocketToInterface
	to     netip.Addr
	tunnel winipcfg.LUID
	log    func(string)

	bound bool // index is valid
	index uint32
}

func newSocketBinding(bind conn.Bind, s client.TunnelSetup, tunnel winipcfg.LUID, log func(string)) (*socketBinding, error) {
	socket, ok := bind.(conn.BindSocketToInterface)
	if !ok {
		return nil, errors.New("the tunnel's socket cannot be bound to an interface")
	}
	b := &socketBinding{socket: socket, to: s.Endpoint.Addr(), tunnel: tunnel, log: log}
	return b, b.rebind()
}

// rebind binds the socket to the interface that leads to the gateway now. Without one the socket drops its packets,
// because they must not go into the tunnel.
func (b *socketBinding) rebind() error {
	if b.to.IsLoopback() {
		return nil
	}
	out, ok, err := readOutboundInterface(b.to, b.tunnel)
	if err != nil {
		return err
	}
	if b.bound && out.Index == b.index {
		return nil
	}
	bind := b.socket.BindSocketToInterface4
	if !b.to.Is4() {
		bind = b.socket.BindSocketToInterface6
	}
	if err := bind(out.Index, !ok); err != nil {
		return fmt.Errorf("bind the tunnel's socket to interface %q: %w", out.Name, err)
	}
	b.bound, b.index = true, out.Index
	if !ok {
		b.log("no interface leads to the gateway")
		return nil
	}
	b.log(fmt.Sprintf("the gateway is reached through interface %q", out.Name))
	return nil
}
