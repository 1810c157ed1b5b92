package wireguard

import (
	"net"
	"net/netip"

	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent/netstack"
)

// netstackLink is a wireguard-go on a TCP/IP stack, both in this process.
type netstackLink struct {
	inProcess
	dev   *device.Device
	stack *netstack.TUN
}

func openNetstack(c Config, secret privateKey) (link, error) {
	stack, err := netstack.New(gatewayOf(c.Network).Addr(), MTU)
	if err != nil {
		return nil, err
	}
	dev, err := startGo(stack, c, secret)
	if err != nil {
		return nil, err
	}
	return &netstackLink{inProcess{dev}, dev, stack}, nil
}

func (l *netstackLink) mode() string { return ModeNetstack }

// repair does nothing: no other program can change this interface.
func (l *netstackLink) repair(netip.Prefix) (string, error) { return "", nil }

func (l *netstackLink) gone() <-chan struct{} { return l.dev.Wait() }

func (l *netstackLink) listen(a netip.AddrPort) (net.Listener, error) { return l.stack.Listen(a) }

func (l *netstackLink) renumber(from, to netip.Prefix) error {
	if from.Addr() == to.Addr() {
		return nil
	}
	return l.stack.Renumber(from.Addr(), to.Addr())
}

func (l *netstackLink) close() error {
	l.dev.Close()
	return nil
}
