package web

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// on returns an address of the interface with the index.
func on(t *testing.T, index int, cidr string, flags int) netlink.Addr {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	a.LinkIndex, a.Flags = index, flags
	return *a
}

func TestAgentAddrsNear(t *testing.T) {
	list := []netlink.Addr{
		on(t, 1, "127.0.0.1/8", 0), on(t, 1, "::1/128", 0),
		on(t, 2, "192.0.2.2/24", 0), on(t, 2, "2001:db8::2/64", 0),
		on(t, 3, "192.168.1.1/24", 0), on(t, 3, "192.168.1.2/24", unix.IFA_F_SECONDARY), on(t, 3, "fd00:1::1/64", 0),
		on(t, 3, "fe80::1/64", 0), on(t, 3, "fd00:1::aaaa/64", unix.IFA_F_TEMPORARY), on(t, 3, "fd00:1::bbbb/64", unix.IFA_F_TENTATIVE),
		on(t, 3, "fd00:1::cccc/64", unix.IFA_F_DEPRECATED),
		on(t, 4, "192.168.1.129/28", 0), on(t, 4, "fd00:4::1/64", 0),
	}
	all := []netip.AddrPort{netip.MustParseAddrPort("[::]:14765")}
	for _, c := range []struct {
		peer      string
		listening []netip.AddrPort
		want      string
	}{
		{"192.168.1.77", all, "[192.168.1.1:14765 192.168.1.2:14765 [fd00:1::1]:14765]"},
		{"fd00:1::77", all, "[192.168.1.1:14765 192.168.1.2:14765 [fd00:1::1]:14765]"},
		{"fd00:1::77", []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:1")}, "[192.168.1.1:1 192.168.1.2:1]"},
		{"fd00:1::77", []netip.AddrPort{netip.MustParseAddrPort("192.168.1.2:1"), netip.MustParseAddrPort("[fd00:1::1]:2")}, "[192.168.1.2:1 [fd00:1::1]:2]"},
		{"192.168.1.130", all, "[192.168.1.129:14765 [fd00:4::1]:14765]"}, // the smaller network inside the other one
		{"127.0.0.3", all, "[127.0.0.1:14765 [::1]:14765]"},
		{"10.7.0.5", all, "[]"}, // behind a router
		{"2001:db8:1::5", all, "[]"},
	} {
		if got := fmt.Sprint(agentAddrsNear(list, c.listening, netip.MustParseAddr(c.peer))); got != c.want {
			t.Errorf("%s: %s, want %s", c.peer, got, c.want)
		}
	}
}

// TestAgentAddrsNearOfLoopback uses the kernel's list of addresses.
func TestAgentAddrsNearOfLoopback(t *testing.T) {
	h := &hosts{agents: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:7")}}
	if got := fmt.Sprint(h.AgentAddrsNear(netip.MustParseAddr("127.0.0.9"))); got != "[127.0.0.1:7]" {
		t.Errorf("%s", got)
	}
}
