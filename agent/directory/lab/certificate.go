//go:build linux

package lab

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Authority is a certificate authority.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// NewAuthority makes a certificate authority that nothing in the lab trusts.
func NewAuthority(tb testing.TB, name string) *Authority {
	tb.Helper()
	a, err := newAuthority(name)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func newAuthority(name string) (*Authority, error) {
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{template, key}
	pair, err := a.sign(template, key)
	if err != nil {
		return nil, err
	}
	a.Certificate = pair.Leaf
	return a, nil
}

// PEM returns the certificate of the authority.
func (a *Authority) PEM() []byte { return encodeCertificate(a.Certificate.Raw) }

// Pool returns the authority as the only trusted one.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// Issue makes a server certificate for names. A change that is not nil alters the template before it is signed: the times, the names
// (see NoNames) or the algorithm (see SHA1).
func (a *Authority) Issue(tb testing.TB, change func(*x509.Certificate), names ...string) tls.Certificate {
	tb.Helper()
	pair, err := a.issue(change, names...)
	if err != nil {
		tb.Fatal(err)
	}
	return pair
}

// SelfSigned makes a server certificate that is its own authority.
func SelfSigned(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	a := &Authority{key: nil}
	return a.Issue(tb, nil, names...)
}

// SHA1 makes Issue sign with SHA-1.
func SHA1(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }

// NoNames leaves the name in the subject only.
func NoNames(c *x509.Certificate) { c.DNSNames = nil }

// Expired ends the certificate yesterday.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -1) }

func (a *Authority) issue(change func(*x509.Certificate), names ...string) (tls.Certificate, error) {
	template := newTemplate(names[0])
	template.DNSNames = names
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	if a.key == nil {
		a = &Authority{template, key}
	}
	return a.sign(template, key)
}

func (a *Authority) sign(template *x509.Certificate, key crypto.Signer) (tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func newTemplate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().AddDate(0, 0, -30),
		NotAfter:     time.Now().AddDate(0, 0, 30),
	}
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// encode returns a certificate and its key as PEM.
func encode(pair tls.Certificate) (certificate, key []byte, err error) {
	var b bytes.Buffer
	for _, der := range pair.Certificate {
		b.Write(encodeCertificate(der))
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	return b.Bytes(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}
