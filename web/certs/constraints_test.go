package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

func servedLeaf(t testing.TB, a *Authority) *x509.Certificate {
	t.Helper()
	c, err := a.GetCertificate(&tls.ClientHelloInfo{})
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

// opensslVerify asks the verifier of the rest of the world, at its strictest.
func opensslVerify(t testing.TB, a *Authority, leaf *x509.Certificate, host string) error {
	t.Helper()
	needs.Program(t, "openssl", "openssl")
	dir := t.TempDir()
	rootPath, leafPath := filepath.Join(dir, "root.pem"), filepath.Join(dir, "leaf.pem")
	write(t, rootPath, a.rootPEM())
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

// A thief of root.key signs for foreign names under the root that people installed.
func TestStolenKeySignsForNothingElse(t *testing.T) {
	foreign := []string{"bank.ru", "company.ru", "notgw.company.ru", "8.8.8.8", "10.0.0.2", "2001:db8::1", "fd00::2"}
	for _, own := range [][]string{
		gateway,
		{"gw.company.ru"},
		{"gw.company.ru", "other.company.ru"},
		{"gw.company.ru", "10.0.0.1"},
		{"gw.company.ru", "fd00::1"},
		{"10.0.0.1"},
		{"fd00::1"},
		{"10.0.0.1", "fd00::1"},
		{"localhost", "127.0.0.1", "::1"},
		{},
	} {
		t.Run(fmt.Sprint(own), func(t *testing.T) {
			a := openWith(t, t.TempDir(), own...)
			for _, host := range own {
				checkBoth(t, a, servedLeaf(t, a), host, true)
				checkBoth(t, a, forge(t, a, host), host, true) // the forgery itself is well made
			}
			for _, host := range foreign {
				checkBoth(t, a, forge(t, a, host), host, false)
				if len(own) > 0 {
					checkBoth(t, a, forge(t, a, own[0], host), own[0], false) // nor beside a permitted name
				}
			}
		})
	}
}

func TestStolenKeySignsNoWildcardAbove(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	leaf, err := a.self.newLeaf(a.current.Load().root, names{dns: []string{"*.company.ru"}}, a.now())
	if err != nil {
		t.Fatal(err)
	}
	checkBoth(t, a, leaf.Leaf, "gw.company.ru", false)
}

// pathlen 0: the thief makes no authority of his own under the root either.
func TestStolenKeyMakesNoAuthority(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	root := a.current.Load().root
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	middle := &x509.Certificate{Subject: root.Subject, NotBefore: root.NotBefore, NotAfter: root.NotAfter, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("middle")}
	middle.Subject.CommonName = "middle"
	if middle, err = sign(middle, root, key, a.self.key); err != nil {
		t.Fatal(err)
	}
	leaf, err := identity{key: key}.newLeaf(middle, names{dns: []string{"gw.company.ru"}}, a.now())
	if err != nil {
		t.Fatal(err)
	}
	roots, middles := poolOf(t, a), x509.NewCertPool()
	middles.AddCert(middle)
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middles}); err == nil {
		t.Error("a certificate under a second authority was accepted")
	}
}

func TestLeafIsForServersOnlyAndShort(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	leaf := servedLeaf(t, a)
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
		t.Errorf("lives %v", life)
	}
}

// forge signs for the hosts with the key of the root, without asking whether the root may.
func forge(t testing.TB, a *Authority, hosts ...string) *x509.Certificate {
	t.Helper()
	n, err := parseNames(hosts)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.self.newLeaf(a.current.Load().root, n, a.now())
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Leaf
}

func checkBoth(t *testing.T, a *Authority, leaf *x509.Certificate, host string, want bool) {
	t.Helper()
	if err := goVerify(a, leaf, host); (err == nil) != want {
		t.Errorf("Go on %s in %v %v: %v", host, leaf.DNSNames, leaf.IPAddresses, err)
	}
	if err := opensslVerify(t, a, leaf, host); (err == nil) != want {
		t.Errorf("OpenSSL on %s in %v %v: %v", host, leaf.DNSNames, leaf.IPAddresses, err)
	}
}

// Whatever names are accepted, the gateway's certificate is good for each of them under its root.
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
		if again, err := parseNames(n.texts()); err != nil || !again.equal(n) {
			t.Fatalf("%v is read back as %v: %v", n, again, err)
		}
		root, err := a.self.newRoot(n, a.now())
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOf(root); !got.equal(n) {
			t.Fatalf("the root of %v has the names %v", n, got)
		}
		leaf, err := a.self.newLeaf(root, n, a.now())
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(root)
		for _, host := range n.texts() {
			if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
				t.Fatalf("%s of %v: %v", host, n, err)
			}
		}
	})
}
