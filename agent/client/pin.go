package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
)

// Pin is the SHA-256 digest of the SubjectPublicKeyInfo of a gateway's own root.
type Pin [sha256.Size]byte

// ParsePin reads a pin as the gateway shows it: 44 characters of base64.
func ParsePin(text string) (*Pin, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) { // DecodeString ignores line breaks
		return nil, errors.New("a pin is the base64 text of a SHA-256 digest, 44 characters")
	}
	pin := new(Pin)
	copy(pin[:], b)
	return pin, nil
}

// TLSConfig returns the configuration for connections to the gateway: TLS 1.3 with a certificate for host, a name or an
// IP address. The pin adds a trusted root: roots, or the system's roots if nil, still verify a chain without the pinned
// root. x509.Verify checks name, dates, usage and constraints, with a pin too.
func TLSConfig(host string, roots *x509.CertPool, pin *Pin) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"http/1.1"},
		ServerName: host,
		RootCAs:    roots,
	}
	if pin != nil {
		// crypto/tls skips its own check, and verify makes the same one with other roots, as crypto/tls documents.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(state tls.ConnectionState) error {
			return verify(state.PeerCertificates, host, roots, pin)
		}
	}
	return c
}

func verify(chain []*x509.Certificate, host string, roots *x509.CertPool, pin *Pin) error {
	if len(chain) == 0 {
		return &tls.CertificateVerificationError{Err: errors.New("no certificate")}
	}
	options := x509.VerifyOptions{
		DNSName:       host,
		Roots:         rootsFor(chain, roots, pin),
		Intermediates: x509.NewCertPool(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}

// rootsFor returns the roots for a chain: only the certificate in it that matches the pin, or roots when none does.
//
// A chain with a pinned root must not go to the system's verifier (nil): for an unknown root Windows downloads its list of
// trusted roots from the Internet. Before login the Internet is closed, so that takes 15 seconds, longer than a handshake
// may.
func rootsFor(chain []*x509.Certificate, roots *x509.CertPool, pin *Pin) *x509.CertPool {
	for _, c := range chain[1:] {
		if pin.matches(c) {
			pinned := x509.NewCertPool()
			pinned.AddCert(c)
			return pinned
		}
	}
	return roots
}

// matches reports whether c is the pinned root. It must be self-signed: a forged certificate could have the root's public key
// without its constraints.
func (p *Pin) matches(c *x509.Certificate) bool {
	return sha256.Sum256(c.RawSubjectPublicKeyInfo) == *p && c.IsCA && c.CheckSignatureFrom(c) == nil
}
