package firewall

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestNetworksOf: networks have no host bits, and link-local ones are left out.
func TestNetworksOf(t *testing.T) {
	var addrs []netlink.Addr
	for _, s := range []string{"192.168.1.1/24", "fe80::1/64", "fd00::1/64", "169.254.3.4/16"} {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: n.Mask}})
	}
	want := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fd00::/64")}
	if got := networksOf(addrs); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
