package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"sync"

	"ideco-agent/agent/protocol"
)

// errDates means that the chain would be trusted at another time: a certificate is not valid now, or this computer's clock is wrong.
var errDates = errors.New("a certificate of the chain is not valid at this time")

// errNoPin means that no root of the chain matches a pin.
var errNoPin = errors.New("the chain has no root that matches a pin")

// rootChangedError means that the chain is right, apart perhaps from its dates, but ends in a root that is not pinned.
type rootChangedError struct{ pin Pin } // of that root

func (e *rootChangedError) Error() string {
	return errNoPin.Error() + "; its own root has the pin " + e.pin.String()
}

func (e *rootChangedError) Unwrap() error { return errNoPin }

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
// A chain with a pinned root, or of a CA in publicRoots, must not go to the system's verifier: if Windows lacks a root, it downloads
// its list of trusted roots from the Internet. Before login the Internet is closed, and the attempt takes 15 seconds, longer than a
// handshake may.
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
		return withoutPin(chain, host)
	}
	if err := verifyWith(publicRoots(), chain, host); err == nil || err == errDates {
		return err
	}
	return verifyWith(nil, chain, host)
}

// withoutPin returns the error for a chain that matches no pin: rootChangedError if nothing else is wrong, apart perhaps from the dates.
func withoutPin(chain []*x509.Certificate, host string) error {
	last := chain[len(chain)-1]
	pool := x509.NewCertPool()
	pool.AddCert(last)
	if err := verifyWith(pool, chain, host); len(chain) < 2 || err != nil && err != errDates {
		return errNoPin
	}
	return &rootChangedError{sha256.Sum256(last.RawSubjectPublicKeyInfo)}
}

// verifyWith verifies a chain with the given roots; nil = those of the system. With given roots the error is errDates if only the dates
// are wrong.
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
	var invalid x509.CertificateInvalidError
	if roots == nil || !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		return err
	}
	for _, c := range chain { // a good chain was valid when the last of its certificates became valid
		if c.NotBefore.After(options.CurrentTime) {
			options.CurrentTime = c.NotBefore
		}
	}
	if _, then := chain[0].Verify(options); then == nil {
		return errDates
	}
	return err
}

//go:embed letsencrypt.pem
var letsEncryptPEM []byte

var (
	publicOnce sync.Once
	publicPool *x509.CertPool
)

// publicRoots returns the roots of Let's Encrypt, from which gateways order certificates.
func publicRoots() *x509.CertPool {
	publicOnce.Do(func() {
		publicPool = x509.NewCertPool()
		publicPool.AppendCertsFromPEM(letsEncryptPEM)
	})
	return publicPool
}
