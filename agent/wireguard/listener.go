package wireguard

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// listener is a TCP port on the gateway's address inside the tunnel. It follows changes of that address.
type listener struct {
	device *Device
	port   uint16

	mu    sync.Mutex // guards the fields below
	inner net.Listener
	ended bool
}

// Listen opens a TCP port on the gateway's address inside the tunnel; 0 is a free port. The listener follows SetNetwork
// to the new address. In the modes kernel and tun, a port that another program has on all addresses is an error.
// Errors: net.ErrClosed after Close.
func (d *Device) Listen(port uint16) (net.Listener, error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if !d.Available() {
		return nil, net.ErrClosed
	}
	inner, err := d.listen(port)
	if err != nil {
		return nil, err
	}
	if a, ok := inner.Addr().(*net.TCPAddr); ok {
		port = uint16(a.Port)
	}
	l := &listener{device: d, port: port, inner: inner}
	d.listeners[l] = struct{}{}
	return l, nil
}

func (d *Device) listen(port uint16) (net.Listener, error) {
	a := netip.AddrPortFrom(gatewayOf(d.pool.network).Addr(), port)
	l, err := d.link.listen(a)
	if err != nil {
		return nil, fmt.Errorf("listening on %s inside the tunnel: %w", a, err)
	}
	return l, nil
}

// Accept waits for the next connection. Errors: net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, shut := l.current()
		if shut {
			return nil, net.ErrClosed
		}
		conn, err := inner.Accept()
		if err == nil {
			return conn, nil
		}
		if now, shut := l.current(); shut || now == inner {
			return nil, closedOr(shut, err)
		}
	}
}

func closedOr(shut bool, err error) error {
	if shut {
		return net.ErrClosed
	}
	return err
}

func (l *listener) current() (net.Listener, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner, l.ended
}

func (l *listener) move(to net.Listener) {
	l.mu.Lock()
	from := l.inner
	if !l.ended {
		l.inner = to
	}
	l.mu.Unlock()
	from.Close()
}

func (l *listener) Close() error {
	l.device.changing.Lock()
	delete(l.device.listeners, l)
	l.device.changing.Unlock()
	return l.shut()
}

func (l *listener) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return net.ErrClosed
	}
	l.ended = true
	return l.inner.Close()
}

// Addr is the address inside the tunnel.
func (l *listener) Addr() net.Addr {
	inner, _ := l.current()
	return inner.Addr()
}
