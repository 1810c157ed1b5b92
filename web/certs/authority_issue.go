package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	rootYears = 20
	leafLife  = 397*24*time.Hour - time.Second // NotAfter itself is valid too, so this is 397 days
	backdate  = 24 * time.Hour                 // for clients whose clock is behind, for instance by a wrong time zone
	rootSpare = 2 * leafLife                   // a root with less time left is issued again, so that no leaf outlives it
)

// identity is the root's key and the values that depend on it only.
type identity struct {
	key     *ecdsa.PrivateKey
	pin     string
	keyID   []byte
	subject pkix.Name
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// identify derives the identity of a key.
func identify(key *ecdsa.PrivateKey) (identity, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return identity{}, fmt.Errorf("encode the root's public key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return identity{
		key:     key,
		pin:     pinOf(spki),
		keyID:   sum[:20],
		subject: pkix.Name{CommonName: "Ideco agent root " + hex.EncodeToString(sum[:4])},
	}, nil
}

// newRoot issues a root that is valid from now.
func (id identity) newRoot(n names, now time.Time) (*x509.Certificate, error) {
	from := now.Add(-backdate)
	return id.signRoot(n, from, from.AddDate(rootYears, 0, 0), nil)
}

// signRoot issues a root; a nil serial becomes a random one.
func (id identity) signRoot(n names, from, until time.Time, serial *big.Int) (*x509.Certificate, error) {
	root := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               id.subject,
		NotBefore:             from,
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		SubjectKeyId:          id.keyID,
	}
	n.constrain(root)
	root, err := sign(root, root, id.key, id.key)
	if err != nil {
		return nil, fmt.Errorf("issue the root certificate: %w", err)
	}
	return root, nil
}

// fits reports whether a root permits the names, ends late enough, and has the form in which signRoot issues roots now.
// Roots of earlier versions have another form.
func (id identity) fits(root *x509.Certificate, n names, now time.Time) bool {
	has, ok := namesOf(root)
	if !ok || !has.include(n) || !outlives(root, now) {
		return false
	}
	want, err := id.signRoot(has, root.NotBefore, root.NotAfter, root.SerialNumber)
	return err == nil && bytes.Equal(want.RawTBSCertificate, root.RawTBSCertificate)
}

// issueLeaf issues a leaf for a name or address. If the root does not permit it, the chain gets another root of the
// same key that does.
func (id identity) issueLeaf(by *issued, name string, now time.Time) (*tls.Certificate, error) {
	root := by.root
	if !by.names.permits(name) {
		var err error
		if root, err = id.signRoot(by.names.with(name), root.NotBefore, root.NotAfter, nil); err != nil {
			return nil, err
		}
	}
	return id.newLeaf(root, name, now)
}

// newLeaf issues a leaf with its own key; its chain contains the root. Its common name is not a host name on purpose:
// if there is no DNS name, OpenSSL checks a common name that looks like a host against the constraints.
func (id identity) newLeaf(root *x509.Certificate, name string, now time.Time) (*tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Ideco agent gateway"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(-backdate + leafLife),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	if leaf, err = sign(leaf, root, key, id.key); err != nil {
		return nil, fmt.Errorf("issue the certificate for %s: %w", name, err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, root.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// LeafRenewal returns when a leaf of the own root is renewed. That of ordered certificates is orderedRenewal.
func LeafRenewal(leaf *tls.Certificate) time.Time { return leaf.Leaf.NotAfter.Add(-leafLife / 3) }

// sign issues a certificate for the key subject. issuer is the certificate of the key signer.
func sign(template, issuer *x509.Certificate, subject, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, subject.Public(), signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// outlives reports whether a root is valid now and for as long as the leaves that are issued now.
func outlives(root *x509.Certificate, now time.Time) bool {
	return validAt(root, now) && root.NotAfter.Sub(now) >= rootSpare
}

// validAt reports whether a certificate is valid at a time.
func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}
