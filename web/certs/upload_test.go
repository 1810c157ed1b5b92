package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	youmark "github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
)

var uploadTime = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// made is a certificate with its key.
type made struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (m made) certPEM() []byte { return pemOf("CERTIFICATE", m.cert.Raw) }

func (m made) keyPEM(t testing.TB) []byte { return pkcs8(t, m.key) }

func (m made) keyDER(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue issues a certificate under another; under nil, it is signed by its own key.
func issue(t testing.TB, by *made, key crypto.Signer, template x509.Certificate) made {
	t.Helper()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = uploadTime.AddDate(0, -1, 0), uploadTime.AddDate(0, 11, 0)
	}
	issuer := &made{&template, key}
	if by != nil {
		issuer = by
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made{cert, key}
}

// caTemplate is the template of a CA.
func caTemplate(name string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
}

// leafTemplate is the template of a server certificate.
func leafTemplate(names ...string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: "server"}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// testPKI is a company's root, an issuer under it and a certificate for gatewayDNS under that.
type testPKI struct{ root, issuer, leaf made }

func newPKI(t testing.TB) testPKI {
	t.Helper()
	root := issue(t, nil, ecKey(t, elliptic.P256()), caTemplate("Company root"))
	issuer := issue(t, &root, ecKey(t, elliptic.P256()), caTemplate("Company issuer"))
	return testPKI{root, issuer, issue(t, &issuer, ecKey(t, elliptic.P256()), leafTemplate(gatewayDNS))}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// parse parses an upload on a computer whose system trusts the given roots.
func parse(files [][]byte, password string, system ...made) (*tls.Certificate, error) {
	pool := x509.NewCertPool()
	for _, root := range system {
		pool.AddCert(root.cert)
	}
	return parseUpload(files, password, []string{gatewayDNS, "192.0.2.7"}, uploadTime, pool)
}

// accepted checks that an upload was accepted with a chain and the key of its leaf.
func accepted(t *testing.T, c *tls.Certificate, err error, chain ...made) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	if len(c.Certificate) != len(chain) {
		t.Errorf("a chain of %d certificates, want %d", len(c.Certificate), len(chain))
		return
	}
	for i, one := range chain {
		if !bytes.Equal(c.Certificate[i], one.cert.Raw) {
			t.Errorf("certificate %d of the chain is not %s", i, one.cert.Subject)
		}
	}
	if !c.Leaf.Equal(chain[0].cert) || !c.PrivateKey.(interface{ Equal(crypto.PrivateKey) bool }).Equal(chain[0].key) {
		t.Error("another leaf or key")
	}
}

// refused checks the problem with an upload.
func refused(t *testing.T, what string, c *tls.Certificate, err error, want agent.Problem) {
	t.Helper()
	if want.Field == "" {
		want.Field = "certificate"
	}
	var problem agent.Problem
	if !errors.As(err, &problem) || problem != want || c != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestUploadFormats(t *testing.T) {
	p := newPKI(t)
	pfx, err := pkcs12.Modern.Encode(p.leaf.key, p.leaf.cert, []*x509.Certificate{p.root.cert, p.issuer.cert}, "Пароль 1")
	if err != nil {
		t.Fatal(err)
	}
	open, err := pkcs12.Passwordless.Encode(p.leaf.key, p.leaf.cert, []*x509.Certificate{p.issuer.cert, p.root.cert}, "")
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(p.leaf.key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	all := join([]byte("\xef\xbb\xbf"), p.leaf.keyPEM(t), p.root.certPEM(), []byte("# issuer\r\n"), p.issuer.certPEM(), p.leaf.certPEM(), p.leaf.certPEM())
	for what, files := range map[string][][]byte{
		"one PEM in any order":      {all},
		"PEM in UTF-16":             {utf16LE(string(all[3:]))},
		"PEM in several files":      {p.leaf.certPEM(), nil, p.issuer.certPEM(), p.leaf.keyPEM(t), p.root.certPEM()},
		"DER":                       {p.leaf.cert.Raw, p.leaf.keyDER(t), p.issuer.cert.Raw, p.root.cert.Raw},
		"an EC key with parameters": {join(pemOf("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), pemOf("EC PRIVATE KEY", sec1)), all[3+len(p.leaf.keyPEM(t)):]},
		"PFX":                       {pfx},
		"PFX without a password":    {open},
		"PFX and its issuers":       {pfx, p.issuer.certPEM(), p.root.certPEM()},
	} {
		t.Run(what, func(t *testing.T) {
			c, err := parse(files, "Пароль 1")
			accepted(t, c, err, p.leaf, p.issuer)
		})
	}
}

func utf16LE(text string) []byte {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return b
}

// TestUploadOfOpenSSL: the gateway reads what OpenSSL writes, also an old one.
func TestUploadOfOpenSSL(t *testing.T) {
	needs.Program(t, "openssl", "openssl")
	root := issue(t, nil, rsaKey(t, 2048), caTemplate("Company root"))
	issuer := issue(t, &root, rsaKey(t, 2048), caTemplate("Company issuer"))
	leaf := issue(t, &issuer, rsaKey(t, 2048), leafTemplate(gatewayDNS))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.pem"), leaf.keyPEM(t))
	write(t, filepath.Join(dir, "leaf.pem"), leaf.certPEM())
	write(t, filepath.Join(dir, "cas.pem"), join(root.certPEM(), issuer.certPEM()))
	for _, one := range []struct {
		command string
		others  [][]byte
	}{
		{"pkcs12 -export -inkey key.pem -in leaf.pem -certfile cas.pem -passout pass:secret", nil},
		{"pkcs12 -export -legacy -inkey key.pem -in leaf.pem -certfile cas.pem -passout pass:secret", nil},
		{"pkcs12 -export -keypbe NONE -certpbe NONE -inkey key.pem -in leaf.pem -certfile cas.pem -passout pass:secret", nil},
		{"pkcs12 -export -inkey key.pem -in leaf.pem -passout pass:secret", [][]byte{join(root.certPEM(), issuer.certPEM())}},
		{"crl2pkcs7 -nocrl -certfile cas.pem -outform DER", [][]byte{leaf.certPEM(), leaf.keyPEM(t)}},
		{"crl2pkcs7 -nocrl -certfile cas.pem", [][]byte{leaf.certPEM(), leaf.keyPEM(t)}},
		{"x509 -in leaf.pem -trustout", [][]byte{root.certPEM(), issuer.certPEM(), leaf.keyPEM(t)}},
		{"rsa -in key.pem -traditional", [][]byte{root.certPEM(), issuer.certPEM(), leaf.certPEM()}},
		{"rsa -in key.pem -traditional -aes256 -passout pass:secret", [][]byte{root.certPEM(), issuer.certPEM(), leaf.certPEM()}},
		{"pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -passout pass:secret", [][]byte{root.certPEM(), issuer.certPEM(), leaf.certPEM()}},
		{"pkcs8 -topk8 -in key.pem -v2 aes-128-cbc -v2prf hmacWithSHA1 -passout pass:secret -outform DER", [][]byte{root.certPEM(), issuer.certPEM(), leaf.certPEM()}},
	} {
		cmd := exec.CommandContext(t.Context(), "openssl", strings.Fields(one.command)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", one.command, err)
		}
		t.Run(one.command, func(t *testing.T) {
			files := append([][]byte{out}, one.others...)
			c, err := parse(files, "secret")
			accepted(t, c, err, leaf, issuer)
			if !strings.Contains(one.command, "pass:") {
				return
			}
			c, err = parse(files, "Secret")
			refused(t, "another password", c, err, agent.Problem{Field: "password", Code: agent.UploadPassword})
			c, err = parse(files, "")
			refused(t, "no password", c, err, agent.Problem{Field: "password", Code: agent.UploadPasswordNeeded})
		})
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "pkcs8", "-topk8", "-in", "key.pem", "-scrypt", "-passout", "pass:secret")
	cmd.Dir = dir
	scrypt, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse([][]byte{scrypt, leaf.certPEM()}, "secret")
	refused(t, "scrypt", c, err, agent.Problem{Code: agent.UploadWork})
}

func TestUploadChain(t *testing.T) {
	p := newPKI(t)
	key := p.leaf.keyPEM(t)
	upload := func(certs ...made) [][]byte {
		files := [][]byte{key}
		for _, c := range certs {
			files = append(files, c.certPEM())
		}
		return files
	}
	c, err := parse(upload(p.leaf, p.issuer), "", p.root)
	accepted(t, c, err, p.leaf, p.issuer) // the system has the root
	c, err = parse(upload(p.leaf), "", p.issuer)
	accepted(t, c, err, p.leaf, p.issuer) // the system trusts the issuer itself
	c, err = parse(upload(p.leaf, p.issuer), "")
	refused(t, "root missing", c, err, agent.Problem{Code: agent.UploadIssuerMissing, Value: "Company root"})
	c, err = parse(upload(p.leaf, p.root), "")
	refused(t, "intermediate missing", c, err, agent.Problem{Code: agent.UploadIssuerMissing, Value: "Company issuer"})
	c, err = parse(upload(p.leaf), "", p.root)
	refused(t, "intermediate missing, the root is the system's", c, err, agent.Problem{Code: agent.UploadIssuerMissing, Value: "Company issuer"})

	other := newPKI(t) // has the same names
	c, err = parse(upload(p.leaf, other.issuer, other.root), "")
	refused(t, "another CA of the same name", c, err, agent.Problem{Code: agent.UploadIssuerMissing, Value: "Company issuer"})
	c, err = parse(upload(p.leaf, other.issuer, other.root, p.issuer, p.root), "")
	accepted(t, c, err, p.leaf, p.issuer)

	old := caTemplate("Company issuer")
	old.NotBefore, old.NotAfter = uploadTime.AddDate(-2, 0, 0), uploadTime.AddDate(0, 0, -1)
	expired := issue(t, &p.root, p.issuer.key, old)
	c, err = parse(upload(p.leaf, expired, p.root), "")
	refused(t, "issuer expired", c, err, agent.Problem{Code: agent.UploadIssuerExpired, Value: "Company issuer"})
	c, err = parse(upload(p.leaf, expired, p.issuer, p.root), "")
	accepted(t, c, err, p.leaf, p.issuer)

	template := caTemplate("Narrow issuer")
	template.PermittedDNSDomainsCritical, template.PermittedDNSDomains = true, []string{"other.ru"}
	narrow := issue(t, &p.root, ecKey(t, elliptic.P256()), template)
	c, err = parse([][]byte{issue(t, &narrow, p.leaf.key, leafTemplate(gatewayDNS)).certPEM(), narrow.certPEM(), p.root.certPEM(), key}, "")
	refused(t, "name not permitted", c, err, agent.Problem{Code: agent.UploadIssuerUnsuitable, Value: "Narrow issuer"})

	noCA := issue(t, &p.root, ecKey(t, elliptic.P256()), leafTemplate("other.ru"))
	c, err = parse([][]byte{issue(t, &noCA, p.leaf.key, leafTemplate(gatewayDNS)).certPEM(), noCA.certPEM(), p.root.certPEM(), key}, "")
	refused(t, "the issuer is no CA", c, err, agent.Problem{Code: agent.UploadIssuerUnsuitable, Value: "server"})

	self := issue(t, nil, p.leaf.key, leafTemplate(gatewayDNS))
	c, err = parse(upload(self), "")
	accepted(t, c, err, self)

	// The shortest chain is taken: a cross-signed root is not sent if the root itself is known.
	crossed := issue(t, &other.root, p.root.key, caTemplate("Company root"))
	c, err = parse(upload(p.leaf, p.issuer, crossed, other.root), "", p.root)
	accepted(t, c, err, p.leaf, p.issuer)
	third := newPKI(t)
	bridged := caTemplate("Bridged root")
	bridgedRoot := issue(t, nil, ecKey(t, elliptic.P256()), bridged)
	cross := issue(t, &third.root, bridgedRoot.key, bridged)
	under := issue(t, &bridgedRoot, p.leaf.key, leafTemplate(gatewayDNS))
	c, err = parse(upload(under, cross), "", third.root)
	accepted(t, c, err, under, cross)
}

// TestUploadOnFallbackRoots: on a computer without roots, those that the program brings along end a chain. The roots of a process can
// be set only once, so it runs itself.
func TestUploadOnFallbackRoots(t *testing.T) {
	if os.Getenv("SSL_CERT_FILE") != os.DevNull {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), "SSL_CERT_FILE="+os.DevNull, "SSL_CERT_DIR="+t.TempDir())
		if out, err := again.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	p := newPKI(t)
	files := [][]byte{p.leaf.certPEM(), p.leaf.keyPEM(t), p.issuer.certPEM()}
	_, err := ParseUpload(files, "", []string{gatewayDNS}, uploadTime)
	if problem := (agent.Problem{}); !errors.As(err, &problem) || problem.Code != agent.UploadIssuerMissing {
		t.Errorf("without roots: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.root.cert)
	x509.SetFallbackRoots(roots)
	c, err := ParseUpload(files, "", []string{gatewayDNS}, uploadTime)
	accepted(t, c, err, p.leaf, p.issuer)
}

func TestUploadChoosesTheLeaf(t *testing.T) {
	p := newPKI(t)
	key := p.leaf.key
	template := leafTemplate(gatewayDNS)
	template.NotBefore, template.NotAfter = uploadTime.AddDate(-1, 0, 0), uploadTime.AddDate(0, 0, -1)
	expired := issue(t, &p.issuer, key, template)
	template = leafTemplate("other.ru")
	template.NotBefore, template.NotAfter = uploadTime.AddDate(0, -1, 0), uploadTime.AddDate(5, 0, 0)
	elsewhere := issue(t, &p.issuer, key, template)
	stranger := issue(t, &p.issuer, ecKey(t, elliptic.P256()), leafTemplate(gatewayDNS))
	want := issue(t, &p.issuer, key, leafTemplate("*.company.ru"))
	certs := []made{expired, elsewhere, stranger, want, p.issuer, p.root}
	for range certs {
		certs = append(certs[1:], certs[0])
		files := [][]byte{p.leaf.keyPEM(t)}
		for _, c := range certs {
			files = append(files, c.certPEM())
		}
		c, err := parse(files, "")
		accepted(t, c, err, want, p.issuer)
	}
	template = leafTemplate()
	template.IPAddresses = []net.IP{net.ParseIP("192.0.2.7")}
	address := issue(t, &p.root, key, template)
	c, err := parse([][]byte{address.certPEM(), p.leaf.keyPEM(t), p.root.certPEM()}, "")
	accepted(t, c, err, address)
}

func TestUploadRefusals(t *testing.T) {
	p := newPKI(t)
	leaf := func(key crypto.Signer, change func(*x509.Certificate)) [][]byte {
		template := leafTemplate(gatewayDNS)
		if change != nil {
			change(&template)
		}
		m := issue(t, &p.issuer, key, template)
		return [][]byte{m.certPEM(), m.keyPEM(t), p.issuer.certPEM(), p.root.certPEM()}
	}
	changed := func(change func(*x509.Certificate)) [][]byte { return leaf(p.leaf.key, change) }
	weakIssuer := issue(t, &p.root, rsaKey(t, 1024), caTemplate("Weak issuer"))
	oldRoot := issue(t, nil, rsaKey(t, 2048), func() x509.Certificate {
		c := caTemplate("Old root")
		c.SignatureAlgorithm = x509.SHA1WithRSA // its own signature says nothing
		return c
	}())
	sha1 := leafTemplate(gatewayDNS)
	sha1.SignatureAlgorithm = x509.SHA1WithRSA
	sha1Issuer := caTemplate("SHA-1 issuer")
	sha1Issuer.SignatureAlgorithm = x509.SHA1WithRSA
	forged := issue(t, &oldRoot, ecKey(t, elliptic.P256()), sha1Issuer)
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{gatewayDNS}}, p.leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var crowd [][]byte
	for i := range agent.MaxUploadCertificates + 1 {
		crowd = append(crowd, issue(t, &p.root, p.leaf.key, leafTemplate(fmt.Sprintf("h%d.ru", i))).certPEM())
	}
	for what, one := range map[string]struct {
		files [][]byte
		want  agent.Problem
	}{
		"nothing":          {nil, agent.Problem{Code: agent.UploadEmpty}},
		"an empty file":    {[][]byte{{}, nil}, agent.Problem{Code: agent.UploadEmpty}},
		"garbage":          {[][]byte{[]byte("hello")}, agent.Problem{Code: agent.UploadUnreadable}},
		"a picture":        {[][]byte{[]byte("\x89PNG\r\n\x1a\n")}, agent.Problem{Code: agent.UploadUnreadable}},
		"a broken PEM":     {[][]byte{pemOf("CERTIFICATE", []byte("x"))}, agent.Problem{Code: agent.UploadUnreadable}},
		"a broken DER":     {[][]byte{p.leaf.cert.Raw[:100]}, agent.Problem{Code: agent.UploadUnreadable}},
		"BER":              {[][]byte{{0x30, 0x80, 2, 1, 3, 0, 0}}, agent.Problem{Code: agent.UploadPFX}},
		"too large":        {[][]byte{p.leaf.certPEM(), make([]byte, agent.MaxUpload)}, agent.Problem{Code: agent.UploadTooLarge}},
		"too many":         {crowd, agent.Problem{Code: agent.UploadTooMany}},
		"a request":        {[][]byte{pemOf("CERTIFICATE REQUEST", request), p.leaf.keyPEM(t)}, agent.Problem{Code: agent.UploadRequest}},
		"a request in DER": {[][]byte{request, p.leaf.keyPEM(t)}, agent.Problem{Code: agent.UploadRequest}},
		"only a key":       {[][]byte{p.leaf.keyPEM(t)}, agent.Problem{Code: agent.UploadNoCertificate}},
		"no key":           {[][]byte{p.leaf.certPEM(), p.issuer.certPEM()}, agent.Problem{Code: agent.UploadNoKey}},
		"another key": {[][]byte{p.root.certPEM(), p.leaf.certPEM(), p.issuer.certPEM(), newPKI(t).leaf.keyPEM(t)},
			agent.Problem{Code: agent.UploadWrongKey, Value: "server"}},
		"a key of an unknown kind": {[][]byte{p.leaf.certPEM(), pemOf("PRIVATE KEY", gostKey)}, agent.Problem{Code: agent.UploadKind}},
		"an endless key":           {[][]byte{pemOf("RSA PRIVATE KEY", make([]byte, maxKeyBytes+1))}, agent.Problem{Code: agent.UploadKind}},
		"Ed25519":                  {leaf(edKey, nil), agent.Problem{Code: agent.UploadKind, Value: "Ed25519"}},
		"P-224":                    {leaf(ecKey(t, elliptic.P224()), nil), agent.Problem{Code: agent.UploadKind, Value: "ECDSA P-224"}},
		"RSA 1024":                 {leaf(rsaKey(t, 1024), nil), agent.Problem{Code: agent.UploadWeakKey, Value: "server, RSA 1024"}},
		"an issuer with RSA 1024": {[][]byte{issue(t, &weakIssuer, p.leaf.key, leafTemplate(gatewayDNS)).certPEM(), p.leaf.keyPEM(t), weakIssuer.certPEM(), p.root.certPEM()},
			agent.Problem{Code: agent.UploadWeakKey, Value: "Weak issuer, RSA 1024"}},
		"SHA-1": {[][]byte{issue(t, &oldRoot, p.leaf.key, sha1).certPEM(), p.leaf.keyPEM(t), oldRoot.certPEM()},
			agent.Problem{Code: agent.UploadWeakSignature, Value: "server, SHA1-RSA"}},
		"an issuer with SHA-1": {[][]byte{issue(t, &forged, p.leaf.key, leafTemplate(gatewayDNS)).certPEM(), p.leaf.keyPEM(t), forged.certPEM(), oldRoot.certPEM()},
			agent.Problem{Code: agent.UploadWeakSignature, Value: "SHA-1 issuer, SHA1-RSA"}},
		"expired": {changed(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = uploadTime.AddDate(-1, 0, 0), uploadTime.AddDate(0, 0, -1)
		}), agent.Problem{Code: agent.UploadExpired, Value: "26.11.2026"}},
		"not yet valid": {changed(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = uploadTime.AddDate(0, 0, 1), uploadTime.AddDate(1, 0, 0)
		}), agent.Problem{Code: agent.UploadEarly, Value: "28.11.2026"}},
		"other names": {changed(func(c *x509.Certificate) { c.DNSNames = []string{"a.ru", "b.ru", "c.ru", "d.ru", "e.ru", "f.ru"} }),
			agent.Problem{Code: agent.UploadOtherNames, Value: "a.ru, b.ru, c.ru, d.ru, e.ru…"}},
		"only a common name": {changed(func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, gatewayDNS }),
			agent.Problem{Code: agent.UploadNoNames, Value: gatewayDNS}},
		"for clients": {changed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			agent.Problem{Code: agent.UploadUsage}},
		"for encryption only": {changed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), agent.Problem{Code: agent.UploadUsage}},
		"a huge chain": {changed(func(c *x509.Certificate) {
			for i := range 2000 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d.%s.ru", i, strings.Repeat("x", 40)))
			}
		}), agent.Problem{Code: agent.UploadChainTooLarge}},
	} {
		c, err := parse(one.files, "")
		refused(t, what, c, err, one.want)
	}
	c, err := parseUpload([][]byte{p.leaf.certPEM(), p.leaf.keyPEM(t)}, "", nil, uploadTime, x509.NewCertPool())
	refused(t, "a gateway without a name", c, err, agent.Problem{Code: agent.UploadNoDomain})

	good := issue(t, &oldRoot, p.leaf.key, leafTemplate(gatewayDNS))
	c, err = parse([][]byte{good.certPEM(), p.leaf.keyPEM(t), oldRoot.certPEM()}, "")
	accepted(t, c, err, good) // under a root with SHA-1
	unlimited := leafTemplate(gatewayDNS)
	unlimited.KeyUsage, unlimited.ExtKeyUsage = 0, nil
	good = issue(t, &p.root, p.leaf.key, unlimited)
	c, err = parse([][]byte{good.certPEM(), p.leaf.keyPEM(t), p.root.certPEM()}, "")
	accepted(t, c, err, good)
}

// gostKey is a PKCS #8 key for GOST R 34.10-2012.
var gostKey = func() []byte {
	parameters, _ := asn1.Marshal([]asn1.ObjectIdentifier{{1, 2, 643, 2, 2, 35, 1}, {1, 2, 643, 7, 1, 1, 2, 2}})
	der, _ := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 1, 1}, Parameters: asn1.RawValue{FullBytes: parameters}}, make([]byte, 34)})
	return der
}()

