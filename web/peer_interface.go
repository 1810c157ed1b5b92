package web

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arrivedThrough is the index of the network interface through which the first packet of an accepted TCP connection came. It
// is 0 where the kernel does not tell, as for connections inside wireguard-go.
//
// Linux keeps that interface in the socket and returns it as packet information (ip(7), IP_PKTINFO; RFC 2292, section 5). Neither
// a spoofed source address nor a routing rule changes it.
func arrivedThrough(conn net.Conn) int {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	index := 0
	_ = raw.Control(func(fd uintptr) {
		// A socket of IPv6 also carries connections of IPv4, and tells their interface, too.
		index = packetInfo(int(fd), unix.SOL_IPV6, unix.IPV6_2292PKTINFO, unix.IPV6_2292PKTOPTIONS, unsafe.Offsetof(unix.Inet6Pktinfo{}.Ifindex))
		if index == 0 {
			index = packetInfo(int(fd), unix.SOL_IP, unix.IP_PKTINFO, unix.IP_PKTOPTIONS, unsafe.Offsetof(unix.Inet4Pktinfo{}.Ifindex))
		}
	})
	return index
}

// packetInfo reads the index of the interface from a socket. at is its offset in the packet information of that address family.
func packetInfo(fd, level, info, options int, at uintptr) int {
	if unix.SetsockoptInt(fd, level, info, 1) != nil {
		return 0
	}
	defer unix.SetsockoptInt(fd, level, info, 0) // otherwise the kernel keeps it for every packet
	var control [128]byte
	size := uint32(len(control))
	// golang.org/x/sys/unix reads no socket option of this form.
	_, _, failed := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(options),
		uintptr(unsafe.Pointer(&control[0])), uintptr(unsafe.Pointer(&size)), 0)
	if failed != 0 {
		return 0
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if int(m.Header.Level) == level && int(m.Header.Type) == info && len(m.Data) >= int(at)+4 {
			return int(*(*int32)(unsafe.Pointer(&m.Data[at])))
		}
	}
	return 0
}
