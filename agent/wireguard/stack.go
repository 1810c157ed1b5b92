package wireguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// queueLen is how many packets may wait for wireguard-go; further ones are lost, as on any network.
const queueLen = 1024

// nic is the only interface of the stack.
const nic = 1

// stackTUN is a TCP/IP stack of one IPv4 address that wireguard-go takes for an interface. The one that wireguard-go
// brings along cannot change its address, and may panic when it is closed under traffic.
type stackTUN struct {
	stack     *stack.Stack
	ep        *channel.Endpoint
	open      context.Context
	cancel    context.CancelFunc
	events    chan tun.Event // never any
	closeOnce sync.Once
}

func newStackTUN(address netip.Addr) (*stackTUN, error) {
	log.SetLevel(log.Warning) // it writes to stderr, and below this level whenever a person sends something odd
	t := &stackTUN{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, icmp.NewProtocol4},
			HandleLocal:        true,
		}),
		ep:     channel.New(queueLen, MTU, ""),
		events: make(chan tun.Event),
	}
	t.open, t.cancel = context.WithCancel(context.Background())
	if err := t.setUp(address); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *stackTUN) setUp(address netip.Addr) error {
	sack := tcpip.TCPSACKEnabled(true)
	if err := t.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return stackError(err)
	}
	if err := t.stack.CreateNIC(nic, t.ep); err != nil {
		return stackError(err)
	}
	t.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	return t.add(address)
}

func (t *stackTUN) add(a netip.Addr) error {
	return stackError(t.stack.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(a.As4()).WithPrefix(),
	}, stack.AddressProperties{}))
}

func (t *stackTUN) renumber(from, to netip.Addr) error {
	if err := t.add(to); err != nil {
		return err
	}
	return stackError(t.stack.RemoveAddress(nic, tcpip.AddrFrom4(from.As4())))
}

func stackError(err tcpip.Error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.String())
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()}
}

// listen opens a TCP port. The listener's Accept returns when it is closed.
func (t *stackTUN) listen(a netip.AddrPort) (net.Listener, error) {
	l, err := gonet.ListenTCP(t.stack, fullAddress(a), ipv4.ProtocolNumber)
	if err != nil {
		return nil, err
	}
	return stackListener{l}, nil
}

// stackListener closes as listeners of net do: whoever waits in Accept is told.
type stackListener struct{ *gonet.TCPListener }

func (l stackListener) Close() error {
	l.Shutdown()
	return l.TCPListener.Close()
}

// Read takes the packets that wait for the tunnel.
func (t *stackTUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	p := t.ep.ReadContext(t.open)
	n := 0
	for ; p != nil; p = t.ep.Read() {
		size, err := p.ToView().Read(bufs[n][offset:])
		p.DecRef()
		if err != nil {
			return n, err
		}
		sizes[n] = size
		if n++; n == len(bufs) {
			break
		}
	}
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// Write hands packets from the tunnel to the stack.
func (t *stackTUN) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		packet := b[offset:]
		if header.IPVersion(packet) != header.IPv4Version {
			continue // there is no IPv6 in this tunnel
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
		t.ep.InjectInbound(ipv4.ProtocolNumber, p)
		p.DecRef()
	}
	return len(bufs), nil
}

// Close ends the stack with all its connections.
func (t *stackTUN) Close() error {
	t.closeOnce.Do(func() {
		t.cancel()
		t.stack.RemoveNIC(nic)
		t.stack.Close()
		t.ep.Close()
		close(t.events)
	})
	return nil
}

// File, Name, MTU, Events and BatchSize are what wireguard-go wants to know of an interface.

func (t *stackTUN) File() *os.File           { return nil }
func (t *stackTUN) Name() (string, error)    { return ModeNetstack, nil }
func (t *stackTUN) MTU() (int, error)        { return MTU, nil }
func (t *stackTUN) Events() <-chan tun.Event { return t.events }
func (t *stackTUN) BatchSize() int           { return 1 }
