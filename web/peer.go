package web

import (
	"net"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// inside reports whether an address is in the LAN: in the local networks and, once LAN interfaces are chosen, behind one of
// them. through is the interface through which its connection came (see arrivedThrough). If it is unknown, the interface of
// the route to the address decides. The gateway's own addresses are behind no interface.
func inside(s agent.Settings, a netip.Addr, through string) bool {
	return insideByRoute(s, a, func(a netip.Addr) (string, bool) {
		if through != "" {
			return through, through == loopback
		}
		return routeTo(a)
	})
}

const loopback = "lo"

func insideByRoute(s agent.Settings, a netip.Addr, way func(netip.Addr) (name string, own bool)) bool {
	if !s.InLocalNetworks(a) || !s.InterfacesChosen() {
		return s.InLocalNetworks(a)
	}
	name, own := way(agent.Unmap(a))
	return own || slices.Contains(s.LANInterfaces, name)
}

// routeTo returns the interface of the route to an address; own reports whether the address is this machine's. Without a
// route it returns "", false.
func routeTo(a netip.Addr) (name string, own bool) {
	if a.IsLoopback() {
		return "", true
	}
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", false
	}
	if routes[0].Type == unix.RTN_LOCAL {
		return "", true
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", false
	}
	return link.Attrs().Name, false
}

// arrivedThrough returns the name of the network interface through which the first packet of an accepted TCP connection came;
// empty if unknown, as for connections inside wireguard-go. It is a name, because VLAN and PPP interfaces are deleted and
// created again with another index.
//
// Linux stores that interface in the socket and returns it as packet information (ip(7), IP_PKTINFO; RFC 2292, section 5).
// Neither a spoofed source address nor a routing rule changes it.
func arrivedThrough(conn net.Conn) string {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return ""
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return ""
	}
	name := ""
	_ = raw.Control(func(fd uintptr) {
		// An IPv6 socket also returns the interface of an IPv4 connection.
		index := packetInfo(int(fd), unix.SOL_IPV6, unix.IPV6_2292PKTINFO, unix.IPV6_2292PKTOPTIONS, unsafe.Offsetof(unix.Inet6Pktinfo{}.Ifindex))
		if index == 0 {
			index = packetInfo(int(fd), unix.SOL_IP, unix.IP_PKTINFO, unix.IP_PKTOPTIONS, unsafe.Offsetof(unix.Inet4Pktinfo{}.Ifindex))
		}
		if index != 0 {
			name = interfaceName(int(fd), index)
		}
	})
	return name
}

// goneInterface is the name for an interface that was removed before its name was read. No interface can have it.
const goneInterface = "?"

// interfaceName returns the name of an interface (netdevice(7), SIOCGIFNAME). net.InterfaceByIndex would list all interfaces.
func interfaceName(fd, index int) string {
	var request struct { // ifreq
		name  [unix.IFNAMSIZ]byte
		index int32
		_     [20]byte
	}
	request.index = int32(index)
	if _, _, failed := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFNAME, uintptr(unsafe.Pointer(&request))); failed != 0 {
		return goneInterface
	}
	return unix.ByteSliceToString(request.name[:])
}

// packetInfo reads the index of the interface from a socket. at is its offset in the packet information of that address family.
func packetInfo(fd, level, info, options int, at uintptr) int {
	if unix.SetsockoptInt(fd, level, info, 1) != nil {
		return 0
	}
	defer unix.SetsockoptInt(fd, level, info, 0) // otherwise the kernel stores it for every packet
	var control [128]byte
	size := uint32(len(control))
	// golang.org/x/sys/unix has no function for such an option.
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
