package access

import (
	"context"
	"net/netip"
	"testing"

	"ideco-agent/agent"
)

// TestLocalAddressOutside: a peer outside is a stranger, even with an address of the local networks.
func TestLocalAddressOutside(t *testing.T) {
	local := netip.MustParseAddr(lanPeer)
	outside := agent.Peer{Addr: local}

	subtest(t, "passwords", func(g *gateway) {
		for range accountLimit {
			if _, err := g.gate.SignIn(context.Background(), SignIn{"ivan", "wrong", outside, ""}); agent.AsError(err).Code != agent.CodeBadCredentials {
				g.t.Fatalf("a wrong password: %v", err)
			}
		}
		if _, err := g.gate.SignIn(context.Background(), SignIn{"ivan", "right", outside, ""}); agent.AsError(err).Code != agent.CodeTooManyAttempts {
			g.t.Errorf("after too many attempts: %v", err)
		}
		if code := g.try("ivan", "right", lanPeer, ""); code != "" {
			g.t.Errorf("wrong passwords outside lock the LAN out: %s", code)
		}
	})
	subtest(t, "resume tokens", func(g *gateway) {
		for range addressLimit {
			if _, err := g.Manager.Authorize(context.Background(), passwordAttempt("ivan", lanPeer, "a").withToken(randomToken())); agent.AsError(err).Code != agent.CodeSessionOver {
				g.t.Fatalf("an unknown token: %v", err)
			}
		}
		if _, err := g.Manager.Authorize(context.Background(), passwordAttempt("ivan", lanPeer, "a").withToken(randomToken())); agent.AsError(err).Code != agent.CodeTooManyAttempts {
			g.t.Errorf("after too many tokens: %v", err)
		}
	})
	subtest(t, "further addresses", func(g *gateway) {
		g.begin(passwordAttempt("ivan", lanPeer, "a"))
		further := agent.Peer{Addr: netip.MustParseAddr("fd00::10")}
		if err := g.Manager.ProveAddress(context.Background(), "none", further); agent.AsError(err).Code != agent.CodeAddressRefused {
			g.t.Errorf("an address outside: %v", err)
		}
	})
}
