package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// setServers sets the interface's DNS servers and suffixes. winipcfg's SetDNS is not used: on Windows 8 it calls netsh
// and treats its output in other languages than English as an error.
func setServers(guid windows.GUID, servers []netip.Addr, suffixes []string) error {
	err := callSetServers(guid, servers, suffixes)
	if !errors.Is(err, windows.ERROR_PROC_NOT_FOUND) { // Windows 10 1809 or newer
		return err
	}
	if err := writeValues(serverValues(guid.String(), servers, suffixes)); err != nil {
		return err
	}
	notifyDNSClient()
	return nil
}

func callSetServers(guid windows.GUID, servers []netip.Addr, suffixes []string) error {
	servers16, err := windows.UTF16PtrFromString(strings.Join(texts(servers), ","))
	if err != nil {
		return err
	}
	suffixes16, err := windows.UTF16PtrFromString(strings.Join(suffixes, ","))
	if err != nil {
		return err
	}
	return winipcfg.SetInterfaceDnsSettings(guid, &winipcfg.DnsInterfaceSettings{
		Version:    winipcfg.DnsInterfaceSettingsVersion1,
		Flags:      winipcfg.DnsInterfaceSettingsFlagNameserver | winipcfg.DnsInterfaceSettingsFlagSearchList,
		NameServer: servers16,
		SearchList: suffixes16,
	})
}

// notifyDNSClient makes the DNS client service read the settings again. Without the service, programs read them
// themselves.
func notifyDNSClient() {
	scm, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return
	}
	defer windows.CloseServiceHandle(scm)
	handle, err := windows.OpenService(scm, windows.StringToUTF16Ptr("dnscache"), windows.SERVICE_PAUSE_CONTINUE)
	if err != nil {
		return
	}
	s := mgr.Service{Name: "dnscache", Handle: handle}
	defer s.Close()
	s.Control(svc.ParamChange)
}

// setAddress sets the only address of the tunnel's interface. It first removes the address from interfaces that are down.
func setAddress(luid winipcfg.LUID, address netip.Addr) error {
	own := []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
	err := luid.SetIPAddressesForFamily(windows.AF_INET, own)
	if !errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS) {
		return err
	}
	t, err := readTables(windows.AF_INET)
	if err != nil {
		return err
	}
	for _, stale := range staleAddresses(address, t.addresses, t.ifaces, uint64(luid)) {
		if err := winipcfg.LUID(stale.Iface).DeleteIPAddress(stale.Net); err != nil {
			return fmt.Errorf("remove %s from an interface that is down: %w", stale.Net, err)
		}
	}
	return luid.SetIPAddressesForFamily(windows.AF_INET, own)
}
