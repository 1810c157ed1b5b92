package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Sizes in bytes.
const (
	overhead  = 80  // IPv6 40, UDP 8, WireGuard 32
	leastMTU  = 576 // every host takes IPv4 packets of this size
	udpOverV4 = 28  // headers
	udpOverV6 = 48
)

const (
	// probeEvery is the time between two measurements. The kernel of Linux forgets the MTU of a path after 10 minutes.
	probeEvery = 5 * time.Minute
	probeWait  = time.Second // for a router's ICMP message
	probeTries = 2           // until a packet without such a message counts as delivered
)

// tunnelMTU returns the MTU of a tunnel over a path: that of the gateway, or less.
func tunnelMTU(gateway, path int) int {
	mtu := path - overhead
	if mtu < leastMTU {
		mtu = leastMTU
	}
	if mtu > gateway {
		mtu = gateway
	}
	return mtu
}

// path is the path to the gateway.
type path struct {
	to      netip.AddrPort
	control func(network, address string, c syscall.RawConn) error // keeps a socket outside the tunnel
}

// known returns the MTU that the system knows, without sending anything.
func (p path) known() (int, error) {
	c, err := p.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.mtu()
}

// probe measures the MTU, up to most: it sends the gateway datagrams of that size, which wireguard-go and the kernel's
// WireGuard ignore and routers may not fragment. A router on the way with a smaller MTU answers by ICMP. Where such
// messages are lost, the result is too large, and routers fragment the tunnel's packets.
func (p path) probe(ctx context.Context, most int) (int, error) {
	c, err := p.open()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { <-ctx.Done(); c.Close() }()
	if err := c.forbidFragments(); err != nil {
		return 0, fmt.Errorf("forbid fragments: %w", err)
	}
	mtu, err := c.mtu()
	if mtu > most {
		mtu = most
	}
	for tries := 0; err == nil && mtu >= leastMTU && tries < probeTries; tries++ {
		_, _ = c.Write(make([]byte, mtu-c.headers())) // after an error the system knows more, too
		_ = c.SetReadDeadline(time.Now().Add(probeWait))
		_, _ = c.Read(make([]byte, 1))
		var now int
		if now, err = c.mtu(); now < mtu {
			mtu, tries = now, -1
		}
	}
	return mtu, err
}

// pathSocket is connected to the gateway.
type pathSocket struct {
	*net.UDPConn
	to netip.Addr
}

func (p path) open() (pathSocket, error) {
	d := net.Dialer{Control: p.control}
	c, err := d.Dial("udp", p.to.String())
	if err != nil {
		return pathSocket{}, err
	}
	udp, ok := c.(*net.UDPConn)
	if !ok {
		return pathSocket{}, errors.Join(fmt.Errorf("%T", c), c.Close())
	}
	return pathSocket{udp, p.to.Addr().Unmap()}, nil
}

func (c pathSocket) headers() int {
	if c.to.Is4() {
		return udpOverV4
	}
	return udpOverV6
}

// do calls f with the socket.
func (c pathSocket) do(f func(fd uintptr) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(fd) }); err != nil {
		return err
	}
	return failed
}

// mtuWatch keeps the MTU of the tunnel to what the path to the gateway carries.
type mtuWatch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// watchMTU measures the path at once, every few minutes, and after the computer has moved. The tunnel's MTU is at most that
// of the gateway.
func watchMTU(p path, gateway int, r *running, log func(string)) *mtuWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &mtuWatch{cancel: cancel}
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		ticker := time.NewTicker(probeEvery)
		defer ticker.Stop()
		for before := 0; ; {
			if size, err := p.known(); err == nil && tunnelMTU(gateway, size) < before {
				before = adjustMTU(r.adapter, before, tunnelMTU(gateway, size), log)
			}
			if size, err := p.probe(ctx, gateway+overhead); err == nil {
				before = adjustMTU(r.adapter, before, tunnelMTU(gateway, size), log)
			}
			r.greet() // again: the packet of noteMoved may have left before the routes were in place
			select {
			case <-ticker.C:
			case <-r.moved:
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

// adjustMTU sets another MTU and returns the one in force.
func adjustMTU(a adapter, before, mtu int, log func(string)) int {
	if mtu == before {
		return before
	}
	if err := a.setMTU(mtu); err != nil {
		log(err.Error())
		return before
	}
	log(fmt.Sprintf("the tunnel has MTU %d", mtu))
	return mtu
}

func (w *mtuWatch) stop() {
	w.cancel()
	w.done.Wait()
}
