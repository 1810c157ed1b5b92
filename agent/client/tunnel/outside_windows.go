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

// Options that tie a socket to an interface: its packets take no route through another one. IPv4 wants the index in
// network byte order, IPv6 in the computer's.
const (
	ipUnicastIF   = 31 // IP_UNICAST_IF of IPPROTO_IP
	ipv6UnicastIF = 31 // IPV6_UNICAST_IF of IPPROTO_IPV6
)

// wayOutside is the interface that leads to the address without the tunnel.
func wayOutside(to netip.Addr, tunnel winipcfg.LUID) (card, bool, error) {
	t, err := readTables(familyFor(to))
	if err != nil {
		return card{}, false, err
	}
	c, ok := best(to, t.routes, t.cards, uint64(tunnel))
	return c, ok, nil
}

// DialControl is for the Control of the net.Dialer that connects to the gateway: it keeps that connection outside the
// tunnel, also one that is there before the tunnel is.
func (t *Tunnel) DialControl(_, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || to.Addr().IsLoopback() || t.config.Mode == Netstack {
		return nil
	}
	ours, _ := winipcfg.LUIDFromGUID(&adapterGUID) // 0 when there is no tunnel
	if err := tie(to.Addr().Unmap(), ours, c); err != nil && ours != 0 {
		return err
	}
	return nil // where no tunnel is, nothing can lead into it
}

func tie(to netip.Addr, tunnel winipcfg.LUID, c syscall.RawConn) error {
	way, ok, err := wayOutside(to, tunnel)
	if err != nil {
		return err
	}
	if !ok {
		return windows.WSAENETUNREACH
	}
	failed := c.Control(func(fd uintptr) {
		if to.Is4() {
			err = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipUnicastIF, int(int32(bits.ReverseBytes32(way.Index))))
		} else {
			err = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, ipv6UnicastIF, int(way.Index))
		}
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("keep the connection to %s on interface %s: %w", to, way.Name, err)
	}
	return nil
}

// outlet keeps wireguard-go's packets to the gateway outside the tunnel.
type outlet struct {
	bind   conn.BindSocketToInterface
	to     netip.Addr
	tunnel winipcfg.LUID
	log    func(string)

	tied  bool // index is in force
	index uint32
}

func newOutlet(b conn.Bind, s client.TunnelSetup, tunnel winipcfg.LUID, log func(string)) (*outlet, error) {
	bind, ok := b.(conn.BindSocketToInterface)
	if !ok {
		return nil, errors.New("the tunnel's socket cannot be kept on an interface")
	}
	o := &outlet{bind: bind, to: s.Endpoint.Addr(), tunnel: tunnel, log: log}
	return o, o.follow()
}

// follow ties the socket to the interface that leads to the gateway now. Without one, packets are dropped: the tunnel
// must not swallow its own.
func (o *outlet) follow() error {
	if o.to.IsLoopback() {
		return nil
	}
	way, ok, err := wayOutside(o.to, o.tunnel)
	if err != nil {
		return err
	}
	if o.tied && way.Index == o.index {
		return nil
	}
	tie := o.bind.BindSocketToInterface4
	if !o.to.Is4() {
		tie = o.bind.BindSocketToInterface6
	}
	if err := tie(way.Index, !ok); err != nil {
		return fmt.Errorf("keep the tunnel's socket on interface %q: %w", way.Name, err)
	}
	o.tied, o.index = true, way.Index
	if !ok {
		o.log("no interface leads to the gateway")
		return nil
	}
	o.log(fmt.Sprintf("the gateway is reached through interface %q", way.Name))
	return nil
}
