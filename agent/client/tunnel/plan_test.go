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

func homeNet(net, own string, routers ...string) network {
	return network{Interface: "Wi-Fi", Net: netip.MustParsePrefix(net), Own: addrs(own), Routers: addrs(routers...)}
}

func TestPlanRoutesWindows(t *testing.T) {
	small := homeNet("192.168.1.0/29", "192.168.1.2", "192.168.1.1")
	office := homeNet("10.1.2.0/30", "10.1.2.2", "10.1.2.1")
	closed := func(net, own string) network {
		h := homeNet(net, own)
		h.Closed = true
		return h
	}
	wsl := closed("172.20.0.0/20", "172.20.0.1")
	standard := closed("172.17.96.0/20", "172.17.96.1")
	docker := closed("10.0.75.0/24", "10.0.75.1")
	for name, c := range map[string]struct {
		endpoint string
		nets     []string
		dns      []string
		home     []network
		forbid   bool
		want     plan
	}{
		"apart": {nets: []string{"10.0.0.0/8", "172.16.0.0/12"}, home: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8", "172.16.0.0/12")}},
		"the same": {nets: []string{"192.168.1.0/29"}, home: []network{small},
			want: plan{Into: prefixes("192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"), Shadowed: prefixes("192.168.1.0/29")}},
		"home inside": {nets: []string{"10.0.0.0/8"}, home: []network{office, small},
			want: plan{Into: prefixes("10.0.0.0/8", "10.1.2.0/32", "10.1.2.3/32"), Shadowed: prefixes("10.1.2.0/30")}},
		"home around": {nets: []string{"192.168.1.4/30"}, home: []network{small},
			want: plan{Into: prefixes("192.168.1.4/30"), Shadowed: prefixes("192.168.1.4/30")}},
		"home around with the router": {nets: []string{"192.168.1.0/30"}, home: []network{small},
			want: plan{Into: prefixes("192.168.1.0/32", "192.168.1.3/32"), Shadowed: prefixes("192.168.1.0/30")}},
		"the gateway at home": {endpoint: "192.168.1.6", nets: []string{"192.168.1.0/29"}, home: []network{small},
			want: plan{Into: prefixes("192.168.1.4/31", "192.168.1.0/32", "192.168.1.3/32", "192.168.1.7/32"), Shadowed: prefixes("192.168.1.0/29")}},
		"DNS is the gateway": {nets: []string{"10.0.0.0/8", "203.0.113.1/32"}, want: plan{Into: prefixes("10.0.0.0/8")}},
		"DNS is the router": {nets: []string{"10.0.0.0/8", "192.168.1.1/32"}, home: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8"), Outside: prefixes("192.168.1.1/32")}},
		"everything": {nets: []string{"0.0.0.0/0"}, dns: []string{"10.0.0.53"}, home: []network{small},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1")}},
		"everything with DNS at home": {nets: []string{"0.0.0.0/0"}, dns: []string{"192.168.1.5", "192.168.1.1"}, home: []network{small},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.5/32"), Shadowed: prefixes("192.168.1.5/32"),
				Outside: prefixes("192.168.1.1/32")}},
		"everything, home forbidden": {nets: []string{"0.0.0.0/0"}, dns: []string{"192.168.1.5"}, home: []network{small}, forbid: true,
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"),
				Shadowed: prefixes("192.168.1.0/29")}},
		"WSL inside": {nets: []string{"172.16.0.0/12"}, home: []network{wsl, small},
			want: plan{Into: prefixes("172.16.0.0/12"), Outside: prefixes("172.20.0.0/20")}},
		"Docker and Hyper-V inside, twice": {nets: []string{"10.0.0.0/8", "172.16.0.0/12"}, home: []network{docker, standard, wsl},
			want: plan{Into: prefixes("10.0.0.0/8", "172.16.0.0/12"), Outside: prefixes("10.0.75.0/24", "172.17.96.0/20", "172.20.0.0/20")}},
		"the same as WSL": {nets: []string{"172.20.0.0/20"}, home: []network{wsl},
			want: plan{Outside: prefixes("172.20.0.0/20")}},
		"WSL around": {nets: []string{"172.20.0.0/30"}, home: []network{wsl},
			want: plan{Into: prefixes("172.20.0.2/31", "172.20.0.0/32"), Shadowed: prefixes("172.20.0.0/30")}},
		"WSL apart": {nets: []string{"192.168.0.0/16"}, home: []network{wsl}, want: plan{Into: prefixes("192.168.0.0/16")}},
		"DNS in WSL's network": {nets: []string{"172.16.0.0/12"}, dns: []string{"172.20.0.53", "10.0.0.53"}, home: []network{wsl},
			want: plan{Into: prefixes("172.16.0.0/12", "172.20.0.53/32"), Shadowed: prefixes("172.20.0.53/32"), Outside: prefixes("172.20.0.0/20")}},
		"DNS is this computer in WSL's network": {nets: []string{"172.16.0.0/12"}, dns: []string{"172.20.0.1"}, home: []network{wsl},
			want: plan{Into: prefixes("172.16.0.0/12"), Outside: prefixes("172.20.0.0/20", "172.20.0.1/32")}},
		"WSL inside of home": {nets: []string{"172.16.0.0/12"}, home: []network{homeNet("172.20.0.0/19", "172.20.16.2", "172.20.16.1"), wsl},
			want: plan{Into: prefixes("172.16.0.0/12", "172.20.24.0/21", "172.20.20.0/22", "172.20.18.0/23", "172.20.17.0/24", "172.20.16.128/25",
				"172.20.16.64/26", "172.20.16.32/27", "172.20.16.16/28", "172.20.16.8/29", "172.20.16.4/30", "172.20.16.0/32", "172.20.16.3/32"),
				Shadowed: prefixes("172.20.0.0/19"), Outside: prefixes("172.20.0.0/20")}},
		"everything, WSL": {nets: []string{"0.0.0.0/0"}, home: []network{wsl},
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1")}},
		"everything, home forbidden, WSL": {nets: []string{"0.0.0.0/0"}, home: []network{small, wsl}, forbid: true,
			want: plan{Into: prefixes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "192.168.1.4/30", "192.168.1.0/32", "192.168.1.3/32"),
				Shadowed: prefixes("172.20.0.0/20", "192.168.1.0/29")}},
		"home forbidden, some networks": {nets: []string{"10.0.0.0/8"}, home: []network{small}, forbid: true,
			want: plan{Into: prefixes("10.0.0.0/8")}},
	} {
		if c.endpoint == "" {
			c.endpoint = "203.0.113.1"
		}
		s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(netip.MustParseAddr(c.endpoint), 3051),
			Nets: prefixes(c.nets...), DNS: addrs(c.dns...)}
		if got := planRoutesWindows(s, c.home, c.forbid); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestPlanRoutesLinux(t *testing.T) {
	small := homeNet("192.168.1.0/29", "192.168.1.2", "192.168.1.1")
	around := homeNet("192.168.0.0/16", "192.168.9.9")
	for name, c := range map[string]struct {
		endpoint string
		nets     []string
		home     []network
		want     plan
	}{
		"apart":             {nets: []string{"10.0.0.0/8"}, home: []network{small}, want: plan{Into: prefixes("10.0.0.0/8")}},
		"everything":        {nets: []string{"0.0.0.0/0"}, home: []network{small}, want: plan{Into: prefixes("0.0.0.0/1", "128.0.0.0/1")}},
		"the same":          {nets: []string{"192.168.1.0/29"}, home: []network{small, around}, want: plan{Outside: prefixes("192.168.1.0/29")}},
		"home inside":       {nets: []string{"192.168.0.0/16"}, home: []network{small}, want: plan{Into: prefixes("192.168.0.0/16")}},
		"home around":       {nets: []string{"192.168.1.4/30"}, home: []network{small}, want: plan{Into: prefixes("192.168.1.4/30")}},
		"named twice":       {nets: []string{"192.168.1.0/29", "192.168.1.0/29"}, home: []network{small}, want: plan{Outside: prefixes("192.168.1.0/29")}},
		"with the router":   {nets: []string{"192.168.1.0/30"}, home: []network{small}, want: plan{Into: prefixes("192.168.1.0/32", "192.168.1.3/32")}},
		"DNS at home":       {nets: []string{"192.168.1.5/32"}, home: []network{small}, want: plan{Into: prefixes("192.168.1.5/32")}},
		"DNS is the router": {nets: []string{"192.168.1.1/32"}, home: []network{small}, want: plan{Outside: prefixes("192.168.1.1/32")}},
		"DNS is the gateway": {nets: []string{"10.0.0.0/8", "203.0.113.1/32"}, home: []network{small},
			want: plan{Into: prefixes("10.0.0.0/8")}},
		"the gateway at home": {endpoint: "192.168.1.6", nets: []string{"192.168.1.4/30"}, home: []network{small},
			want: plan{Into: prefixes("192.168.1.4/31", "192.168.1.7/32")}},
	} {
		if c.endpoint == "" {
			c.endpoint = "203.0.113.1"
		}
		s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(netip.MustParseAddr(c.endpoint), 3051), Nets: prefixes(c.nets...)}
		if got := planRoutesLinux(s, c.home); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
}

// The usual home: all of a /24 but three addresses.
func TestPlanOfAHome(t *testing.T) {
	s := client.TunnelSetup{Endpoint: netip.MustParseAddrPort("203.0.113.1:3051"), Nets: prefixes("192.168.1.0/24")}
	p := planRoutesWindows(s, []network{homeNet("192.168.1.0/24", "192.168.1.77", "192.168.1.1")}, false)
	for i := 0; i < 256; i++ {
		a := netip.AddrFrom4([4]byte{192, 168, 1, byte(i)})
		inside := 0
		for _, n := range p.Into {
			if n.Contains(a) {
				inside++
			}
			if n.Bits() <= 24 {
				t.Errorf("%s is not more specific than the home's own route", n)
			}
		}
		if want := i != 1 && i != 77; inside > 1 || (inside == 1) != want {
			t.Errorf("%s is in %d routes", a, inside)
		}
	}
}

// Whatever the networks are, an address of the organisation is reached through the tunnel and everything that has to
// stay outside is not.
func TestPlanHolds(t *testing.T) {
	r := rand.New(rand.NewSource(14765))
	for i := 0; i < 3000 && !t.Failed(); i++ {
		s, home := randomSetup(r), randomHome(r)
		checkPlan(t, r, s, home, r.Intn(2) == 0)
	}
}

// randomAddr is one of few, so that networks overlap.
func randomAddr(r *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(r.Intn(2)), byte(r.Intn(3)), byte(r.Intn(256))})
}

