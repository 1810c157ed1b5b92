package tunnel

import (
	"net/netip"
	"strings"

	"ideco-agent/agent/client"
)

// Metrics of the tunnel's interface on Windows.
const (
	// firstMetric puts the interface before all others: Windows prefers its DNS servers and its default route.
	firstMetric = 0
	// lastMetric puts it behind all others. Windows itself gives 5 to 50 by the speed of an interface (Metric of
	// Microsoft-Windows-TCPIP on learn.microsoft.com); the rest is room for what others set by hand.
	lastMetric = 9000
)

// metricFor is the metric of the tunnel's interface. Windows' own choice would put it first always, because wintun claims
// 100 Gbit/s. Then broadcasts, and programs that look for devices nearby, would go into the tunnel. Routes to the
// organisation's networks are more specific than others and need no low metric.
func metricFor(s client.TunnelSetup) uint32 {
	if asksAll(s) || takesAll(s) {
		return firstMetric
	}
	return lastMetric
}

// value is a value in HKEY_LOCAL_MACHINE.
type value struct {
	Path, Name string
	Data       any // uint32 = REG_DWORD, string = REG_SZ, []string = REG_MULTI_SZ
}

// Keys of the settings that Windows keeps for each interface, by its GUID.
const (
	tcpip4Interfaces = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\`
	tcpip6Interfaces = `SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters\Interfaces\`
	netBTInterfaces  = `SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces\Tcpip_`
)

// quietValues keep Windows from making the interface known: it does not register the address in the domain's DNS, where
// colleagues would find it instead of the office address, and does not ask the tunnel for names by LLMNR and NetBIOS,
// which nobody there answers. tailscale writes the same (net/dns/manager_windows.go). They lie in the interface's own
// keys, which nothing else reads, and stay there for the next time.
func quietValues(guid string) []value {
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

// serverValues are the DNS servers and suffixes of the interface, for Windows older than 10 1809, which has no call for
// them. WireGuard for Windows writes the same (tunnel/winipcfg, SetDNS).
func serverValues(guid string, servers []netip.Addr, suffixes []string) []value {
	path := tcpip4Interfaces + guid
	return []value{
		{path, "NameServer", strings.Join(texts(servers), ",")},
		{path, "SearchList", strings.Join(suffixes, ",")},
	}
}

// interfaceServers are the DNS servers that the interface itself has: those that answer for all names.
func interfaceServers(s client.TunnelSetup) []netip.Addr {
	if asksAll(s) {
		return s.DNS
	}
	return nil
}

// staleAddresses are the places where an interface that is not up still has the address. WireGuard for Windows removes
// them, too (tunnel/addressconfig.go): Windows gives an address to one interface only.
func staleAddresses(address netip.Addr, addresses []ownAddress, cards []card, tunnel uint64) []ownAddress {
	byID := cardsByID(cards)
	var stale []ownAddress
	for _, a := range addresses {
		if c, known := byID[a.Card]; a.Net.Addr() == address && a.Card != tunnel && known && !c.Up {
			stale = append(stale, a)
		}
	}
	return stale
}
