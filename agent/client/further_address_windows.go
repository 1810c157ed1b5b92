package client

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"ideco-agent/agent"
)

// systemAddresses returns the addresses of the interface that has own, except tentative and deprecated ones.
func systemAddresses(own netip.Addr) ([]netip.Addr, error) {
	adapters, err := adapterAddresses()
	if err != nil {
		return nil, err
	}
	var list []interfaceAddr
	for n := 0; adapters != nil; n, adapters = n+1, adapters.Next {
		for u := adapters.FirstUnicastAddress; u != nil; u = u.Next {
			if a, ok := netip.AddrFromSlice(u.Address.IP()); ok {
				list = append(list, interfaceAddr{n, agent.Unmap(a), u.DadState == windows.IpDadStatePreferred})
			}
		}
	}
	return sameInterface(own, list)
}

// adapterAddresses repeats the call until the buffer is large enough, because adapters come and go.
func adapterAddresses() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER |
		windows.GAA_FLAG_SKIP_FRIENDLY_NAME
	size := uint32(16 << 10)
	for {
		b := make([]uint64, size/8+1) // the structures are aligned to 8 bytes
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch err {
		case nil:
			return first, nil
		case windows.ERROR_NO_DATA:
			return nil, nil
		case windows.ERROR_BUFFER_OVERFLOW:
		default:
			return nil, os.NewSyscallError("GetAdaptersAddresses", err)
		}
	}
}
