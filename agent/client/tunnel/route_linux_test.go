package tunnel

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestChooseUplink: the most specific route counts, then the metric. The agent's own routes, other types and links without
// carrier do not.
func TestChooseUplink(t *testing.T) {
	const tunnel = 9
	to, router, second := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.1.1")
	newRoute := func(dst string, link, metric int, via netip.Addr) netlink.Route {
		r := netlink.Route{LinkIndex: link, Priority: metric, Gw: via.AsSlice(), Type: unix.RTN_UNICAST}
		if dst != "" {
			r.Dst = ipNet(netip.MustParsePrefix(dst))
		}
		return r
	}
	own, unreachable, dead, blackhole := newRoute("203.0.113.7/32", 2, 7, router), newRoute("203.0.113.7/32", 0, 8, netip.Addr{}), newRoute("", 3, 0, second), newRoute("203.0.113.0/24", 0, 0, netip.Addr{})
	own.Protocol, unreachable.Protocol, unreachable.Type = RouteProtocol, RouteProtocol, unix.RTN_UNREACHABLE
	dead.Flags, blackhole.Type = unix.RTNH_F_LINKDOWN, unix.RTN_BLACKHOLE
	both := netlink.Route{Type: unix.RTN_UNICAST, MultiPath: []*netlink.NexthopInfo{{LinkIndex: 3, Gw: second.AsSlice(), Flags: unix.RTNH_F_DEAD}, {LinkIndex: 2, Gw: router.AsSlice()}}}
	sourced := newRoute("0.0.0.0/0", 2, 0, router)
	sourced.Src = net.IPv4(10, 0, 0, 5)
	for name, c := range map[string]struct {
		table []netlink.Route
		want  hop
		ok    bool
	}{
		"default":      {[]netlink.Route{newRoute("", 2, 100, router)}, hop{link: 2, router: router}, true},
		"metric":       {[]netlink.Route{newRoute("", 2, 600, router), newRoute("0.0.0.0/0", 3, 100, second)}, hop{link: 3, router: second}, true},
		"specific":     {[]netlink.Route{newRoute("", 2, 0, router), newRoute("203.0.113.0/24", 3, 100, second)}, hop{link: 3, router: second}, true},
		"elsewhere":    {[]netlink.Route{newRoute("", 2, 0, router), newRoute("198.51.100.0/24", 3, 0, second)}, hop{link: 2, router: router}, true},
		"attached":     {[]netlink.Route{newRoute("203.0.113.0/24", 3, 0, netip.Addr{})}, hop{link: 3}, true},
		"ours":         {[]netlink.Route{own, unreachable, newRoute("0.0.0.0/1", tunnel, 0, netip.Addr{}), newRoute("", 3, 0, second)}, hop{link: 3, router: second}, true},
		"no carrier":   {[]netlink.Route{dead, newRoute("", 2, 600, router)}, hop{link: 2, router: router}, true},
		"several hops": {[]netlink.Route{both}, hop{link: 2, router: router}, true},
		"source":       {[]netlink.Route{sourced}, hop{2, router, netip.MustParseAddr("10.0.0.5")}, true},
		"blackhole":    {[]netlink.Route{blackhole, newRoute("", 2, 0, router)}, hop{link: 2, router: router}, true},
		"none":         {[]netlink.Route{own, unreachable, dead}, hop{}, false},
	} {
		if got, ok := chooseUplink(to, c.table, tunnel); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}
