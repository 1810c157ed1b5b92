package tunnel

import (
	"errors"
	"fmt"
	"math/rand"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func addrs(list ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range list {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func localNet(net, own string, routers ...string) network {
	return network{Interface: "Wi-Fi", Net: netip.MustParsePrefix(net), Own: addrs(own), Routers: addrs(routers...)}
}

func TestPlanRoutesWindows(t *testing.T) {
	small := localNet("192.168.1.0/29", "192.168.1.2", "192.168.1.1")
	office := localNet("10.1.2.0/30", "10.1.2.2", "10.1.2.1")
	hostOnly := func(net, own string) network {
		l := localNet(net, own)
		l.HostOnly = true
		return l
	}
	wsl := hostOnly("172.20.0.0/20", "172.20.0.1")
	standard := hostOnly("172.17.96.0/20", "172.17.96.1")
	docker := hostOnly("10.0.75.0/24", "10.0.75.1")
	for name, c := range map[string]struct {
		endpoint string
		nets     []string
		dns      []string
		local    []network
		block    bool
		want     plan
	}{
		"apart": {nets: []string{"10.0.0.0/8", "172.16.0.0/12"}, local: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8", "172.16.0.0/12")}},
		"the same": {nets: []string{"192.168.1.0/29"}, local: []network{small},
			want: plan{Into: prefixes("192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"), Hidden: prefixes("192.168.1.0/29")}},
		"local network inside": {nets: []string{"10.0.0.0/8"}, local: []network{office, small},
			want: plan{Into: prefixes("10.0.0.0/8", "10.1.2.0/32", "10.1.2.3/32"), Hidden: prefixes("10.1.2.0/30")}},
		"local network around": {nets: []string{"192.168.1.4/30"}, local: []network{small},
			want: plan{Into: prefixes("192.168.1.4/30"), Hidden: prefixes("192.168.1.4/30")}},
		"local network around with the router": {nets: []string{"192.168.1.0/30"}, local: []network{small},
			want: plan{Into: prefixes("192.168.1.0/32", "192.168.1.3/32"), Hidden: prefixes("192.168.1.0/30")}},
		"the gateway in a local network": {endpoint: "192.168.1.6", nets: []string{"192.168.1.0/29"}, local: []network{small},
			want: plan{Into: prefixes("192.168.1.4/31", "192.168.1.0/32", "192.168.1.3/32", "192.168.1.7/32"), Hidden: prefixes("192.168.1.0/29")}},
		"DNS is the gateway": {nets: []string{"10.0.0.0/8", "203.0.113.1/32"}, want: plan{Into: prefixes("10.0.0.0/8")}},
		"DNS is the router": {nets: []string{"10.0.0.0/8", "192.168.1.1/32"}, local: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8"), Outside: prefixes("192.168.1.1/32")}},
		"everything": {nets: []string{"0.0.0.0/0"}, dns: []string{"10.0.0.53"}, local: []network{small},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1")}},
		"everything with DNS in a local network": {nets: []string{"0.0.0.0/0"}, dns: []string{"192.168.1.5", "192.168.1.1"}, local: []network{small},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.5/32"), Hidden: prefixes("192.168.1.5/32"),
				Outside: prefixes("192.168.1.1/32")}},
		"everything, local networks blocked": {nets: []string{"0.0.0.0/0"}, dns: []string{"192.168.1.5"}, local: []network{small}, block: true,
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"),
				Hidden: prefixes("192.168.1.0/29")}},
		"WSL inside": {nets: []string{"172.16.0.0/12"}, local: []network{wsl, small},
			want: plan{Into: prefixes("172.16.0.0/12"), Outside: prefixes("172.20.0.0/20")}},
		"Docker and Hyper-V inside, twice": {nets: []string{"10.0.0.0/8", "172.16.0.0/12"}, local: []network{docker, standard, wsl},
			want: plan{Into: prefixes("10.0.0.0/8", "172.16.0.0/12"), Outside: prefixes("10.0.75.0/24", "172.17.96.0/20", "172.20.0.0/20")}},
		"the same as WSL": {nets: []string{"172.20.0.0/20"}, local: []network{wsl},
			want: plan{Outside: prefixes("172.20.0.0/20")}},
		"WSL around": {nets: []string{"172.20.0.0/30"}, local: []network{wsl},
			want: plan{Into: prefixes("172.20.0.2/31", "172.20.0.0/32"), Hidden: prefixes("172.20.0.0/30")}},
		"WSL apart": {nets: []string{"192.168.0.0/16"}, local: []network{wsl}, want: plan{Into: prefixes("192.168.0.0/16")}},
		"DNS in WSL's network": {nets: []string{"172.16.0.0/12"}, dns: []string{"172.20.0.53", "10.0.0.53"}, local: []network{wsl},
			want: plan{Into: prefixes("172.16.0.0/12", "172.20.0.53/32"), Hidden: prefixes("172.20.0.53/32"), Outside: prefixes("172.20.0.0/20")}},
		"DNS is this computer in WSL's network": {nets: []string{"172.16.0.0/12"}, dns: []string{"172.20.0.1"}, local: []network{wsl},
			want: plan{Into: prefixes("172.16.0.0/12"), Outside: prefixes("172.20.0.0/20", "172.20.0.1/32")}},
		"WSL inside a local network": {nets: []string{"172.16.0.0/12"}, local: []network{localNet("172.20.0.0/19", "172.20.16.2", "172.20.16.1"), wsl},
			want: plan{Into: prefixes("172.16.0.0/12", "172.20.24.0/21", "172.20.20.0/22", "172.20.18.0/23", "172.20.17.0/24", "172.20.16.128/25",
				"172.20.16.64/26", "172.20.16.32/27", "172.20.16.16/28", "172.20.16.8/29", "172.20.16.4/30", "172.20.16.0/32", "172.20.16.3/32"),
				Hidden: prefixes("172.20.0.0/19"), Outside: prefixes("172.20.0.0/20")}},
		"everything, WSL": {nets: []string{"0.0.0.0/0"}, local: []network{wsl},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1")}},
		"everything, local networks blocked, WSL": {nets: []string{"0.0.0.0/0"}, local: []network{small, wsl}, block: true,
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"),
				Hidden: prefixes("172.20.0.0/20", "192.168.1.0/29")}},
		"local networks blocked, some networks": {nets: []string{"10.0.0.0/8"}, local: []network{small}, block: true,
			want: plan{Into: prefixes("10.0.0.0/8")}},
	} {
		if c.endpoint == "" {
			c.endpoint = "203.0.113.1"
		}
		s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(netip.MustParseAddr(c.endpoint), 3051),
			Nets: prefixes(c.nets...), DNS: addrs(c.dns...)}
		if got := planRoutesWindows(s, c.local, c.block); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestPlanRoutesLinux(t *testing.T) {
	small := localNet("192.168.1.0/29", "192.168.1.2", "192.168.1.1")
	around := localNet("192.168.0.0/16", "192.168.9.9")
	for name, c := range map[string]struct {
		endpoint string
		nets     []string
		local    []network
		want     plan
	}{
		"apart":                  {nets: []string{"10.0.0.0/8"}, local: []network{small}, want: plan{Into: prefixes("10.0.0.0/8")}},
		"everything":             {nets: []string{"0.0.0.0/0"}, local: []network{small}, want: plan{Into: prefixes("0.0.0.0/1", "128.0.0.0/1")}},
		"the same":               {nets: []string{"192.168.1.0/29"}, local: []network{small, around}, want: plan{Outside: prefixes("192.168.1.0/29")}},
		"local network inside":   {nets: []string{"192.168.0.0/16"}, local: []network{small}, want: plan{Into: prefixes("192.168.0.0/16")}},
		"local network around":   {nets: []string{"192.168.1.4/30"}, local: []network{small}, want: plan{Into: prefixes("192.168.1.4/30")}},
		"named twice":            {nets: []string{"192.168.1.0/29", "192.168.1.0/29"}, local: []network{small}, want: plan{Outside: prefixes("192.168.1.0/29")}},
		"with the router":        {nets: []string{"192.168.1.0/30"}, local: []network{small}, want: plan{Into: prefixes("192.168.1.0/32", "192.168.1.3/32")}},
		"DNS in a local network": {nets: []string{"192.168.1.5/32"}, local: []network{small}, want: plan{Into: prefixes("192.168.1.5/32")}},
		"DNS is the router":      {nets: []string{"192.168.1.1/32"}, local: []network{small}, want: plan{Outside: prefixes("192.168.1.1/32")}},
		"DNS is the gateway": {nets: []string{"10.0.0.0/8", "203.0.113.1/32"}, local: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8")}},
		"the gateway in a local network": {endpoint: "192.168.1.6", nets: []string{"192.168.1.4/30"}, local: []network{small},
			want: plan{Into: prefixes("192.168.1.4/31", "192.168.1.7/32")}},
	} {
		if c.endpoint == "" {
			c.endpoint = "203.0.113.1"
		}
		s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(netip.MustParseAddr(c.endpoint), 3051), Nets: prefixes(c.nets...)}
		if got := planRoutesLinux(s, c.local); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
}

// When the gateway's network equals a local /24, all its addresses go into the tunnel except the router and the
// computer's own.
func TestPlanOfALocalNetwork(t *testing.T) {
	s := client.TunnelSetup{Endpoint: netip.MustParseAddrPort("203.0.113.1:3051"), Nets: prefixes("192.168.1.0/24")}
	p := planRoutesWindows(s, []network{localNet("192.168.1.0/24", "192.168.1.77", "192.168.1.1")}, false)
	for i := 0; i < 256; i++ {
		a := netip.AddrFrom4([4]byte{192, 168, 1, byte(i)})
		inside := 0
		for _, n := range p.Into {
			if n.Contains(a) {
				inside++
			}
			if n.Bits() <= 24 {
				t.Errorf("%s is not more specific than the local network's own route", n)
			}
		}
		if want := i != 1 && i != 77; inside > 1 || (inside == 1) != want {
			t.Errorf("%s is in %d routes", a, inside)
		}
	}
}

// With random networks, the gateway's addresses are reached through the tunnel, and all that keptOutside lists is not.
func TestPlanRandom(t *testing.T) {
	r := rand.New(rand.NewSource(14765))
	for i := 0; i < 3000 && !t.Failed(); i++ {
		s, local := randomSetup(r), randomLocal(r)
		checkPlan(t, r, s, local, r.Intn(2) == 0)
	}
}

// randomAddr returns one of few addresses, so that networks overlap.
func randomAddr(r *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(r.Intn(2)), byte(r.Intn(3)), byte(r.Intn(256))})
}

func randomNet(r *rand.Rand, low int) netip.Prefix {
	return netip.PrefixFrom(randomAddr(r), low+r.Intn(32-low)).Masked()
}

func randomLocal(r *rand.Rand) []network {
	var local []network
	seen := map[netip.Prefix]bool{}
	for i := r.Intn(3); i >= 0; i-- {
		n := netip.PrefixFrom(randomAddr(r), 14+r.Intn(16))
		l := network{Interface: fmt.Sprint(i), Net: n.Masked(), Own: []netip.Addr{n.Addr()}, HostOnly: r.Intn(3) == 0}
		if router := n.Addr().Next(); l.Net.Contains(router) && !l.HostOnly {
			l.Routers = []netip.Addr{router}
		}
		if !seen[l.Net] { // localNetworks never has one network host-only and not
			seen[l.Net] = true
			local = append(local, l)
		}
	}
	return local
}

func randomSetup(r *rand.Rand) client.TunnelSetup {
	s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(randomAddr(r), 3051), DNS: []netip.Addr{randomAddr(r)}}
	if r.Intn(3) == 0 {
		s.Nets = []netip.Prefix{client.AllIPv4}
		return s
	}
	s.Nets = append(s.Nets, netip.PrefixFrom(s.DNS[0], 32))
	for i := r.Intn(3); i >= 0; i-- {
		s.Nets = append(s.Nets, randomNet(r, 8))
	}
	return s
}

func checkPlan(t *testing.T, r *rand.Rand, s client.TunnelSetup, local []network, block bool) {
	p := planRoutesWindows(s, local, block)
	probes := append(append([]netip.Addr{}, s.DNS...), keptOutside(s, local)...)
	for _, n := range append(append([]netip.Prefix{}, s.Nets...), p.Into...) {
		probes = append(probes, n.Addr(), n.Addr().Prev(), n.Addr().Next())
	}
	for i := 0; i < 30; i++ {
		probes = append(probes, randomAddr(r))
	}
	for _, a := range probes {
		if !a.IsValid() {
			continue
		}
		to, ambiguous := routeOf(a, p, local)
		if inTunnel, want := to == "tunnel", wantsTunnel(a, s, local, block); ambiguous || inTunnel != want {
			if a == s.Endpoint.Addr() && !inAny(local, a) {
				continue // the socket binding keeps it outside
			}
			t.Errorf("%s: through the tunnel %v (ambiguous %v), want %v\nnetworks %v, gateway %s, DNS %v\nlocal %+v, blocked %v\n%+v",
				a, inTunnel, ambiguous, want, s.Nets, s.Endpoint, s.DNS, local, block, p)
			return
		}
	}
}

// routeOf returns the most specific route to an address, as the system does. Two of the same length are ambiguous.
func routeOf(a netip.Addr, p plan, local []network) (name string, ambiguous bool) {
	bits := -1
	take := func(n netip.Prefix, to string) {
		switch {
		case !n.Contains(a) || n.Bits() < bits:
		case n.Bits() > bits:
			bits, name, ambiguous = n.Bits(), to, false
		case name != to:
			ambiguous = true
		}
	}
	take(client.AllIPv4, "default")
	for _, l := range local {
		take(l.Net, "local")
		for _, own := range l.Own {
			take(netip.PrefixFrom(own, 32), "local")
		}
	}
	for _, n := range p.Into {
		take(n, "tunnel")
	}
	return name, ambiguous
}

func wantsTunnel(a netip.Addr, s client.TunnelSetup, local []network, block bool) bool {
	inner, isLocal := smallest(a, local)
	for _, kept := range keptOutside(s, local) {
		if a == kept && isLocal {
			return false
		}
	}
	switch {
	case !s.Carries(a):
		return false
	case !isLocal || a == s.DNS[0]:
		return true
	case takesAll(s):
		return block && !inner.HostOnly
	}
	for _, n := range s.Nets {
		if n.Contains(a) && n.Bits() > inner.Net.Bits() {
			return true // the gateway's network is a part of this one
		}
	}
	return !inner.HostOnly
}

// smallest returns the smallest network that contains the address.
func smallest(a netip.Addr, local []network) (found network, ok bool) {
	for _, l := range local {
		if l.Net.Contains(a) && (!ok || l.Net.Bits() > found.Net.Bits()) {
			found, ok = l, true
		}
	}
	return found, ok
}

func TestDifference(t *testing.T) {
	old, now := prefixes("10.0.0.0/8", "172.16.0.0/12"), prefixes("172.16.0.0/12", "192.168.1.0/25")
	if got := difference(now, old); !reflect.DeepEqual(got, prefixes("192.168.1.0/25")) {
		t.Errorf("new ones: %v", got)
	}
	if got := difference(old, now); !reflect.DeepEqual(got, prefixes("10.0.0.0/8")) {
		t.Errorf("old ones: %v", got)
	}
}

func TestNotesOnPlan(t *testing.T) {
	p := plan{Hidden: prefixes("192.168.1.0/24"), Outside: prefixes("192.168.1.1/32")}
	outside := client.TunnelNote{Code: locale.NoteNetOutside, Value: "192.168.1.1/32"}
	for blocked, code := range map[bool]string{false: locale.NoteNetShadowed, true: locale.NoteHomeForbidden} {
		if got := planNotes(p, blocked); !reflect.DeepEqual(got, []client.TunnelNote{{Code: code, Value: "192.168.1.0/24"}, outside}) {
			t.Errorf("local networks blocked %v: %+v", blocked, got)
		}
	}
}

// TestCheckAddress: the tunnel's address must not be in a local network.
func TestCheckAddress(t *testing.T) {
	local := []network{
		{Interface: "wlan0", Net: netip.MustParsePrefix("192.168.1.0/24")},
		{Interface: "vEthernet (WSL)", Net: netip.MustParsePrefix("172.20.0.0/20"), HostOnly: true},
		{Interface: "eth0", Net: netip.MustParsePrefix("10.0.0.0/9")},
	}
	for address, refused := range map[string]bool{"10.128.0.2": false, "192.168.1.1": true, "192.168.2.1": false, "172.20.0.5": false, "10.127.255.254": true} {
		err := checkAddress(client.TunnelSetup{Address: netip.MustParseAddr(address)}, local)
		var problem *client.TunnelProblem
		if refused != (errors.As(err, &problem) && problem.Key == locale.TunnelAddressInHome && strings.Contains(problem.Value, address)) || !refused && err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
