package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"ideco-agent/agent"
)

// testCA issues certificates with an intermediate one.
type testCA struct {
	root         *x509.Certificate
	intermediate *x509.Certificate
	key          *ecdsa.PrivateKey // of intermediate
}

func newTestCA(t *testing.T, intermediateEnds time.Time) testCA {
	t.Helper()
	rootKey, key := newTestKey(t), newTestKey(t)
	template := func(ends time.Time) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	}
	root := sign(t, template(time.Now().Add(day)), nil, rootKey, rootKey)
	return testCA{root, sign(t, template(intermediateEnds), root, key, rootKey), key}
}

func (ca testCA) issue(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key := newTestKey(t)
	leaf := sign(t, &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca.intermediate, key, ca.key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, ca.intermediate.Raw}, PrivateKey: key, Leaf: leaf}
}

func newTestKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign signs the certificate of a key; without a parent it signs itself.
func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPubliclyTrusted: only a certificate of a public CA, for the saved domain and with its chain, is trusted; the answer follows
// every change.
func TestPubliclyTrusted(t *testing.T) {
	c, up := openForTest(t)
	public, company := newTestCA(t, time.Now().Add(day)), newTestCA(t, time.Now().Add(day))
	roots := x509.NewCertPool()
	roots.AddCert(public.root)
	c.trust = &publicTrust{roots: func() *x509.CertPool { return roots }}
	alone := public.issue(t, "gw.company.ru")
	alone.Certificate = alone.Certificate[:1]
	for _, step := range []struct {
		what   string
		served *tls.Certificate
		domain string
		want   bool
	}{
		{"own root", nil, "gw.company.ru", false},
		{"public", public.issue(t, "gw.company.ru"), "gw.company.ru", true},
		{"signed by itself", issue(t, "gw.company.ru", 90*day), "gw.company.ru", false},
		{"the company's", company.issue(t, "gw.company.ru"), "gw.company.ru", false},
		{"without its chain", alone, "gw.company.ru", false},
		{"public, wildcard", public.issue(t, "*.company.ru"), "gw.company.ru", true},
		{"the same certificate for another domain", nil, "gw2.company.ru", true},
		{"for a former domain only", public.issue(t, "gw2.company.ru"), "gw3.company.ru", false},
		{"its own domain again", nil, "gw2.company.ru", true},
	} {
		if step.served != nil || step.what == "own root" {
			up.now.Store(step.served)
		}
		if err := c.settings.Update(t.Context(), func(s *agent.Settings) error { s.Domain = step.domain; return nil }); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second answer is remembered
			if got := c.publiclyTrusted(); got != step.want {
				t.Errorf("%s: %v", step.what, got)
			}
		}
	}
	up.now.Store(nil)
	if c.publiclyTrusted() {
		t.Error("still trusted after the certificate was removed")
	}
	c.trust = newPublicTrust()
	up.now.Store(public.issue(t, "gw2.company.ru"))
	if c.publiclyTrusted() || c.trust.roots().Equal(x509.NewCertPool()) {
		t.Error("Mozilla's roots are missing, or a CA that is not among them is trusted")
	}
}

// TestPubliclyTrustedUntil: the answer is not remembered beyond trustCheckEvery, because a certificate of the chain can end first.
func TestPubliclyTrustedUntil(t *testing.T) {
	ca := newTestCA(t, time.Now().Add(time.Minute))
	roots := x509.NewCertPool()
	roots.AddCert(ca.root)
	p, c := &publicTrust{roots: func() *x509.CertPool { return roots }}, ca.issue(t, "gw.company.ru")
	if now := time.Now(); !p.verify(c, "gw.company.ru", now) || p.verify(c, "gw.company.ru", now.Add(trustCheckEvery)) {
		t.Error("the end of the intermediate certificate is ignored")
	}
}
