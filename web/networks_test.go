package web

import (
	"net/netip"
	"testing"
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

// TestAttachedNetworks: what a new gateway takes for its LAN can be saved.
func TestAttachedNetworks(t *testing.T) {
	nets := attachedNetworks()
	if len(nets) < 2 || nets[0].String() != "127.0.0.0/8" {
		t.Errorf("attached: %v", nets)
	}
}
