package firewall

import (
	"net/netip"
	"os"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// TestBrowserSessionOf: a browser's session is found by another address of its host, but not if several hosts may share the MAC.
func TestBrowserSessionOf(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		want := func(what string, a netip.Addr, want string) {
			t.Helper()
			if got, err := f.BrowserSessionOf(t.Context(), a); err != nil || got != want {
				t.Errorf("%s: %q, %v, want %q", what, got, err, want)
			}
		}
		for _, a := range []netip.Addr{host, host6} {
			l.learnMAC(t, inLAN, a)
		}
		l.learnMAC(t, inLAN1, neighbor)
		want("nobody has signed in", host6, "")
		web := session(1, host)
		web.Kind = agent.KindWeb
		grant(t, f, web)
		want("its other address", host6, web.ID)
		want("IPv4 in IPv6", netip.MustParseAddr("::ffff:"+host.String()), web.ID)
		want("a neighbour that is not known", second6, "")
		want("the host behind the host as a router", routed, "")
		want("another network", neighbor, "")
		want("the gateway", netip.MustParseAddr("fd77:1::1"), "")
		want("the Internet", server, "")
		m := f.MACs()[web.ID].String()
		netlab.Run(t, "ip", "neigh", "replace", neighbor.String(), "dev", "lan1", "lladdr", m)
		want("the same MAC on another interface", neighbor, "")
		netlab.Run(t, "ip", "neigh", "replace", second6.String(), "dev", "lan0", "lladdr", "02:00:00:00:00:99")
		want("another host", second6, "")
		netlab.Run(t, "ip", "neigh", "replace", second6.String(), "dev", "lan0", "lladdr", m)
		want("a third address", second6, web.ID)

		l.learnMAC(t, inLAN, second)
		want("a second IPv4 address has the MAC", host6, "")
		netlab.Run(t, "ip", "neigh", "del", second.String(), "dev", "lan0")
		want("it is gone", host6, web.ID)

		for _, file := range []string{"delay_first_probe_time", "ucast_solicit", "mcast_solicit"} { // forget it after a second or two
			if err := os.WriteFile("/proc/sys/net/ipv4/neigh/lan0/"+file, []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		netlab.Run(t, "ip", "neigh", "replace", "10.77.1.99", "dev", "lan0", "lladdr", m, "nud", "stale")
		want("an IPv4 address that the host had before", host6, "")
		netlab.Eventually(t, "the former address is forgotten", func() bool {
			got, err := f.BrowserSessionOf(t.Context(), host6)
			return err == nil && got == web.ID
		})

		other := session(2, second6)
		other.Kind = agent.KindWeb
		grant(t, f, other)
		want("two sessions have the MAC", host6, "")
		revokeAndWait(t, f, other)
		want("one of them has ended", host6, web.ID)
		rule := session(3, second6)
		rule.Kind, rule.MACStored = agent.KindStatic, m
		grant(t, f, rule)
		want("a rule has the MAC too", host6, "")
		revokeAndWait(t, f, web)
		want("only a rule has it", host6, "")
		revokeAndWait(t, f, rule)
		grant(t, f, session(4, host))
		want("an agent has it", host6, "")
	})
}
