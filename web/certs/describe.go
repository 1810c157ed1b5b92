package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"strings"

	"ideco-agent/agent"
)

// Describe returns what people see of a certificate. Renewal is left zero.
func Describe(c *tls.Certificate, source agent.CertificateSource) agent.Certificate {
	d := agent.Certificate{Source: source}
	for i, der := range c.Certificate {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		if i == 0 {
			d.Names, d.Key = namesIn(parsed), keyText(parsed.PublicKey)
		}
		d.Chain = append(d.Chain, DescribeOne(parsed))
	}
	return d
}

// DescribeOne returns what people see of one certificate of a chain.
func DescribeOne(c *x509.Certificate) agent.ChainCertificate {
	sum := sha256.Sum256(c.Raw)
	return agent.ChainCertificate{
		Subject:   nameText(c.Subject),
		Issuer:    nameText(c.Issuer),
		NotBefore: c.NotBefore,
		NotAfter:  c.NotAfter,
		SHA256:    strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":"),
	}
}

// PinOf returns the pin of the root in the chain of a certificate of the own root.
func PinOf(c *tls.Certificate) (string, error) {
	root, err := x509.ParseCertificate(c.Certificate[len(c.Certificate)-1])
	if err != nil {
		return "", err
	}
	return pinOf(root.RawSubjectPublicKeyInfo), nil
}

// pinOf returns the pin of a SubjectPublicKeyInfo.
func pinOf(spki []byte) string {
	sum := sha256.Sum256(spki)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// namesIn returns the DNS names and the IP addresses of a certificate.
func namesIn(c *x509.Certificate) []string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, agent.Clean(name, 255))
	}
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

// nameText returns the common name, or the whole name if there is none.
func nameText(n pkix.Name) string {
	if n.CommonName != "" {
		return agent.Clean(n.CommonName, 200)
	}
	return agent.Clean(n.String(), 200)
}

// keyText returns the kind of a public key; "" if it is unknown.
func keyText(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return ""
}
