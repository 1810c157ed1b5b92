package tunnel

import (
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// Socket options of ws2ipdef.h.
const (
	ipDontFragment = 14 // IP_DONTFRAGMENT, IPV6_DONTFRAG
	ipMTU          = 73 // IP_MTU
	ipv6MTU        = 72 // IPV6_MTU
)

// mtu returns the MTU of the interface that leads to the gateway, or that of the path if Windows reports a smaller one.
// Windows before 10 1703 does not report that of the path.
func (c pathSocket) mtu() (int, error) {
	ours, _ := winipcfg.LUIDFromGUID(&adapterGUID) // 0 when there is no tunnel
	out, ok, err := readOutboundInterface(c.to, ours)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, windows.WSAENETUNREACH
	}
	mtu := int(out.MTU)
	level, option := windows.IPPROTO_IP, ipMTU
	if !c.to.Is4() {
		level, option = windows.IPPROTO_IPV6, ipv6MTU
	}
	_ = c.do(func(fd uintptr) error {
		path, err := windows.GetsockoptInt(windows.Handle(fd), level, option)
		if err == nil && path > 0 && path < mtu {
			mtu = path
		}
		return err
	})
	return mtu, nil
}

func (c pathSocket) forbidFragments() error {
	level := windows.IPPROTO_IP
	if !c.to.Is4() {
		level = windows.IPPROTO_IPV6
	}
	return c.do(func(fd uintptr) error { return windows.SetsockoptInt(windows.Handle(fd), level, ipDontFragment, 1) })
}