func randomNet(r *rand.Rand, low int) netip.Prefix {
	return netip.PrefixFrom(randomAddr(r), low+r.Intn(32-low)).Masked()
}

func randomHome(r *rand.Rand) []network {
	var home []network
	seen := map[netip.Prefix]bool{}
	for i := r.Intn(3); i >= 0; i-- {
		n := netip.PrefixFrom(randomAddr(r), 14+r.Intn(16))
		h := network{Interface: fmt.Sprint(i), Net: n.Masked(), Own: []netip.Addr{n.Addr()}, Closed: r.Intn(3) == 0}
		if router := n.Addr().Next(); h.Net.Contains(router) && !h.Closed {
			h.Routers = []netip.Addr{router}
		}
		if !seen[h.Net] { // homeNetworks never calls one network open and closed
			seen[h.Net] = true
			home = append(home, h)
		}
	}
	return home
}

func randomSetup(r *rand.Rand) client.TunnelSetup {
	s := client.TunnelSetup{Endpoint: netip.AddrPortFrom(randomAddr(r), 3051), DNS: []netip.Addr{randomAddr(r)}}
	if r.Intn(3) == 0 {
		s.Nets = []netip.Prefix{client.Everything}
		return s
	}
	s.Nets = append(s.Nets, netip.PrefixFrom(s.DNS[0], 32))
	for i := r.Intn(3); i >= 0; i-- {
		s.Nets = append(s.Nets, randomNet(r, 8))
	}
	return s
}

