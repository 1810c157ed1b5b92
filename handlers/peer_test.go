package handlers

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"ideco-agent/agent"
)

// wanHosts is an Addressing for which every peer came through a WAN interface.
type wanHosts struct{ fixedHosts }

func (wanHosts) Peer(a netip.Addr, _ string) agent.Peer { return agent.Peer{Addr: agent.Unmap(a)} }

// TestLocalAddressOutside: a peer on a WAN interface counts as outside everywhere, even with an address of the local
// networks.
func TestLocalAddressOutside(t *testing.T) {
	s := newSite(t)
	boss := signIn(t, s, "boss")
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	hosts := s.Addressing.(fixedHosts)
	for _, c := range []struct {
		name   string
		hosts  Addressing
		inside bool
	}{{"a LAN interface", hosts, true}, {"a WAN interface", wanHosts{hosts}, false}} {
		s.Addressing = c.hosts
		if got := ask(gated(s), "GET", "/admin/agent", page, inLAN, boss).Code; (got == reached) != c.inside || !c.inside && got != http.StatusNotFound {
			t.Errorf("through %s administration answers %d", c.name, got)
		}
		if got := ask(gated(s), "GET", "/setup/x", page, inLAN, nil).Code; (got == reached) != c.inside {
			t.Errorf("through %s the setup link answers %d", c.name, got)
		}
		if got := ask(s.HTTPHandler(), "GET", "/", plain, inLAN, nil).Code; (got == http.StatusNetworkAuthenticationRequired) != c.inside {
			t.Errorf("through %s port 80 answers %d", c.name, got)
		}
	}
}

// throughHosts records the interfaces it is asked about.
type throughHosts struct {
	fixedHosts
	asked *[]string
}

func (h throughHosts) Peer(a netip.Addr, through string) agent.Peer {
	*h.asked = append(*h.asked, through)
	return h.fixedHosts.Peer(a, through)
}

// throughConn is a connection through this interface.
type throughConn struct {
	net.Conn
	name string
}

func (throughConn) CarriesSession(bool) {}
func (c throughConn) Interface() string { return c.name }
func (throughConn) Pin() string         { return "" }

// TestPeerInterface: the interface of a request's connection decides about its peer, also under TLS.
func TestPeerInterface(t *testing.T) {
	s := newSite(t)
	var asked []string
	s.Addressing = throughHosts{s.Addressing.(fixedHosts), &asked}
	for _, conn := range []net.Conn{throughConn{name: "lan0"}, tls.Server(throughConn{name: "wan0"}, &tls.Config{})} {
		r := httptest.NewRequest("GET", "https://gw.example.test/", nil)
		r.RemoteAddr = netip.AddrPortFrom(inLAN, 40000).String()
		s.PortalHandler().ServeHTTP(httptest.NewRecorder(), r.WithContext(ConnContext(r.Context(), conn)))
	}
	if !slices.Equal(asked, []string{"lan0", "wan0"}) {
		t.Errorf("judged by %v", asked)
	}
}
