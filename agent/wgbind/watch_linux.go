package wgbind

import (
	"errors"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// WatchNetwork calls a function, in one goroutine, after the routes, addresses or interfaces of the thread's network
// namespace have changed. Several changes may count as one. The function is not called after stop returns, and must not
// call stop. The kernel does not report each route that disappears with an interface, so interfaces are watched too.
func WatchNetwork(changed func()) (stop func(), err error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
		unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		return nil, err
	}
	some := make(chan struct{}, 1)
	go func() {
		defer close(some)
		for {
			_, _, err := socket.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) { // closed; ENOBUFS: so many changes that some were lost
				return
			}
			select {
			case some <- struct{}{}:
			default:
			}
		}
	}()
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for range some {
			changed()
		}
	}()
	return func() { socket.Close(); done.Wait() }, nil
}
