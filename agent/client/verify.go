package client

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"sync"

	"ideco-agent/agent/protocol"
)

// errOtherRoot means that an agent with pins got a chain without any of the pinned roots.
var errOtherRoot = errors.New("the chain has no root that matches a pin")

// TLSConfig returns the configuration for connections to the gateway: TLS 1.3 with a certificate for host, a name or an
// IP address. x509.Verify checks name, dates, usage and constraints in each case. Trusted are:
//
//   - with pins: the pinned roots, and roots unless nil
//   - without pins: roots, or if nil the public roots of package client and those of the system
//
// With pins the public roots are not trusted: whoever buys a former domain of the gateway could get a certificate of a public
// CA for it. The gateway sends the chain of its own root to an agent that offers protocol.ALPNPinned.
func TLSConfig(host string, roots *x509.CertPool, pins []Pin) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"http/1.1"},
		ServerName: host,
		// crypto/tls skips its own check, and verify makes the same one with other roots, as crypto/tls documents.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if err := verify(state.PeerCertificates, host, roots, pins); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
			}
			return nil
		},
	}
	if len(pins) > 0 {
		c.NextProtos = append(c.NextProtos, protocol.ALPNPinned)
	}
	return c
}

// verify verifies a chain as TLSConfig describes it.
//
// A chain with a pinned root, or of a CA in publicRoots, must not go to the system's verifier: for a root that Windows does not
// have it downloads its list of trusted roots from the Internet. Before login the Internet is closed, so that takes 15 seconds,
// longer than a handshake may.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool, pins []Pin) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	root, _ := pinnedRoot(chain, pins)
	switch {
	case root != nil:
		pinned := x509.NewCertPool()
		pinned.AddCert(root)
		return verifyWith(pinned, chain, host)
	case roots != nil:
		return verifyWith(roots, chain, host)
	case len(pins) > 0:
		return errOtherRoot
	}
	if verifyWith(publicRoots(), chain, host) == nil {
		return nil
	}
	return verifyWith(nil, chain, host)
}

// verifyWith verifies a chain with the given roots; nil = those of the system.
func verifyWith(roots *x509.CertPool, chain []*x509.Certificate, host string) error {
	options := x509.VerifyOptions{
		DNSName:       host,
		Roots:         roots,
		Intermediates: x509.NewCertPool(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	return err
}

//go:embed letsencrypt.pem
var letsEncryptPEM []byte

var (
	publicOnce sync.Once
	publicPool *x509.CertPool
)

// publicRoots returns the roots of Let's Encrypt, of which gateways order certificates.
func publicRoots() *x509.CertPool {
	publicOnce.Do(func() {
		publicPool = x509.NewCertPool()
		publicPool.AppendCertsFromPEM(letsEncryptPEM)
	})
	return publicPool
}
