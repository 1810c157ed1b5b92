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
	return &bind{Bind: std, six: std}
}

type bind struct {
	conn.Bind           // a *conn.StdNetBind
	six       conn.Bind // sends to IPv6 addresses; see sibling
	sources   *sources
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
	b.six = sibling(b.Bind)
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

// Send implements conn.Bind. It sends again what the kernel refused: one by one, and then from the address that the
// kernel chooses. Receivers drop a datagram that comes twice.
func (b *bind) Send(bufs [][]byte, to conn.Endpoint) error {
	peer, ok := to.(*conn.StdNetEndpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	sockets := b.Bind
	if peer.DstIP().Is6() {
		sockets = b.six
	}
	if b.sources.moved(peer) {
		peer = unpinned(peer)
	}
	err := sockets.Send(bufs, peer)
	if len(bufs) > 1 && isTooLong(err) {
		bufs = unbatched(bufs)
		err = sockets.Send(bufs, peer)
	}
	if isUnreachable(err) && peer.SrcIP().IsValid() {
		err = sockets.Send(bufs, unpinned(peer))
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

// isUnreachable reports whether the source address or its interface may be the reason. A source address that is gone gives
// EINVAL.
func isUnreachable(err error) bool {
	for _, e := range []unix.Errno{unix.EINVAL, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.ENODEV, unix.EADDRNOTAVAIL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unbatched returns the datagrams so that StdNetBind sends each by itself, in one system call: it joins further ones to a
// datagram only where its buffer has room.
func unbatched(bufs [][]byte) [][]byte {
	single := make([][]byte, len(bufs))
	for i, b := range bufs {
		single[i] = b[:len(b):len(b)]
	}
	return single
}

// sibling returns a StdNetBind with the same sockets that has sent nothing yet. One that has sent to an IPv4 address may send
// what is for an IPv6 address elsewhere: it uses the buffer of the old address again, and copies 4 bytes of the new one.
func sibling(std conn.Bind) conn.Bind {
	same := reflect.New(reflect.TypeOf(std).Elem())
	same.Elem().Set(reflect.ValueOf(std).Elem())
	return same.Interface().(conn.Bind)
}

// allowFragments lets routers fragment the packets of IPv4. The kernel itself fragments by the interface's MTU alone: an ICMP
// message that a path has a smaller one (at least 552 bytes) can be forged by anybody who knows the peer's address.
// StdNetBind has no way to its sockets but its own fields.
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
