package wgbind

import (
	"errors"
	"fmt"
	"net"
	"reflect"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

// New returns the sockets for a wireguard-go device. They are in the network namespace of the thread that opens them.
func New() conn.Bind {
	std := conn.NewStdNetBind()
	return &bind{Bind: std, ipv4: std, ipv6: std}
}

type bind struct {
	conn.Bind            // a *conn.StdNetBind; Send does not use it
	ipv4, ipv6 conn.Bind // send to the addresses of each version; see copyOf
	sources    *sources
}

// Open implements conn.Bind. wireguard-go calls neither Open nor Close while it sends.
func (b *bind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	fns, port, err := b.Bind.Open(port)
	if err != nil {
		return nil, 0, err
	}
	if err := allowFragments(b.Bind); err != nil {
		return nil, 0, errors.Join(err, b.Bind.Close())
	}
	b.ipv4, b.ipv6 = copyOf(b.Bind), copyOf(b.Bind)
	b.sources = watchSources()
	return fns, port, nil
}

// Close implements conn.Bind.
func (b *bind) Close() error {
	if b.sources != nil {
		b.sources.close()
		b.sources = nil
	}
	return b.Bind.Close()
}

// Send implements conn.Bind. Datagrams that the kernel refuses are sent again: one by one, and then from the address
// that the kernel chooses. Receivers drop a datagram that comes twice.
func (b *bind) Send(bufs [][]byte, to conn.Endpoint) error {
	peer, ok := to.(*conn.StdNetEndpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	sender := b.ipv4
	if peer.DstIP().Is6() {
		sender = b.ipv6
	}
	if b.sources.moved(peer) {
		peer = unpinned(peer)
	}
	err := sender.Send(bufs, peer)
	if len(bufs) > 1 && isTooLong(err) {
		bufs = unbatched(bufs)
		err = sender.Send(bufs, peer)
	}
	if isUnreachable(err) && peer.SrcIP().IsValid() {
		err = sender.Send(bufs, unpinned(peer))
	}
	return err
}

// unpinned returns the endpoint without a source.
func unpinned(e *conn.StdNetEndpoint) *conn.StdNetEndpoint {
	return &conn.StdNetEndpoint{AddrPort: e.AddrPort}
}

// isTooLong reports whether the kernel refused a batch for the length of its datagrams. Older kernels return
// EINVAL.
func isTooLong(err error) bool { return errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.EINVAL) }

// isUnreachable reports whether Send may have failed because of the source address or its interface. A source address
// that is gone gives EINVAL.
func isUnreachable(err error) bool {
	for _, e := range []unix.Errno{unix.EINVAL, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.ENODEV, unix.EADDRNOTAVAIL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unbatched returns the datagrams in buffers without free space. StdNetBind batches datagrams by appending them to a
// buffer that has space; it now sends each by itself, still in one system call.
func unbatched(bufs [][]byte) [][]byte {
	single := make([][]byte, len(bufs))
	for i, b := range bufs {
		single[i] = b[:len(b):len(b)]
	}
	return single
}

// copyOf returns a StdNetBind with the same sockets and address buffers of its own. StdNetBind uses the buffer of an old address
// again for a new one: after an IPv4 address it has room for 4 bytes only, and an IPv6 address is cut off. The copied StdNetBind must
// never have sent, because its buffers are copied too.
func copyOf(std conn.Bind) conn.Bind {
	same := reflect.New(reflect.TypeOf(std).Elem())
	same.Elem().Set(reflect.ValueOf(std).Elem())
	return same.Interface().(conn.Bind)
}

// allowFragments lets routers fragment IPv4 packets. It also makes the kernel ignore ICMP messages that the path has a smaller
// MTU: anybody who knows the peer's address can forge them, down to 552 bytes. StdNetBind does not export its sockets.
func allowFragments(std conn.Bind) error {
	field := reflect.ValueOf(std).Elem().FieldByName("ipv4")
	if !field.IsValid() || field.Type() != reflect.TypeOf((*net.UDPConn)(nil)) {
		return errors.New("wireguard-go has other sockets than expected")
	}
	socket := (*net.UDPConn)(field.UnsafePointer())
	if socket == nil { // the system has no IPv4
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("IP_MTU_DISCOVER: %w", err)
	}
	return nil
}
