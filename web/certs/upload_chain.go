package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"ideco-agent/agent"
)

// buildChain returns the shortest chain from a leaf to a root, without the root. The issuers are among the certificates of the
// upload; the last may be one of the system's roots.
func buildChain(leaf *x509.Certificate, uploaded []*x509.Certificate, now time.Time, system *x509.CertPool) ([]*x509.Certificate, error) {
	options := x509.VerifyOptions{Roots: system.Clone(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range uploaded {
		if isRoot(c) {
			options.Roots.AddCert(c)
		} else {
			options.Intermediates.AddCert(c)
		}
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return nil, explainChain(leaf, uploaded, now)
	}
	chain := slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
	if last := len(chain) - 1; last > 0 && isRoot(chain[last]) {
		chain = chain[:last]
	}
	for _, c := range chain {
		if err := checkKey(c); err != nil {
			return nil, err
		}
		if err := checkSignature(c); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// isRoot reports whether a certificate is signed by its own key. Old roots are signed with SHA-1, which Go does not
// verify; for them the names and key identifiers are enough.
func isRoot(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawSubject, c.RawIssuer) || len(c.AuthorityKeyId) > 0 && !bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}

// explainChain returns why no chain leads from a leaf to a root.
func explainChain(leaf *x509.Certificate, uploaded []*x509.Certificate, now time.Time) error {
	seen := []*x509.Certificate{leaf}
	for c := leaf; ; {
		if err := checkSignature(c); err != nil && !isRoot(c) {
			return err
		}
		issuer := issuerOf(c, uploaded, now)
		switch {
		case isRoot(c): // the chain is there, but an issuer does not permit the names or the usage
			return refuse(agent.UploadIssuerUnsuitable, nameText(leaf.Issuer))
		case issuer == nil:
			return refuse(agent.UploadIssuerMissing, nameText(c.Issuer))
		case !validAt(issuer, now):
			return refuse(agent.UploadIssuerExpired, nameText(issuer.Subject))
		case slices.Contains(seen, issuer), c.CheckSignatureFrom(issuer) != nil:
			return refuse(agent.UploadIssuerUnsuitable, nameText(issuer.Subject))
		}
		c, seen = issuer, append(seen, issuer)
	}
}

// issuerOf returns the certificate of the issuer by its name and key identifier, preferably one that is valid now.
func issuerOf(c *x509.Certificate, among []*x509.Certificate, now time.Time) (issuer *x509.Certificate) {
	for _, one := range among {
		named := bytes.Equal(one.RawSubject, c.RawIssuer) &&
			(len(c.AuthorityKeyId) == 0 || len(one.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, one.SubjectKeyId))
		if named && (issuer == nil || validAt(one, now) && !validAt(issuer, now)) {
			issuer = one
		}
	}
	return issuer
}
