package gatewaytest

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"ideco-agent/agent/protocol"
)

// Proof is a request that proves an address.
type Proof struct {
	Token      string
	Peer       netip.Addr
	Header     http.Header
	ServerName string // that the agent sent (SNI)
}

// AddressServer serves a gateway's POST /address, where agents prove addresses.
type AddressServer struct {
	URL    string
	Proofs chan Proof // has a large buffer
}

// NewAddressServer starts an AddressServer on an address of this machine, until the test ends. answer returns the code of
// the refusal, or "".
func NewAddressServer(t testing.TB, certificate tls.Certificate, address string, answer func(Proof) string) *AddressServer {
	s := &AddressServer{Proofs: make(chan Proof, 4096)}
	g := &Gateway{t: t}
	g.start(address, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
		func(w http.ResponseWriter, r *http.Request) {
			p := proofOf(t, r)
			s.Proofs <- p
			if code := answer(p); code != "" {
				w.WriteHeader(http.StatusForbidden)
				_ = json.NewEncoder(w).Encode(protocol.Error{Code: code, Message: "No."})
			}
		})
	s.URL = "https://" + net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port))) + protocol.AddressPath
	return s
}

func proofOf(t testing.TB, r *http.Request) Proof {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != protocol.AddressPath ||
		r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("a proof: %s %s from %s, %v", r.Method, r.URL, r.RemoteAddr, r.Header)
	}
	return Proof{Token: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), Peer: peer.Addr().Unmap(),
		Header: r.Header, ServerName: r.TLS.ServerName}
}

// Token returns an address_token with the URLs of the servers.
func Token(token string, servers ...*AddressServer) protocol.AddressToken {
	m := protocol.AddressToken{Type: protocol.TypeAddressToken, Token: token, TTL: 60}
	for _, s := range servers {
		m.URLs = append(m.URLs, s.URL)
	}
	return m
}
