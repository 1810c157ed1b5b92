//go:build !windows

package client

import (
	"net"
	"net/netip"

	"ideco-agent/agent"
)

// systemAddresses returns the addresses of the interface that has own.
func systemAddresses(own netip.Addr) ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []interfaceAddr
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue // the interface has gone meanwhile
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, interfaceAddr{i.Index, agent.Unmap(p.Addr()), true})
			}
		}
	}
	return sameInterface(own, list)
}