func checkPlan(t *testing.T, r *rand.Rand, s client.TunnelSetup, home []network, forbid bool) {
	p := planRoutesWindows(s, home, forbid)
	probes := append(append([]netip.Addr{}, s.DNS...), keptOutside(s, home)...)
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
		goes, unclear := wayOf(a, p, home)
		if goes, want := goes == "tunnel", wantsTunnel(a, s, home, forbid); unclear || goes != want {
			if a == s.Endpoint.Addr() && !inAny(home, a) {
				continue // the system's part
			}
			t.Errorf("%s: through the tunnel %v (unclear %v), want %v\nnetworks %v, gateway %s, DNS %v\nhome %+v, forbidden %v\n%+v",
				a, goes, unclear, want, s.Nets, s.Endpoint, s.DNS, home, forbid, p)
			return
		}
	}
}

// wayOf looks an address up as the system does: the most specific route. Two of the same length are unclear.
func wayOf(a netip.Addr, p plan, home []network) (way string, unclear bool) {
	bits := -1
	take := func(n netip.Prefix, name string) {
		switch {
		case !n.Contains(a) || n.Bits() < bits:
		case n.Bits() > bits:
			bits, way, unclear = n.Bits(), name, false
		case way != name:
			unclear = true
		}
	}
	take(client.Everything, "default")
	for _, h := range home {
		take(h.Net, "home")
		for _, own := range h.Own {
			take(netip.PrefixFrom(own, 32), "home")
		}
	}
	for _, n := range p.Into {
		take(n, "tunnel")
	}
	return way, unclear
}

