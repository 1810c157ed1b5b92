package main

import (
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"

	"ideco-agent/agent/client/tunnel"
	"ideco-agent/agent/client/window"
)

var aliasToLUID = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("ConvertInterfaceAliasToLuid")

// vpnTraffic returns the counters of the VPN's interface. They start at zero with each VPN, because the service
// creates the interface again, and every user may read them
// (https://learn.microsoft.com/windows/win32/api/netioapi/nf-netioapi-getifentry2). Not tested on a real Windows.
func vpnTraffic() (window.Traffic, bool) {
	alias, err := windows.UTF16PtrFromString(tunnel.AdapterName)
	if err != nil || aliasToLUID.Find() != nil {
		return window.Traffic{}, false
	}
	var luid winipcfg.LUID
	if code, _, _ := aliasToLUID.Call(uintptr(unsafe.Pointer(alias)), uintptr(unsafe.Pointer(&luid))); code != 0 {
		return window.Traffic{}, false // there is no such interface
	}
	row, err := luid.Interface()
	if err != nil || row.OperStatus != winipcfg.IfOperStatusUp {
		return window.Traffic{}, false
	}
	return window.Traffic{Received: row.InOctets, Sent: row.OutOctets}, true
}
