package handlers

import (
	"net/http"
	"net/netip"
	"testing"

	"ideco-agent/agent"
)

// wanHosts sees every peer through a WAN interface, whatever its address.
type wanHosts struct{ fixedHosts }

func (wanHosts) Peer(a netip.Addr) agent.Peer { return agent.Peer{Addr: agent.Unmap(a)} }

// TestLocalAddressOutside: an address of the local networks that comes through a WAN interface is outside for everything
// that asks who is in the LAN.
func TestLocalAddressOutside(t *testing.T) {
	s := newSite(t)
	boss := signIn(t, s, "boss")
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	hosts := s.Hosts.(fixedHosts)
	for _, c := range []struct {
		name   string
		hosts  Hosts
		inside bool
	}{{"a LAN interface", hosts, true}, {"a WAN interface", wanHosts{hosts}, false}} {
		s.Hosts = c.hosts
		if got := ask(gated(s), "GET", "/admin/agent", page, inLAN, boss).Code; (got == reached) != c.inside || !c.inside && got != http.StatusNotFound {
			t.Errorf("through %s administration answers %d", c.name, got)
		}
		if got := ask(gated(s), "GET", "/setup/x", page, inLAN, nil).Code; (got == reached) != c.inside {
			t.Errorf("through %s the setup link answers %d", c.name, got)
		}
		if got := ask(s.Port80Handler(), "GET", "/", plain, inLAN, nil).Code; (got == http.StatusNetworkAuthenticationRequired) != c.inside {
			t.Errorf("through %s port 80 answers %d", c.name, got)
		}
	}
}
