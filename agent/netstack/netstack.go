// Package netstack is a TCP/IP stack in this process with one IPv4 address, which wireguard-go uses as its interface. The stack in
// wireguard-go's own module cannot change its address, and may panic when it is closed under traffic.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package netstack

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// queueLen is how many packets wait for wireguard-go at most. Further ones are dropped.
const queueLen = 1024

const nic = 1

// TUN is the stack. It implements tun.Device: Read returns packets that the stack sends, and Write passes it packets to receive.
type TUN struct {
	stack    *stack.Stack
	endpoint *endpoint
	open     context.Context // done when the stack is closed
	cancel   context.CancelFunc

	mu     sync.Mutex // guards the fields below
	closed bool
	events chan tun.Event // holds one; closed with the stack
}

// endpoint is a channel.Endpoint with an MTU that can change. The gVisor of the build for Windows 8 has no SetMTU.
type endpoint struct {
	*channel.Endpoint
	mtu atomic.Uint32 // bytes
}

func (e *endpoint) MTU() uint32 { return e.mtu.Load() }

var _ tun.Device = (*TUN)(nil)

// New creates a stack with an IPv4 address. It routes everything to its interface. mtu is in bytes.
func New(address netip.Addr, mtu int) (*TUN, error) {
	log.SetLevel(log.Warning) // gVisor logs to stderr; lower levels report every malformed packet
	t := &TUN{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
			HandleLocal:        true,
		}),
		endpoint: &endpoint{Endpoint: channel.New(queueLen, uint32(mtu), "")},
		events:   make(chan tun.Event, 1),
	}
	t.endpoint.mtu.Store(uint32(mtu))
	t.open, t.cancel = context.WithCancel(context.Background())
	if err := t.configure(address); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *TUN) configure(address netip.Addr) error {
	sack := tcpip.TCPSACKEnabled(true)
	if err := t.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return stackError(err)
	}
	if err := t.stack.CreateNIC(nic, t.endpoint); err != nil {
		return stackError(err)
	}
	t.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	return t.add(address)
}

func (t *TUN) add(a netip.Addr) error {
	return stackError(t.stack.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(a.As4()).WithPrefix(),
	}, stack.AddressProperties{}))
}

// Renumber gives the stack another address.
func (t *TUN) Renumber(from, to netip.Addr) error {
	if err := t.add(to); err != nil {
		return err
	}
	return stackError(t.stack.RemoveAddress(nic, tcpip.AddrFrom4(from.As4())))
}

func stackError(err tcpip.Error) error {
	if err == nil {
		return nil
	}
	return errors.New("TCP/IP stack: " + err.String())
}

func fullAddress(a netip.AddrPort) *tcpip.FullAddress {
	return &tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()}
}

// Listen opens a TCP port. Closing the listener ends Accept.
func (t *TUN) Listen(a netip.AddrPort) (net.Listener, error) {
	l, err := gonet.ListenTCP(t.stack, *fullAddress(a), ipv4.ProtocolNumber)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// listener is a gonet.TCPListener whose Close ends Accept, as in package net.
type listener struct{ *gonet.TCPListener }

func (l listener) Close() error {
	l.Shutdown()
	return l.TCPListener.Close()
}

// ListenPacket opens a UDP port.
func (t *TUN) ListenPacket(a netip.AddrPort) (net.PacketConn, error) {
	return gonet.DialUDP(t.stack, fullAddress(a), nil, ipv4.ProtocolNumber)
}

// Dial opens a connection to an IPv4 address. network is "udp"; anything else is TCP.
func (t *TUN) Dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if network == "udp" {
		return gonet.DialUDP(t.stack, nil, fullAddress(to), ipv4.ProtocolNumber)
	}
	return gonet.DialContextTCP(ctx, t.stack, *fullAddress(to), ipv4.ProtocolNumber)
}

// Received returns the number of packets that the stack received.
func (t *TUN) Received() uint64 { return t.stack.Stats().IP.PacketsReceived.Value() }

// Read implements tun.Device. It waits for the first packet.
func (t *TUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n := 0
	for p := t.endpoint.ReadContext(t.open); p != nil; p = t.endpoint.Read() {
		view := p.ToView()
		p.DecRef()
		sizes[n] = copy(bufs[n][offset:], view.AsSlice())
		view.Release()
		if n++; n == len(bufs) {
			break
		}
	}
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// Write implements tun.Device. Anything but IPv4 is dropped.
func (t *TUN) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		packet := b[offset:]
		if header.IPVersion(packet) != header.IPv4Version {
			continue
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
		t.endpoint.InjectInbound(ipv4.ProtocolNumber, p)
		p.DecRef()
	}
	return len(bufs), nil
}

// SetMTU changes the MTU, in bytes. New connections follow it.
func (t *TUN) SetMTU(mtu int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.endpoint.mtu.Store(uint32(mtu))
	select {
	case t.events <- tun.EventMTUUpdate:
	default: // the last event was not read yet; its reader asks for the MTU
	}
}

// Close implements tun.Device. It ends all connections of the stack.
func (t *TUN) Close() error {
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if closed {
		return nil
	}
	t.cancel()
	t.stack.RemoveNIC(nic)
	t.stack.Close()
	t.endpoint.Close()
	close(t.events)
	return nil
}

// The rest of tun.Device. The only event is another MTU.

func (t *TUN) File() *os.File           { return nil }
func (t *TUN) Name() (string, error)    { return "netstack", nil }
func (t *TUN) MTU() (int, error)        { return int(t.endpoint.MTU()), nil }
func (t *TUN) Events() <-chan tun.Event { return t.events }
func (t *TUN) BatchSize() int           { return 1 }
