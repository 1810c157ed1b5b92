package web

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"ideco-agent/agent"
)

// publicTrust decides whether browsers trust a certificate. It remembers the last answer.
type publicTrust struct {
	roots func() *x509.CertPool // of public CAs

	mu          sync.Mutex // guards the fields below: the last answer
	certificate *tls.Certificate
	name        string
	until       time.Time
	trusted     bool
}

// trustCheckEvery is how long an answer is remembered. The intermediate certificates can end before the leaf.
const trustCheckEvery = time.Hour

func newPublicTrust() *publicTrust { return &publicTrust{roots: sync.OnceValue(publicRoots)} }

// publicRoots returns Mozilla's roots, or those that SSL_CERT_FILE names, see [x509.SystemCertPool]. It does not use the system's roots:
// they may contain the company's own, which phones do not trust.
func publicRoots() *x509.CertPool {
	if os.Getenv("SSL_CERT_FILE") != "" {
		if pool, err := x509.SystemCertPool(); err == nil {
			return pool
		}
	}
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		c, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // crypto/x509 cannot use this root
		case root.Constraint != nil:
			pool.AddCertWithConstraint(c, root.Constraint)
		default:
			pool.AddCert(c)
		}
	}
	return pool
}

// trusts reports whether browsers trust a certificate for a name now.
func (p *publicTrust) trusts(c *tls.Certificate, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if c != p.certificate || name != p.name || !now.Before(p.until) {
		p.certificate, p.name, p.until, p.trusted = c, name, now.Add(trustCheckEvery), p.verify(c, name, now)
	}
	return p.trusted
}

func (p *publicTrust) verify(c *tls.Certificate, name string, now time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, der := range c.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(cert)
		}
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: p.roots(), Intermediates: intermediates, CurrentTime: now})
	return err == nil
}

// publiclyTrusted reports whether browsers trust the certificate that most clients get from the portal for the saved domain. It
// is false without a domain.
func (c *certificates) publiclyTrusted() bool {
	domain := c.settings.Current().Domain
	if domain == "" {
		return false
	}
	best, err := c.choice.Serving(domain)
	return err == nil && best.Source != agent.SourceOwnRoot && c.trust.trusts(best.Certificate, domain)
}
