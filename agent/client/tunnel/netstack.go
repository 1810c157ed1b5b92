package tunnel

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/tun"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/netstack"
)

// netstackAdapter is a TCP/IP stack with a SOCKS5 proxy.
type netstackAdapter struct {
	config Config
	setup  client.TunnelSetup
	stack  *netstack.TUN
	proxy  *proxy // nil before open
}

func newNetstack(c Config, s client.TunnelSetup) (adapter, error) {
	stack, err := netstack.New(s.Address, s.MTU)
	if err != nil {
		return nil, err
	}
	return &netstackAdapter{config: c, setup: s, stack: stack}, nil
}

func (a *netstackAdapter) device() tun.Device { return a.stack }

func (a *netstackAdapter) open(_ context.Context, s client.TunnelSetup, _ conn.Bind, _ func()) ([]client.TunnelNote, error) {
	listener, err := net.Listen("tcp", a.config.Socks)
	if err != nil {
		return nil, &client.TunnelProblem{Key: locale.SocksTaken, Value: a.config.Socks, Err: err}
	}
	a.proxy = newProxy(listener, a.dial, newResolver(s, a.dial), a.config.Log)
	return []client.TunnelNote{{Code: locale.NoteSocks, Value: listener.Addr().String()}}, nil
}

func (a *netstackAdapter) setMTU(mtu int) error {
	a.stack.SetMTU(mtu)
	return nil
}

func (a *netstackAdapter) close() {
	if a.proxy != nil {
		a.proxy.close()
	}
}

// dial opens a connection through the tunnel, to an IP address. It fails for an address that the tunnel does not
// carry.
func (a *netstackAdapter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !to.Addr().Is4() || !a.setup.Carries(to.Addr()) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: errOutside}
	}
	return a.stack.Dial(ctx, network, to)
}

// errOutside is syscall.ENETUNREACH with a text that the proxy's library recognizes on every system.
var errOutside error = outside{}

type outside struct{}

func (outside) Error() string        { return "network is unreachable through the tunnel" }
func (outside) Is(target error) bool { return target == syscall.ENETUNREACH }
