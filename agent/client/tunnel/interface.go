package tunnel

import (
	"net/netip"
	"strings"

	"ideco-agent/agent/client"
)

// Metrics of the tunnel's interface on Windows.
const (
	// firstMetric is the lowest: Windows prefers the interface's DNS servers and default route.
	firstMetric = 0
	// lastMetric is higher than those of other interfaces. Windows itself assigns 5 to 50 by the speed of an interface
	// (Metric of Microsoft-Windows-TCPIP on learn.microsoft.com); administrators may set higher ones by hand.
	lastMetric = 9000
)

// metricFor returns the metric of the tunnel's interface. Windows itself would always assign the lowest, because wintun
// reports 100 Gbit/s: broadcasts and device discovery would go into the tunnel. Routes to the organisation's networks are
// more specific than others and need no low metric.
func metricFor(s client.TunnelSetup) uint32 {
	if resolvesAll(s) || takesAll(s) {
		return firstMetric
	}
	return lastMetric
}

// value is a registry value in HKEY_LOCAL_MACHINE.
type value struct {
	Path, Name string
	Data       any // uint32 = REG_DWORD, string = REG_SZ, []string = REG_MULTI_SZ
}

// Registry keys of the settings that Windows keeps for each interface. The interface's GUID follows.
const (
	tcpip4Interfaces = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\`
	tcpip6Interfaces = `SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters\Interfaces\`
	netBTInterfaces  = `SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces\Tcpip_`
)

// noRegistrationValues returns the values that switch off DNS registration, LLMNR and NetBIOS on the interface. DNS
// registration would replace the computer's address in the office by the tunnel's. No host in the tunnel answers LLMNR or
// NetBIOS. tailscale writes the same values (net/dns/manager_windows.go). They apply to this interface only and stay when
// the tunnel ends.
func noRegistrationValues(guid string) []value {
	var list []value
	for _, interfaces := range []string{tcpip4Interfaces, tcpip6Interfaces} {
		path := interfaces + guid
		list = append(list,
			value{path, "RegistrationEnabled", uint32(0)},
			value{path, "DisableDynamicUpdate", uint32(1)},
			value{path, "MaxNumberOfAddressesToRegister", uint32(0)},
			value{path, "EnableMulticast", uint32(0)}) // LLMNR
	}
	const netbiosOff = 2
	return append(list, value{netBTInterfaces + guid, "NetbiosOptions", uint32(netbiosOff)})
}

// serverValues returns the values for the interface's DNS servers and suffixes. They are for Windows older than 10 1809,
// which has no function to set them. WireGuard for Windows writes the same (tunnel/winipcfg, SetDNS).
func serverValues(guid string, servers []netip.Addr, suffixes []string) []value {
	path := tcpip4Interfaces + guid
	return []value{
		{path, "NameServer", strings.Join(texts(servers), ",")},
		{path, "SearchList", strings.Join(suffixes, ",")},
	}
}

// interfaceServers returns the DNS servers to set on the interface: the setup's servers when they answer for all names,
// otherwise none.
func interfaceServers(s client.TunnelSetup) []netip.Addr {
	if resolvesAll(s) {
		return s.DNS
	}
	return nil
}

// staleAddresses returns the entries with the tunnel's address on other interfaces that are down. Windows accepts an address
// on one interface only, so they must be removed first. WireGuard for Windows does so too (tunnel/addressconfig.go).
func staleAddresses(address netip.Addr, addresses []ownAddress, ifaces []iface, tunnel uint64) []ownAddress {
	byID := ifacesByID(ifaces)
	var stale []ownAddress
	for _, a := range addresses {
		if on, known := byID[a.Iface]; a.Net.Addr() == address && a.Iface != tunnel && known && !on.Up {
			stale = append(stale, a)
		}
	}
	return stale
}
