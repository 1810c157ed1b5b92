package certs

import (
	"crypto/tls"
	"time"

	"ideco-agent/agent"
)

// Choice chooses the certificate for a name. If no other is usable, it takes the one of the own root.
type Choice struct {
	Uploaded func(name string) *tls.Certificate // an uploaded certificate that fits the name; nil = none
	Ordered  func(name string) *tls.Certificate // one ordered by ACME; nil = none
	Root     *Authority
}

// Certificate returns the first of the preferred certificates that the client supports, as its ClientHello says.
func (c Choice) Certificate(hello *tls.ClientHelloInfo, name string) (*tls.Certificate, error) {
	for _, one := range c.preferred(name) {
		if hello.SupportsCertificate(one.Certificate) == nil {
			return one.Certificate, nil
		}
	}
	return c.OwnRoot(name)
}

// OwnRoot returns the certificate that the own root issued for a name. Clients that hold a pin get it.
func (c Choice) OwnRoot(name string) (*tls.Certificate, error) { return c.Root.Certificate(name) }

// Sourced is a certificate with its source.
type Sourced struct {
	*tls.Certificate
	Source agent.CertificateSource
}

// Serving returns what most clients get for a name.
func (c Choice) Serving(name string) (Sourced, error) {
	if list := c.preferred(name); len(list) > 0 {
		return list[0], nil
	}
	own, err := c.OwnRoot(name)
	return Sourced{own, agent.SourceOwnRoot}, err
}

// preferred returns the certificates for a name that come before the own root's, the best first.
func (c Choice) preferred(name string) []Sourced {
	var list []Sourced
	for _, one := range []Sourced{{c.Uploaded(name), agent.SourceUploaded}, {c.Ordered(name), agent.SourceACME}} {
		if isUsable(one.Certificate, name, c.Root.now()) {
			list = append(list, one)
		}
	}
	return list
}

// isUsable reports whether a certificate exists, is valid now and has the name.
func isUsable(c *tls.Certificate, name string, now time.Time) bool {
	return c != nil && c.Leaf != nil && validAt(c.Leaf, now) && c.Leaf.VerifyHostname(name) == nil
}
