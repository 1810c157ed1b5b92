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
	minMTU    = 576 // every host takes IPv4 packets of this size
	udpOverV4 = 28  // headers
	udpOverV6 = 48
)

const (
	// measureEvery is the time between two measurements. The kernel of Linux forgets the MTU of a path after 10 minutes.
	measureEvery = 5 * time.Minute
	answerWait   = time.Second // for a router's ICMP message
	measureTries = 2           // until a packet without such a message counts as delivered
)

// tunnelMTU returns the MTU of a tunnel over a path: that of the gateway, or less.
func tunnelMTU(gateway, path int) int {
	mtu := path - overhead
	if mtu < minMTU {
		mtu = minMTU
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

// knownMTU returns the MTU that the system has stored for the path. It sends nothing.
func (p path) knownMTU() (int, error) {
	c, err := p.open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.mtu()
}

// measureMTU measures the MTU, up to most: it sends the gateway datagrams of that size, which wireguard-go and the kernel's
// WireGuard ignore and routers may not fragment. A router on the way with a smaller MTU answers by ICMP. Where such
// messages are lost, the result is too large, and routers fragment the tunnel's packets.
func (p path) measureMTU(ctx context.Context, most int) (int, error) {
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
	for tries := 0; err == nil && mtu >= minMTU && tries < measureTries; tries++ {
		_, _ = c.Write(make([]byte, mtu-c.headers())) // an error may update the known MTU too
		_ = c.SetReadDeadline(time.Now().Add(answerWait))
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

// mtuWatch adapts the MTU of the tunnel to the path to the gateway.
type mtuWatch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// watchMTU measures the path at once, every few minutes, and when the path may have changed. The tunnel's MTU is at most
// that of the gateway.
func watchMTU(p path, gateway int, r *running, log func(string)) *mtuWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &mtuWatch{cancel: cancel}
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		ticker := time.NewTicker(measureEvery)
		defer ticker.Stop()
		for current := 0; ; {
			if size, err := p.knownMTU(); err == nil && tunnelMTU(gateway, size) < current {
				current = adjustMTU(r.adapter, current, tunnelMTU(gateway, size), log)
			}
			if size, err := p.measureMTU(ctx, gateway+overhead); err == nil {
				current = adjustMTU(r.adapter, current, tunnelMTU(gateway, size), log)
			}
			r.sendKeepalive() // again: the packet of pathChanged may have left before the routes were in place
			select {
			case <-ticker.C:
			case <-r.pathChanges:
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

// adjustMTU sets another MTU and returns the one in force.
func adjustMTU(a adapter, current, mtu int, log func(string)) int {
	if mtu == current {
		return current
	}
	if err := a.setMTU(mtu); err != nil {
		log(err.Error())
		return current
	}
	log(fmt.Sprintf("the tunnel has MTU %d", mtu))
	return mtu
}

func (w *mtuWatch) stop() {
	w.cancel()
	w.done.Wait()
}