func TestUploadPFXRefusals(t *testing.T) {
	p := newPKI(t)
	encode := func(e *pkcs12.Encoder) []byte {
		t.Helper()
		der, err := e.Encode(p.leaf.key, p.leaf.cert, nil, "secret")
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	store, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{p.leaf.cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	slow := encode(pkcs12.Modern.WithIterations(300_000))
	c, err := parse([][]byte{slow, p.issuer.certPEM(), p.root.certPEM()}, "secret")
	accepted(t, c, err, p.leaf, p.issuer)
	for _, n := range [][2]int64{{300_000, maxIterations + 1}, {300_000, 1 << 62}} {
		// The first of the numbers is that of the certificates, the last that of the MAC.
		for _, at := range []int{bytes.Index(slow, integer(n[0])), bytes.LastIndex(slow, integer(n[0]))} {
			c, err := parse([][]byte{replaceInteger(t, slow, at, integer(n[0]), n[1])}, "secret")
			refused(t, fmt.Sprint(n[1], " iterations"), c, err, agent.Problem{Code: agent.UploadWork})
		}
	}
	c, err = parse(slices.Repeat([][]byte{slow}, 3), "secret")
	refused(t, "too many PFX", c, err, agent.Problem{Code: agent.UploadWork})
	c, err = parse([][]byte{store}, "secret")
	refused(t, "a PFX without a key", c, err, agent.Problem{Code: agent.UploadNoKey})
	large := append([]byte{0x30, 0x83, 1, 0, 3, 2, 1, 3}, append([]byte{0x30, 0x82, 0xff, 0xfc}, make([]byte, 0xfffc)...)...)
	c, err = parse([][]byte{large}, "secret")
	refused(t, "a large PFX", c, err, agent.Problem{Code: agent.UploadTooLarge})
	damaged := slices.Clone(slow)
	damaged[len(damaged)/2] ^= 1
	c, err = parse([][]byte{damaged}, "secret")
	refused(t, "a damaged PFX", c, err, agent.Problem{Field: "password", Code: agent.UploadPassword})
}

func integer(n int64) []byte {
	der, _ := asn1.Marshal(n)
	return der
}

// replaceInteger replaces an integer in DER, and adjusts the lengths around it.
func replaceInteger(t *testing.T, der []byte, at int, from []byte, to int64) []byte {
	t.Helper()
	var rewrite func(der []byte, base int) []byte
	rewrite = func(der []byte, base int) []byte {
		var out []byte
		for len(der) > 0 {
			var v asn1.RawValue
			rest, err := asn1.Unmarshal(der, &v)
			if err != nil {
				return append(out, der...)
			}
			size := len(v.FullBytes)
			inside := base + size - len(v.Bytes)
			switch {
			case base == at && bytes.Equal(v.FullBytes, from):
				out = append(out, integer(to)...)
			case base < at && at < base+size:
				b, err := asn1.Marshal(asn1.RawValue{Class: v.Class, Tag: v.Tag, IsCompound: v.IsCompound, Bytes: rewrite(v.Bytes, inside)})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, b...)
			default:
				out = append(out, v.FullBytes...)
			}
			der, base = rest, base+size
		}
		return out
	}
	return rewrite(der, 0)
}

func TestUploadRSAIsLimited(t *testing.T) {
	p := newPKI(t)
	n := new(big.Int).Lsh(big.NewInt(1), 8192)
	huge := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
	template := leafTemplate(gatewayDNS)
	der, err := x509.CreateCertificate(rand.Reader, &template, p.issuer.cert, huge, p.issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse([][]byte{pemOf("CERTIFICATE", der)}, "")
	refused(t, "RSA 8193", c, err, agent.Problem{Code: agent.UploadKind, Value: "RSA 8193"})
}

// FuzzUpload: nothing panics or takes long, and what is accepted can be served.
func FuzzUpload(f *testing.F) {
	p := newPKI(f)
	f.Add(join(p.leaf.certPEM(), p.issuer.certPEM(), p.root.certPEM()), p.leaf.keyPEM(f), "")
	f.Add(p.leaf.cert.Raw, p.leaf.keyDER(f), "")
	rsaLeaf := issue(f, nil, rsaKey(f, 2048), leafTemplate(gatewayDNS))
	f.Add(rsaLeaf.certPEM(), rsaLeaf.keyPEM(f), "")
	for _, e := range []*pkcs12.Encoder{pkcs12.Modern2026, pkcs12.Modern2023, pkcs12.LegacyDES, pkcs12.LegacyRC2} {
		der, err := e.WithIterations(1).Encode(p.leaf.key, p.leaf.cert, []*x509.Certificate{p.issuer.cert, p.root.cert}, "secret")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der, []byte{}, "secret")
	}
	open, err := pkcs12.Passwordless.Encode(p.leaf.key, p.leaf.cert, nil, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(open, p.issuer.certPEM(), "")
	key, err := youmark.MarshalPrivateKey(p.leaf.key, []byte("secret"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.leaf.certPEM(), key, "secret")
	//lint:ignore SA1019 The gateway reads such keys.
	legacy, err := x509.EncryptPEMBlock(rand.Reader, "PRIVATE KEY", p.leaf.keyDER(f), []byte("secret"), x509.PEMCipherAES256)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.leaf.certPEM(), pem.EncodeToMemory(legacy), "secret")
	f.Fuzz(func(t *testing.T, one, other []byte, password string) {
		c, err := parse([][]byte{one, other}, password, p.root)
		var problem agent.Problem
		if err != nil {
			if !errors.As(err, &problem) || problem.Code == "" || problem.Field != "certificate" && problem.Field != "password" {
				t.Errorf("%#v", err)
			}
			return
		}
		if c.Leaf.VerifyHostname(gatewayDNS) != nil && c.Leaf.VerifyHostname("192.0.2.7") != nil {
			t.Errorf("a certificate for %q", c.Leaf.DNSNames)
		}
		der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		var chain []byte
		for _, one := range c.Certificate {
			chain = append(chain, pemOf("CERTIFICATE", one)...)
		}
		if _, err := tls.X509KeyPair(chain, pemOf("PRIVATE KEY", der)); err != nil {
			t.Error(err)
		}
	})
}
