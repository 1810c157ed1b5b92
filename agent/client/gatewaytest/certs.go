package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"testing"
	"time"

	"ideco-agent/agent/protocol"
)

// Root is a gateway's own certificate authority.
type Root struct {
	Cert *x509.Certificate
	Key  *ecdsa.PrivateKey
}

// NewRoot creates a root like a gateway's. change, unless nil, modifies the template.
func NewRoot(t testing.TB, change func(*x509.Certificate)) *Root {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "gatewaytest root"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	return &Root{sign(t, template, template, key, key), key}
}

// Leaf creates a certificate for 127.0.0.1 and localhost, sent with the root. change, unless nil, modifies the template.
func (r *Root) Leaf(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "gatewaytest"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	leaf := sign(t, template, r.Cert, key, r.Key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, r.Cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// Pool returns a pool with only the root.
func (r *Root) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(r.Cert)
	return pool
}

// PEM returns the content of a file for --root.
func (r *Root) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Cert.Raw})
}

// Pin returns the root's pin.
func (r *Root) Pin() string { return Pin(r.Cert) }

// Pin returns the base64 SHA-256 of a certificate's SubjectPublicKeyInfo.
func Pin(c *x509.Certificate) string {
	digest := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(digest[:])
}

// Trust returns the message that tells the domain and the pin of the next root, unless that is nil.
func (r *Root) Trust(t testing.TB, domain string, next *Root) protocol.Trust {
	m := protocol.Trust{Type: protocol.TypeTrust, Domain: domain}
	if next != nil {
		m.PinNext, m.NotBefore = next.Pin(), time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)
	}
	digest := sha256.Sum256(m.TrustText())
	signature, err := ecdsa.SignASN1(rand.Reader, r.Key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	m.Signature = base64.StdEncoding.EncodeToString(signature)
	return m
}

// Forge creates a certificate with the root's public key, signed with another key.
func (r *Root) Forge(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	template := *r.Cert
	change(&template)
	parent := template
	key := newKey(t)
	parent.PublicKey = &key.PublicKey
	der, err := x509.CreateCertificate(rand.Reader, &template, &parent, r.Cert.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, der)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, der)
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// quiet discards the server's log, for instance of failed handshakes.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
