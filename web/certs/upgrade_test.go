package certs

import (
	"bytes"
	"crypto/x509"
	"net/netip"
	"path/filepath"
	"testing"
)

// TestUpgrade: the root of an earlier version, which permits only the domain and this computer's addresses, is issued
// again once, with the same key. Computers that installed the old one still accept every name that it permits.
func TestUpgrade(t *testing.T) {
	dns, ips := []string{"gw.company.ru", "localhost"}, []string{"10.0.0.1", "127.0.0.1", "198.51.100.7", "fd00::1", "2001:db8::1", "::1"}
	dir := t.TempDir()
	a := openWith(t, dir)
	root := *a.current.Load().root
	root.ExtraExtensions, root.PermittedIPRanges, root.PermittedDNSDomains = nil, nil, dns
	for _, text := range ips {
		ip := netip.MustParseAddr(text)
		root.PermittedIPRanges = append(root.PermittedIPRanges, ipRange(netip.PrefixFrom(ip, ip.BitLen())))
	}
	old, err := sign(&root, &root, a.self().key, a.self().key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, rootFile), encodeRoot(old))

	b := openWith(t, dir, "gw.company.ru")
	if b.Pin() != a.Pin() {
		t.Errorf("pin %s became %s", a.Pin(), b.Pin())
	}
	first := read(t, dir, rootFile)
	if bytes.Equal(first, encodeRoot(old)) || !bytes.Equal(first, b.rootPEM()) {
		t.Error("the root was not issued again")
	}
	if openWith(t, dir, "gw.company.ru"); !bytes.Equal(first, read(t, dir, rootFile)) {
		t.Error("the second start issued the root again")
	}

	for _, host := range append(dns, ips...) {
		leaf := servedLeaf(t, b, host)
		if err := verifyUnder(old, leaf, host); err != nil {
			t.Errorf("Go on %s under the root from before: %v", host, err)
		}
		if err := opensslVerifyUnder(t, encodeRoot(old), leaf, host); err != nil {
			t.Errorf("OpenSSL on %s under the root from before: %v", host, err)
		}
	}
}

func verifyUnder(root, leaf *x509.Certificate, host string) error {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
	return err
}
