package tunnel

import "golang.org/x/sys/unix"

// mtu returns the MTU of the path as far as the kernel knows it: of the interface, the route, and routers that have sent
// ICMP messages.
func (c pathSocket) mtu() (mtu int, err error) {
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if !c.to.Is4() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	err = c.do(func(fd uintptr) (err error) {
		mtu, err = unix.GetsockoptInt(int(fd), level, option)
		return err
	})
	return mtu, err
}

func (c pathSocket) forbidFragments() error {
	level, option, value := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO
	if !c.to.Is4() {
		level, option, value = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO
	}
	return c.do(func(fd uintptr) error { return unix.SetsockoptInt(int(fd), level, option, value) })
}
