package certs

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

func servedLeaf(t testing.TB, a *Authority, host string) *x509.Certificate {
	t.Helper()
	c, err := a.Certificate(host)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func goVerify(a *Authority, leaf *x509.Certificate, host string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.rootPEM())
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: a.now()})
	return err
}

// opensslVerify verifies with OpenSSL in strict mode, under the root of a.
func opensslVerify(t testing.TB, a *Authority, leaf *x509.Certificate, host string) error {
	t.Helper()
	return opensslVerifyUnder(t, a.rootPEM(), leaf, host)
}

func opensslVerifyUnder(t testing.TB, rootPEM []byte, leaf *x509.Certificate, host string) error {
	t.Helper()
	needs.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	rootPath, leafPath := filepath.Join(dir, "root.pem"), filepath.Join(dir, "leaf.pem")
	write(t, rootPath, rootPEM)
	write(t, leafPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	check := "-verify_hostname"
	if _, err := netip.ParseAddr(host); err == nil {
		check = "-verify_ip"
	}
	out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-purpose", "sslserver",
		"-no-CApath", "-no-CAstore", "-CAfile", rootPath, check, host, leafPath).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStolenKeySignsOnlyPermittedNames: leaves that a thief of root.key signs for foreign names are refused under the
// installed root.
func TestStolenKeySignsOnlyPermittedNames(t *testing.T) {
	foreign := []string{"bank.ru", "ru", "company.ru", "notgw.company.ru", "localhost.ru", "8.8.8.8", "100.64.0.1", "9.255.255.255", "11.0.0.0",
		"126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "169.254.0.1",
		"203.0.113.6", "2001:db8::1", "::2", "fe80::1", "fbff::1"}
	for _, own := range [][]string{
		domains,
		{"gw.company.ru"},
		{"gw.company.ru", "other.company.ru"},
		{"203.0.113.7"},
		{"2001:db8::7"},
		{"10.0.0.1"},
		{},
	} {
		t.Run(fmt.Sprint(own), func(t *testing.T) {
			a := openWith(t, t.TempDir(), own...)
			for _, host := range append(own, local...) {
				checkBoth(t, a, servedLeaf(t, a, host), host, true)
				checkBoth(t, a, forge(t, a, host), host, true) // a forged leaf for a permitted name is accepted
			}
			for _, host := range foreign {
				checkBoth(t, a, forge(t, a, host), host, false)
				checkBoth(t, a, forge(t, a, local[0], host), local[0], false) // also beside a permitted name
			}
		})
	}
}

func TestStolenKeySignsNoWildcardAbove(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	checkBoth(t, a, forge(t, a, "*.company.ru"), "gw.company.ru", false)
}

// TestStolenKeyMakesNoIntermediate: the path length of the root is 0.
func TestStolenKeyMakesNoIntermediate(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	root := a.current.Load().root
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	intermediate := &x509.Certificate{Subject: root.Subject, NotBefore: root.NotBefore, NotAfter: root.NotAfter, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("intermediate")}
	intermediate.Subject.CommonName = "intermediate"
	if intermediate, err = sign(intermediate, root, key, a.self().key); err != nil {
		t.Fatal(err)
	}
	leaf, err := identity{key: key}.newLeaf(intermediate, "gw.company.ru", a.now())
	if err != nil {
		t.Fatal(err)
	}
	roots, intermediates := poolOf(t, a), x509.NewCertPool()
	intermediates.AddCert(intermediate)
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err == nil {
		t.Error("a certificate under an intermediate authority was accepted")
	}
}

func TestLeafIsShortLivedAndForServersOnly(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	leaf := servedLeaf(t, a, domains[0])
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("CA %v, key usage %b", leaf.IsCA, leaf.KeyUsage)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageCodeSigning} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: poolOf(t, a), KeyUsages: []x509.ExtKeyUsage{usage}})
		if err == nil {
			t.Errorf("good for usage %v", usage)
		}
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; life > 397*24*time.Hour {
		t.Errorf("valid for %v", life)
	}
}

// TestClockBehind: a client whose clock is up to a day behind accepts a new root and a new leaf.
func TestClockBehind(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	leaf := servedLeaf(t, a, domains[0])
	for _, behind := range []time.Duration{0, 3 * time.Hour, 14 * time.Hour, 24*time.Hour - time.Minute} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: poolOf(t, a), DNSName: domains[0], CurrentTime: time.Now().Add(-behind)})
		if err != nil {
			t.Errorf("%v behind: %v", behind, err)
		}
	}
}

// forge signs a leaf for the hosts with the key of the root, whether or not the root permits them.
func forge(t testing.TB, a *Authority, hosts ...string) *x509.Certificate {
	t.Helper()
	root := a.current.Load().root
	c, err := a.self().newLeaf(root, hosts[0], a.now())
	if err != nil {
		t.Fatal(err)
	}
	leaf := c.Leaf
	for _, host := range hosts[1:] {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	if leaf, err = sign(leaf, root, c.PrivateKey.(*ecdsa.PrivateKey), a.self().key); err != nil {
		t.Fatal(err)
	}
	return leaf
}

// checkBoth fails the test unless Go and OpenSSL accept the leaf for host, or refuse it if want is false.
func checkBoth(t *testing.T, a *Authority, leaf *x509.Certificate, host string, want bool) {
	t.Helper()
	if err := goVerify(a, leaf, host); (err == nil) != want {
		t.Errorf("Go on %s in %v %v: %v", host, leaf.DNSNames, leaf.IPAddresses, err)
	}
	if err := opensslVerify(t, a, leaf, host); (err == nil) != want {
		t.Errorf("OpenSSL on %s in %v %v: %v", host, leaf.DNSNames, leaf.IPAddresses, err)
	}
}

// FuzzNames: for all names that parseNames accepts, the root fits, and each name gets a leaf that is valid under it.
func FuzzNames(f *testing.F) {
	for _, list := range [][2]string{{"gw.company.ru", "10.0.0.1"}, {"xn--g1ah2bza.xn--p1ai", "::1"}, {"A-B.c", "::ffff:1.2.3.4"},
		{"localhost", "x.localhost"}, {"1.2.3", "fe80::1"}, {"", ""}, {"a.", "*.b"}, {"255.255.255.255", "127.1"}} {
		f.Add(list[0], list[1])
	}
	a := openWith(f, f.TempDir())
	f.Fuzz(func(t *testing.T, one, two string) {
		n, err := parseNames([]string{one, two})
		if err != nil {
			return
		}
		root, err := a.self().newRoot(n, a.now())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := namesOf(root); !ok || !slices.Equal(got.texts(), n.texts()) {
			t.Fatalf("the root of %v has the names %v", n, got)
		}
		if !a.self().fits(root, n, a.now()) {
			t.Fatalf("the root of %v does not fit them", n)
		}
		roots := x509.NewCertPool()
		roots.AddCert(root)
		for _, host := range n.texts() {
			leaf, err := a.self().issueLeaf(newIssued(a.self(), root, n), host, a.now())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
				t.Fatalf("%s of %v: %v", host, n, err)
			}
		}
	})
}
