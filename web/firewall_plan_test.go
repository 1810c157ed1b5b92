package web

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

func nets(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func addrs(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

func opens(texts ...string) []agent.OpenServer {
	list, _ := agent.NormalizeOpen("open_before_login", texts)
	return list
}

// gatewaySettings choose lan0 and wan0.
func gatewaySettings() agent.Settings {
	s := agent.DefaultSettings()
	s.Domain, s.LocalNetworks = "gw.example.com", nets("192.168.1.0/24")
	s.LANInterfaces, s.WANInterfaces = []string{"lan0", "later"}, []string{"wan0"}
	s.OpenBeforeLogin, s.DNS = opens("192.0.2.53", "[2001:db8::53]:53"), addrs("10.0.0.53")
	return s
}

func TestPlanOf(t *testing.T) {
	in := planInputs{tunnel: "ideco0", domainAddrs: addrs("203.0.113.7"),
		ports: firewall.Redirect{PortalPort: 8443, AgentPort: 14765, WireGuardPort: 3051, HTTPPort: 80},
		links: []firewall.Interface{{Name: "wan0", Networks: nets("203.0.113.0/30")},
			{Name: "lan0", Networks: nets("192.168.1.0/24", "fd00::/64")}, {Name: "dmz0"}}}
	s := gatewaySettings()
	want := firewall.Plan{
		LAN:             []firewall.Interface{{Name: "lan0", Networks: nets("192.168.1.0/24", "fd00::/64")}, {Name: "later"}},
		WAN:             []firewall.Interface{{Name: "wan0", Networks: nets("203.0.113.0/30")}},
		Tunnel:          "ideco0",
		Masquerade:      true,
		OpenBeforeLogin: opens("192.0.2.53", "[2001:db8::53]:53"),
		LocalNetworks:   nets("192.168.1.0/24"),
		VPNNetwork:      netip.MustParsePrefix("10.128.0.0/16"),
		DNS:             addrs("10.0.0.53"),
		Redirect: firewall.Redirect{GatewayAddrs: addrs("203.0.113.7"), PortalPort: 8443, AgentPort: 14765,
			WireGuardPort: 3051, HTTPPort: 80},
		Timeout: time.Minute,
	}
	got, missing := planOf(s, in)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !slices.Equal(missing, []string{"later"}) {
		t.Errorf("missing interfaces: %q", missing)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
	s.ForwardNets, s.VPNPeersMayTalk, s.Masquerade, s.FirewallTimeout = nets("192.168.1.0/24"), true, false, 10*time.Second
	got, _ = planOf(s, in)
	if !reflect.DeepEqual(got.ForwardNets, nets("192.168.1.0/24")) || !got.VPNPeersMayTalk || got.Masquerade || got.Timeout != 10*time.Second {
		t.Errorf("%+v", got)
	}
	s.LANInterfaces, s.WANInterfaces = nil, nil
	if got, _ := planOf(s, in); !got.Empty() {
		t.Errorf("without interfaces: %+v", got)
	}
}

func TestLANPort(t *testing.T) {
	listen := func(at string) net.Listener {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	inner, outer := listen("127.0.0.1:0"), listen("0.0.0.0:0")
	if got := lanPort([]net.Listener{inner}); got != 0 {
		t.Errorf("loopback: %d", got)
	}
	if got := lanPort([]net.Listener{inner, outer}); got != uint16(outer.Addr().(*net.TCPAddr).Port) {
		t.Errorf("%d, want that of %s", got, outer.Addr())
	}
}

func TestEnforcement(t *testing.T) {
	bypass := &firewall.FlowtableError{Table: "inet filter", Name: "ft"}
	for _, c := range []struct {
		mode                string
		chosen              bool
		unavailable, failed error
		want                agent.Enforcement
	}{
		{"off", true, nil, nil, agent.EnforcementSwitchedOff},
		{"auto", false, nil, nil, agent.EnforcementIdle},
		{"auto", true, nil, nil, agent.EnforcementOn},
		{"nftables", true, nil, nil, agent.EnforcementOn},
		{"auto", false, fmt.Errorf("no: %w", firewall.ErrNoRights), nil, agent.EnforcementNoRights},
		{"auto", true, fmt.Errorf("no: %w", firewall.ErrNoKernel), nil, agent.EnforcementNoKernel},
		{"auto", true, fmt.Errorf("no: %w", firewall.ErrNoProgram), nil, agent.EnforcementNoProgram},
		{"auto", true, errors.New("no"), nil, agent.EnforcementUnavailable},
		{"auto", true, nil, fmt.Errorf("no: %w", bypass), agent.EnforcementFlowtable},
		{"nftables", true, nil, errors.New("no"), agent.EnforcementBehind},
		{"nftables", false, nil, errors.New("the table stays"), agent.EnforcementBehind},
	} {
		got, flowtable := enforcement(c.mode, c.chosen, c.unavailable, c.failed)
		if got != c.want || (flowtable == "inet filter ft") != (got == agent.EnforcementFlowtable) {
			t.Errorf("%+v: %s %q", c, got, flowtable)
		}
	}
}

func TestInside(t *testing.T) {
	s := gatewaySettings()
	s.LocalNetworks = nets("127.0.0.0/8", "192.168.0.0/16")
	ways := map[string]string{"192.168.1.5": "lan0", "192.168.2.5": "dmz0", "192.168.3.5": "wan0", "8.8.8.8": "lan0", "10.128.0.5": "lan0"}
	way := func(a netip.Addr) (string, bool) {
		return ways[a.String()], a.IsLoopback() || a.String() == "192.168.1.1"
	}
	for peer, want := range map[string][2]bool{ // without and with chosen interfaces
		"192.168.1.5": {true, true}, "::ffff:192.168.1.5": {true, true}, "192.168.2.5": {true, false}, "192.168.3.5": {true, false},
		"192.168.9.9": {true, false}, "8.8.8.8": {}, "10.128.0.5": {}, "127.0.0.1": {true, true}, "192.168.1.1": {true, true},
	} {
		open := s
		open.LANInterfaces, open.WANInterfaces = nil, nil
		a := netip.MustParseAddr(peer)
		if got := [2]bool{insideByRoute(open, a, way), insideByRoute(s, a, way)}; got != want {
			t.Errorf("%s: %v, want %v", peer, got, want)
		}
	}
}

// TestRouteTo: the machine's own addresses are behind no interface.
func TestRouteTo(t *testing.T) {
	for _, a := range interfaceAddresses() {
		if name, own := routeTo(a); !own || name != "" {
			t.Errorf("%s: %q, %v", a, name, own)
		}
	}
}

func TestFlowtableProblem(t *testing.T) {
	g := gatewaySettings().GatewaySettings
	for device, field := range map[string]string{"lan0": "lan_interfaces", "wan0": "wan_interfaces", "ideco0": "lan_interfaces"} {
		p := flowtableProblem(&firewall.FlowtableError{Table: "inet filter", Name: "ft", Devices: []string{device}}, g)
		if p.Field != field || p.Value != "inet filter ft" {
			t.Errorf("%s: %+v", device, p)
		}
	}
}
