package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const theNIC tcpip.NICID = 1

// queueLength is how many packets may be on their way into the tunnel.
const queueLength = 1024

// stackTUN is a TCP/IP stack with one IPv4 address, as a device of wireguard-go. It stands in for that project's own
// netstack, whose Close panics when a packet is on its way at that moment.
type stackTUN struct {
	stack  *stack.Stack
	link   *channel.Endpoint
	mtu    int
	events chan tun.Event
	ctx    context.Context // done when the device is closed
	cancel context.CancelFunc
	once   sync.Once // for Close
}

func newStackTUN(address netip.Addr, mtu int) (*stackTUN, error) {
	t := &stackTUN{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
			HandleLocal:        true,
		}),
		link:   channel.New(queueLength, uint32(mtu), ""),
		mtu:    mtu,
		events: make(chan tun.Event),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if err := t.configure(address); err != nil {
		t.Close()
		return nil, fmt.Errorf("TCP/IP stack: %v", err)
	}
	return t, nil
}

func (t *stackTUN) configure(address netip.Addr) tcpip.Error {
	sack := tcpip.TCPSACKEnabled(true)
	if err := t.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return err
	}
	if err := t.stack.CreateNIC(theNIC, t.link); err != nil {
		return err
	}
	own := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddrFrom4(address.As4()).WithPrefix()}
	if err := t.stack.AddProtocolAddress(theNIC, own, stack.AddressProperties{}); err != nil {
		return err
	}
	t.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: theNIC})
	return nil
}

// Read implements tun.Device: packets into the tunnel. It waits for the first one.
func (t *stackTUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n := 0
	for packet := t.link.ReadContext(t.ctx); packet != nil; packet = t.link.Read() {
		view := packet.ToView()
		packet.DecRef()
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

// Write implements tun.Device: packets out of the tunnel. Anything but IPv4 has no business here.
func (t *stackTUN) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		packet := b[offset:]
		if len(packet) == 0 || packet[0]>>4 != 4 {
			continue
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
		t.link.InjectInbound(ipv4.ProtocolNumber, p)
		p.DecRef()
	}
	return len(bufs), nil
}

// Close implements tun.Device. Connections of the stack end.
func (t *stackTUN) Close() error {
	t.once.Do(func() {
		t.cancel()
		t.stack.Close()
		t.stack.RemoveNIC(theNIC)
		t.link.Close()
		close(t.events)
	})
	return nil
}

// File implements tun.Device: there is none.
func (t *stackTUN) File() *os.File { return nil }

// MTU implements tun.Device, in bytes.
func (t *stackTUN) MTU() (int, error) { return t.mtu, nil }

// Name implements tun.Device.
func (t *stackTUN) Name() (string, error) { return "netstack", nil }

// Events implements tun.Device: there are none, whoever makes the device takes it up.
func (t *stackTUN) Events() <-chan tun.Event { return t.events }

// BatchSize implements tun.Device.
func (t *stackTUN) BatchSize() int { return 1 }
