package web

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

func TestFreeVPNNetwork(t *testing.T) {
	for attached, want := range map[string]string{
		"192.168.1.0/24": "10.128.0.0/16",
		"10.0.0.0/24":    "10.128.0.0/16",
		"10.128.7.0/24":  "10.129.0.0/16",
		"10.128.0.0/15":  "10.130.0.0/16",
		"10.0.0.0/8":     "10.128.0.0/16", // nothing is free; the wider network is no conflict
		"fd00::/64":      "10.128.0.0/16",
	} {
		if got := freeVPNNetwork([]netip.Prefix{netip.MustParsePrefix(attached)}); got.String() != want {
			t.Errorf("attached to %s: %s, want %s", attached, got, want)
		}
	}
}

func TestAttachedTo(t *testing.T) {
	if on, taken := attachedTo(netip.MustParsePrefix("127.0.0.0/24")); !taken || on.String() != "127.0.0.0/8" {
		t.Errorf("loopback: %v, %v", on, taken)
	}
	if on, taken := attachedTo(netip.MustParsePrefix("203.0.113.0/24")); taken {
		t.Errorf("nobody's: %v", on)
	}
}

func TestAttachedNetworks(t *testing.T) {
	nets := attachedNetworks()
	if len(nets) < 2 || nets[0].String() != "127.0.0.0/8" {
		t.Errorf("attached: %v", nets)
	}
}

// TestAttachedNetworksSecondProvider: a network is not local whose default route stands in a routing table of its own.
func TestAttachedNetworksSecondProvider(t *testing.T) {
	needs.Program(t, "ip", "iproute2")
	netlab.InNewNamespace(t, func(t *testing.T) {
		for _, args := range []string{
			"link add wan1 type veth peer wan1peer", "link add wan2 type veth peer wan2peer", "link add lan0 type veth peer lan0peer",
			"addr add 10.1.0.2/24 dev wan1", "addr add 10.2.0.2/24 dev wan2", "addr add 10.3.0.1/24 dev lan0",
			"link set wan1 up", "link set wan2 up", "link set lan0 up",
			"route add default via 10.1.0.1 dev wan1", "route add default via 10.2.0.1 dev wan2 table 200",
		} {
			if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v: %s", args, err, out)
			}
		}
		if got, want := attachedNetworks(), nets("127.0.0.0/8", "::1/128", "10.3.0.0/24"); !slices.Equal(got, want) {
			t.Errorf("attached: %v, want %v", got, want)
		}
	})
}
