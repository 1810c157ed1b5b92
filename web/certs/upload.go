package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
)

// ParseUpload returns the certificate that files hold for one of the gateway's names, with its key and its chain. The files are in
// PEM, DER, PKCS #7 or PFX (PKCS #12), in any order; the password is that of the PFX or of the key. Leaf is set. The chain
// ends below its root, which a client must have anyway. All issuers must be in the files, but the root may also be the system's;
// nothing is fetched. Errors: agent.Problem with the field "certificate" or "password".
func ParseUpload(files [][]byte, password string, names []string, now time.Time) (*tls.Certificate, error) {
	system, err := x509.SystemCertPool()
	if err != nil {
		system = x509.NewCertPool()
	}
	return parseUpload(files, password, names, now, system)
}

func parseUpload(files [][]byte, password string, names []string, now time.Time, system *x509.CertPool) (*tls.Certificate, error) {
	up, err := readUpload(files, password)
	if err != nil {
		return nil, err
	}
	leaf, key, err := up.pair(names, now)
	if err != nil {
		return nil, err
	}
	if err := checkUploaded(leaf, names, now); err != nil {
		return nil, err
	}
	chain, err := buildChain(leaf, up.certs, now, system)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	size := 0
	for _, one := range chain {
		c.Certificate = append(c.Certificate, one.Raw)
		size += len(one.Raw)
	}
	if size > maxChainBytes {
		return nil, refuse(agent.UploadChainTooLarge, "")
	}
	return c, nil
}

// maxChainBytes limits what every handshake sends. TLS libraries refuse long certificate messages; OpenSSL's limit is 100 KiB.
const maxChainBytes = 64 << 10

// refuse returns a problem with the files.
func refuse(code, value string) error {
	return agent.Problem{Field: "certificate", Code: code, Value: agent.Clean(value, 300)}
}

// pair returns a private key and its certificate. If several certificates have the key, the best is taken: one for a name of the
// gateway, valid now, with the latest end.
func (up *upload) pair(names []string, now time.Time) (leaf *x509.Certificate, key crypto.Signer, err error) {
	switch {
	case len(up.certs) == 0 && up.request:
		return nil, nil, refuse(agent.UploadRequest, "")
	case len(up.certs) == 0:
		return nil, nil, refuse(agent.UploadNoCertificate, "")
	case len(up.keys) == 0:
		return nil, nil, refuse(agent.UploadNoKey, "")
	}
	better := func(c *x509.Certificate) bool {
		if leaf == nil || isForAny(c, names) != isForAny(leaf, names) {
			return leaf == nil || isForAny(c, names)
		}
		if validAt(c, now) != validAt(leaf, now) {
			return validAt(c, now)
		}
		return c.NotAfter.After(leaf.NotAfter)
	}
	for _, k := range up.keys {
		public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
		for _, c := range up.certs {
			if ok && public.Equal(c.PublicKey) && better(c) {
				leaf, key = c, k
			}
		}
	}
	if leaf == nil {
		isLeaf := func(c *x509.Certificate) bool { return !c.IsCA }
		first := up.certs[max(0, slices.IndexFunc(up.certs, isLeaf))]
		if keyText(first.PublicKey) == "" {
			return nil, nil, refuse(agent.UploadKind, "")
		}
		return nil, nil, refuse(agent.UploadWrongKey, nameText(first.Subject))
	}
	return leaf, key, nil
}

// isForAny reports whether a certificate is for one of the names.
func isForAny(c *x509.Certificate, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return c.VerifyHostname(name) == nil })
}

// checkUploaded checks a leaf apart from its chain.
func checkUploaded(leaf *x509.Certificate, names []string, now time.Time) error {
	if err := checkKey(leaf); err != nil {
		return err
	}
	if err := checkSignature(leaf); err != nil {
		return err
	}
	switch listed := namesIn(leaf); {
	case now.After(leaf.NotAfter):
		return refuse(agent.UploadExpired, date(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return refuse(agent.UploadEarly, date(leaf.NotBefore))
	case len(listed) == 0:
		return refuse(agent.UploadNoNames, nameText(leaf.Subject))
	case len(names) == 0:
		return refuse(agent.UploadNoDomain, "")
	case !isForAny(leaf, names):
		text := strings.Join(listed[:min(len(listed), 5)], ", ")
		if len(listed) > 5 {
			text += "…"
		}
		return refuse(agent.UploadOtherNames, text)
	case !forServers(leaf):
		return refuse(agent.UploadUsage, "")
	}
	return nil
}

// date writes a date as the texts do, in local time.
func date(t time.Time) string { return t.Local().Format("02.01.2006") }

// forServers reports whether a certificate may be used by a TLS server (RFC 5280, 4.2.1.3 and 4.2.1.12).
func forServers(leaf *x509.Certificate) bool {
	signs := leaf.KeyUsage == 0 || leaf.KeyUsage&x509.KeyUsageDigitalSignature != 0
	all := len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0
	return signs && (all || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny))
}

// Bounds of an RSA key in bits. Go's TLS refuses larger ones, browsers smaller ones.
const (
	minRSA = 2048
	maxRSA = 8192
)

// checkKey refuses a certificate with a weak key, or with one of a kind that browsers do not accept.
func checkKey(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return refuse(agent.UploadWeakKey, nameText(c.Subject)+", "+keyText(key))
		}
		return nil
	case *ecdsa.PublicKey:
		if slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, key.Curve) {
			return nil
		}
	}
	return refuse(agent.UploadKind, keyText(c.PublicKey))
}

// checkSignature refuses a certificate whose signature can be forged, or has an algorithm that clients do not know.
func checkSignature(c *x509.Certificate) error {
	switch c.SignatureAlgorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return nil
	case x509.UnknownSignatureAlgorithm:
		return refuse(agent.UploadKind, "")
	}
	return refuse(agent.UploadWeakSignature, nameText(c.Subject)+", "+c.SignatureAlgorithm.String())
}
