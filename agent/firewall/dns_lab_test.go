package firewall

import (
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

func opens(texts ...string) []agent.OpenServer {
	list := make([]agent.OpenServer, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return list
}

// serveDNS answers UDP packets of the hosts for which answered returns true.
func (l lab) serveDNS(t *testing.T, at netip.AddrPort, answered func(netip.Addr) bool) {
	t.Helper()
	c := l.UDP(t, inWAN, at)
	go func() {
		for b := make([]byte, 64); ; {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if answered(from.Addr()) {
				c.WriteToUDPAddrPort(b[:n], from)
			}
		}
	}()
}

// resolves reports whether one of four packets is answered; resolvers repeat theirs too.
func (l lab) resolves(t *testing.T, from netip.Addr, server netip.AddrPort) bool {
	t.Helper()
	c, err := l.dial(t, inLAN, "udp", from, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 4 {
		c.SetDeadline(time.Now().Add(silence))
		c.Write([]byte("?"))
		if _, err = c.Read(make([]byte, 8)); err == nil {
			return true
		}
	}
	return false
}
