package tunnel

import (
	"net/netip"
	"reflect"
	"testing"

	"ideco-agent/agent/client"
)

// TestMetric: the tunnel's interface comes first only if it takes all traffic or resolves all names.
func TestMetric(t *testing.T) {
	servers := addrs("10.0.0.53")
	for name, c := range map[string]struct {
		setup client.TunnelSetup
		want  uint32
	}{
		"all traffic":                {client.TunnelSetup{Nets: prefixes("0.0.0.0/0")}, 0},
		"all traffic and some names": {client.TunnelSetup{Nets: prefixes("0.0.0.0/0"), DNS: servers, Suffixes: []string{"company.ru"}}, 0},
		"all names":                  {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers}, 0},
		"some names":                 {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers, Suffixes: []string{"company.ru"}}, 9000},
		"no servers":                 {client.TunnelSetup{Nets: prefixes("10.0.0.0/8")}, 9000},
		"suffixes without servers":   {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), Suffixes: []string{"company.ru"}}, 9000},
	} {
		if got := metricFor(c.setup); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestNoRegistrationValues: DNS registration, LLMNR and NetBIOS are off.
func TestNoRegistrationValues(t *testing.T) {
	v4 := `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{G}`
	v6 := `SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters\Interfaces\{G}`
	want := []value{
		{v4, "RegistrationEnabled", uint32(0)},
		{v4, "DisableDynamicUpdate", uint32(1)},
		{v4, "MaxNumberOfAddressesToRegister", uint32(0)},
		{v4, "EnableMulticast", uint32(0)},
		{v6, "RegistrationEnabled", uint32(0)},
		{v6, "DisableDynamicUpdate", uint32(1)},
		{v6, "MaxNumberOfAddressesToRegister", uint32(0)},
		{v6, "EnableMulticast", uint32(0)},
		{`SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces\Tcpip_{G}`, "NetbiosOptions", uint32(2)},
	}
	if got := noRegistrationValues("{G}"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestServerValues: the interface gets the servers only if they resolve all names, and the suffixes always.
func TestServerValues(t *testing.T) {
	path := `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{G}`
	for name, c := range map[string]struct {
		setup             client.TunnelSetup
		servers, suffixes string
	}{
		"no servers":  {client.TunnelSetup{Nets: prefixes("10.0.0.0/8")}, "", ""},
		"all names":   {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: addrs("10.0.0.53", "10.0.0.54")}, "10.0.0.53,10.0.0.54", ""},
		"some names":  {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: addrs("10.0.0.53"), Suffixes: []string{"a.ru", "b.ru"}}, "", "a.ru,b.ru"},
		"all traffic": {client.TunnelSetup{Nets: prefixes("0.0.0.0/0"), DNS: addrs("10.0.0.53"), Suffixes: []string{"a.ru"}}, "10.0.0.53", "a.ru"},
	} {
		want := []value{{path, "NameServer", c.servers}, {path, "SearchList", c.suffixes}}
		if got := serverValues("{G}", interfaceServers(c.setup), c.setup.Suffixes); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestStaleAddresses: the tunnel's address is removed from other interfaces that are down, and only from those.
func TestStaleAddresses(t *testing.T) {
	address := netip.MustParseAddr("10.128.0.7")
	addresses := []ownAddress{
		{wifi, netip.MustParsePrefix("10.128.0.7/24")},
		{idle, netip.MustParsePrefix("10.128.0.7/32")},
		{idle, netip.MustParsePrefix("10.128.0.8/32")},
		{ours, netip.MustParsePrefix("10.128.0.7/32")},
		{99, netip.MustParsePrefix("10.128.0.7/32")}, // no such interface
	}
	want := []ownAddress{{idle, netip.MustParsePrefix("10.128.0.7/32")}}
	if got := staleAddresses(address, addresses, someIfaces, ours); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	down := append([]iface{}, someIfaces...)
	down[3].Up = false
	if got := staleAddresses(address, addresses, down, ours); !reflect.DeepEqual(got, want) {
		t.Errorf("while the tunnel's own interface is down: got %v, want %v", got, want)
	}
}
