package web

import (
	"crypto/tls"
	"errors"
	"net/http"
	"slices"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent/protocol"
	"ideco-agent/web/certs"
)

// portalTLS returns the configuration of the portal. It also answers a CA that checks a name by TLS-ALPN-01 (RFC 8737).
func (c *certificates) portalTLS() *tls.Config {
	challenge := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, SessionTicketsDisabled: true,
		GetCertificate: c.challengeCertificate}
	config := certs.TLSConfig(tls.VersionTLS12, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.choice.Certificate(hello, c.hosts.nameFor(hello, false))
	})
	config.CipherSuites = portalCiphers
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		onClientHello(hello)
		if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
			return challenge, nil
		}
		return nil, nil
	}
	return config
}

// answerChallenge answers a CA that checks a name by HTTP-01, and the gateway's own probe. It returns false without an answer if r is
// neither.
func (c *certificates) answerChallenge(w http.ResponseWriter, r *http.Request) bool {
	return c.checks.probes.serve(w, r) || c.orders.ServeChallenge(w, r)
}

var errNoChallenge = errors.New("no CA is expected to check this name")

// challengeCertificate answers a CA that checks a name by TLS-ALPN-01, and the gateway's own probe.
func (c *certificates) challengeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if one := c.orders.ChallengeCertificate(hello); one != nil {
		return one, nil
	}
	if one := c.checks.probes.certificateFor(hello); one != nil {
		return one, nil
	}
	return nil, errNoChallenge
}

// agentTLS returns the configuration of the agent endpoint. A client that offers ALPNPinned gets the own root's chain. TLS sessions
// are not resumed, because the client would keep the chain of its earlier connection.
func (c *certificates) agentTLS() *tls.Config {
	config := certs.TLSConfig(tls.VersionTLS13, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := c.hosts.nameFor(hello, true)
		if !slices.Contains(hello.SupportedProtos, protocol.ALPNPinned) {
			return c.choice.Certificate(hello, name)
		}
		own, err := c.choice.OwnRoot(name)
		if conn, ok := hello.Conn.(*limitedConn); ok && err == nil {
			conn.pin, err = certs.PinOf(own)
		}
		return own, err
	})
	config.SessionTicketsDisabled = true
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		onClientHello(hello)
		return nil, nil
	}
	return config
}

// portalCiphers are the TLS 1.2 suites with forward secrecy and authenticated encryption; all of TLS 1.3 have both.
var portalCiphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}
