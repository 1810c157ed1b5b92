package handlers

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"ideco-agent/agent"
)

// wanHosts sees every peer through a WAN interface, whatever its address.
type wanHosts struct{ fixedHosts }

func (wanHosts) Peer(a, _ netip.Addr) agent.Peer { return agent.Peer{Addr: agent.Unmap(a)} }

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

// localHosts notes the local addresses by which peers are judged.
type localHosts struct {
	fixedHosts
	asked *[]netip.Addr
}

func (h localHosts) Peer(a, local netip.Addr) agent.Peer {
	*h.asked = append(*h.asked, local)
	return h.fixedHosts.Peer(a, local)
}

// TestPeerLocal: a peer is judged by both ends of its connection.
func TestPeerLocal(t *testing.T) {
	s := newSite(t)
	var asked []netip.Addr
	s.Hosts = localHosts{s.Hosts.(fixedHosts), &asked}
	local := netip.MustParseAddrPort("[::ffff:203.0.113.1]:8443")
	r := httptest.NewRequest("GET", "https://gw.example.test/", nil)
	r.RemoteAddr = netip.AddrPortFrom(inLAN, 40000).String()
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(local))))
	s.PortalHandler().ServeHTTP(httptest.NewRecorder(), r)
	if len(asked) != 1 || asked[0] != local.Addr().Unmap() {
		t.Errorf("judged by %v", asked)
	}
}
