package tunnel

import (
	"net/netip"
	"testing"

	"ideco-agent/agent/client"
)

// connection is a connection of a program, as the filters see it.
type connection struct {
	remote           string
	agent, tunnel    bool
	loopback         bool
	proto, icmp      uint8
	local, remotePrt uint16
}

// matches evaluates the conditions as the Windows Filtering Platform does.
func (f filter) matches(a connection) bool {
	remote := netip.MustParseAddr(a.remote)
	switch {
	case f.Families&familyOf(remote) == 0,
		f.Agent && !a.agent,
		f.Loopback && !a.loopback,
		f.Tunnel && !a.tunnel,
		f.LocalPort != 0 && f.LocalPort != a.local,
		f.RemotePort != 0 && f.RemotePort != a.remotePrt,
		!isOneOf(f.Protocols, a.proto),
		!isOneOf(f.ICMP, a.icmp):
		return false
	}
	for _, n := range f.Remote {
		if n.Contains(remote) {
			return true
		}
	}
	return len(f.Remote) == 0
}

func isOneOf(list []uint8, n uint8) bool {
	for _, one := range list {
		if one == n {
			return true
		}
	}
	return len(list) == 0
}

func permits(list []filter, a connection) bool {
	for _, f := range list {
		if f.matches(a) {
			return f.Permit
		}
	}
	return true
}

func TestFilters(t *testing.T) {
	const no, yes, local = 0, 1, 2 // local: unless the local networks are blocked
	full := client.TunnelSetup{Endpoint: netip.MustParseAddrPort("203.0.113.1:3051"), Nets: prefixes("0.0.0.0/0"), DNS: addrs("10.0.0.53", "10.0.0.54")}
	for name, c := range map[string]struct {
		connection connection
		want       int
	}{
		"the agent's connection to the gateway": {connection{remote: "203.0.113.1", agent: true, proto: 6, remotePrt: 14765}, yes},
		"the agent's tunnel":                    {connection{remote: "203.0.113.1", agent: true, proto: 17, remotePrt: 3051}, yes},
		"the agent elsewhere":                   {connection{remote: "192.0.2.1", agent: true, proto: 6, remotePrt: 443}, local},
		"another DNS server, from the agent":    {connection{remote: "192.0.2.1", agent: true, proto: 17, remotePrt: 53}, no},
		"another program to the gateway":        {connection{remote: "203.0.113.1", proto: 6, remotePrt: 443}, local},
		"a page through the tunnel":             {connection{remote: "192.0.2.1", tunnel: true, proto: 6, remotePrt: 443}, yes},
		"ping through the tunnel":               {connection{remote: "10.0.0.1", tunnel: true, proto: 1, icmp: 8}, yes},
		"DNS through the tunnel":                {connection{remote: "10.0.0.54", tunnel: true, proto: 17, remotePrt: 53}, yes},
		"DNS through the tunnel by TCP":         {connection{remote: "10.0.0.53", tunnel: true, proto: 6, remotePrt: 53}, yes},
		"the tunnel's DNS past the tunnel":      {connection{remote: "10.0.0.53", proto: 17, remotePrt: 53}, no},
		"another DNS through the tunnel":        {connection{remote: "8.8.8.8", tunnel: true, proto: 17, remotePrt: 53}, no},
		"the local router's DNS":                {connection{remote: "192.168.1.1", proto: 17, remotePrt: 53}, no},
		"the local router's DNS by TCP":         {connection{remote: "192.168.1.1", proto: 6, remotePrt: 53}, no},
		"DNS by IPv6":                           {connection{remote: "fe80::1", proto: 17, remotePrt: 53}, no},
		"DNS on this computer":                  {connection{remote: "127.0.0.1", loopback: true, proto: 17, remotePrt: 53}, yes},
		"DNS on this computer by IPv6":          {connection{remote: "::1", loopback: true, proto: 17, remotePrt: 53}, yes},
		"the local printer":                     {connection{remote: "192.168.1.9", proto: 6, remotePrt: 9100}, local},
		"the local printer by IPv6":             {connection{remote: "fe80::9", proto: 6, remotePrt: 9100}, local},
		"neighbours' names by IPv6":             {connection{remote: "ff02::fb", proto: 17, local: 5353, remotePrt: 5353}, local},
		"IPv6":                                  {connection{remote: "2001:db8::1", proto: 6, remotePrt: 443}, no},
		"IPv6 ping":                             {connection{remote: "2001:db8::1", proto: 58, icmp: 128}, no},
		"IPv6 of the local network":             {connection{remote: "fd00::9", proto: 6, remotePrt: 443}, no},
		"IPv6 through the tunnel":               {connection{remote: "2001:db8::1", tunnel: true, proto: 6, remotePrt: 443}, yes},
		"neighbour solicitation":                {connection{remote: "ff02::1:ff00:1", proto: 58, icmp: 135}, yes},
		"neighbour solicitation of a global":    {connection{remote: "2001:db8::1", proto: 58, icmp: 136}, yes},
		"DHCPv6":                                {connection{remote: "ff02::1:2", proto: 17, local: 546, remotePrt: 547}, yes},
		"DHCP":                                  {connection{remote: "255.255.255.255", proto: 17, local: 68, remotePrt: 67}, yes},
	} {
		for _, block := range []bool{false, true} {
			permitted := c.want == yes || c.want == local && !block
			if got := permits(filtersFor(full, block), c.connection); got != permitted {
				t.Errorf("%s, local networks blocked %v: permitted %v", name, block, got)
			}
		}
	}
}

func TestFiltersOfOtherSetups(t *testing.T) {
	s := client.TunnelSetup{Endpoint: netip.MustParseAddrPort("[2001:db8::1]:3051"), Nets: prefixes("0.0.0.0/0")}
	for name, c := range map[string]struct {
		connection connection
		want       bool
	}{
		"the agent by IPv6":               {connection{remote: "2001:db8::1", agent: true, proto: 17, remotePrt: 3051}, true},
		"another program by IPv6":         {connection{remote: "2001:db8::1", proto: 17, remotePrt: 3051}, false},
		"DNS when the gateway names none": {connection{remote: "192.168.1.1", proto: 17, remotePrt: 53}, true},
	} {
		if got := permits(filtersFor(s, false), c.connection); got != c.want {
			t.Errorf("%s: permitted %v", name, got)
		}
	}
	s.Nets = prefixes("10.0.0.0/8")
	if list := filtersFor(s, true); list != nil {
		t.Errorf("some networks: %+v", list)
	}
}

// Each filter has a name of its own: Windows shows the names to administrators.
func TestFiltersAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for i, f := range filtersFor(client.TunnelSetup{Endpoint: netip.MustParseAddrPort("203.0.113.1:3051"), Nets: prefixes("0.0.0.0/0"), DNS: addrs("10.0.0.53")}, true) {
		if f.Name == "" || seen[f.Name] || f.Families == 0 || len(f.Name) > 60 {
			t.Errorf("filter %d: %+v", i, f)
		}
		seen[f.Name] = true
	}
}