func wantsTunnel(a netip.Addr, s client.TunnelSetup, home []network, forbid bool) bool {
	inner, atHome := smallest(a, home)
	for _, kept := range keptOutside(s, home) {
		if a == kept && atHome {
			return false
		}
	}
	switch {
	case !s.Carries(a):
		return false
	case !atHome || a == s.DNS[0]:
		return true
	case takesAll(s):
		return forbid && !inner.Closed
	}
	for _, n := range s.Nets {
		if n.Contains(a) && n.Bits() > inner.Net.Bits() {
			return true // the organisation's network is a part of this one
		}
	}
	return !inner.Closed
}

// smallest is the smallest of the networks that hold the address.
func smallest(a netip.Addr, home []network) (found network, ok bool) {
	for _, h := range home {
		if h.Net.Contains(a) && (!ok || h.Net.Bits() > found.Net.Bits()) {
			found, ok = h, true
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
	p := plan{Shadowed: prefixes("192.168.1.0/24"), Outside: prefixes("192.168.1.1/32")}
	outside := client.Note{Code: locale.NoteNetOutside, Value: "192.168.1.1/32"}
	for forbidden, code := range map[bool]string{false: locale.NoteNetShadowed, true: locale.NoteHomeForbidden} {
		if got := notesOn(p, forbidden); !reflect.DeepEqual(got, []client.Note{{Code: code, Value: "192.168.1.0/24"}, outside}) {
			t.Errorf("home forbidden %v: %+v", forbidden, got)
		}
	}
}

// TestCheckAddress: the tunnel's address must not be one of a network that this computer is in.
func TestCheckAddress(t *testing.T) {
	home := []network{
		{Interface: "wlan0", Net: netip.MustParsePrefix("192.168.1.0/24")},
		{Interface: "vEthernet (WSL)", Net: netip.MustParsePrefix("172.20.0.0/20"), Closed: true},
		{Interface: "eth0", Net: netip.MustParsePrefix("10.0.0.0/9")},
	}
	for address, refused := range map[string]bool{"10.128.0.2": false, "192.168.1.1": true, "192.168.2.1": false, "172.20.0.5": false, "10.127.255.254": true} {
		err := checkAddress(client.TunnelSetup{Address: netip.MustParseAddr(address)}, home)
		var problem *client.TunnelProblem
		if refused != (errors.As(err, &problem) && problem.Key == locale.TunnelAddressInHome && strings.Contains(problem.Value, address)) || !refused && err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
