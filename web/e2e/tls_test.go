package e2e

import (
	"crypto/tls"
	"testing"
)

// TestTLS: the gateway speaks HTTP/1.1 only, and the portal accepts only suites with authenticated encryption.
func TestTLS(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	roots := g.roots()
	dialTo := func(server string, config *tls.Config) (tls.ConnectionState, error) {
		config.RootCAs = roots
		conn, err := tls.Dial("tcp", server, config)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	dial := func(config *tls.Config) (tls.ConnectionState, error) { return dialTo(g.where.Portal[0], config) }
	for _, server := range []string{g.where.Portal[0], g.where.Agents[0]} {
		if state, err := dialTo(server, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}); err != nil || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("a client that prefers HTTP/2 gets %q, %v", state.NegotiatedProtocol, err)
		}
		if state, err := dialTo(server, &tls.Config{NextProtos: []string{"h2"}}); err == nil {
			t.Errorf("a client that speaks HTTP/2 alone gets %q", state.NegotiatedProtocol)
		}
	}
	for _, suite := range tls.CipherSuites() {
		state, err := dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if err == nil && state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 && state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 &&
			state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 {
			t.Errorf("TLS 1.2 with %s", tls.CipherSuiteName(state.CipherSuite))
		}
	}
	for _, suite := range tls.InsecureCipherSuites() {
		if _, err := dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}}); err == nil {
			t.Errorf("TLS 1.2 with %s", suite.Name)
		}
	}
	if _, err := dial(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1")
	}
}
