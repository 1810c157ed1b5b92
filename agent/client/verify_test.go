package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
)

// The fingerprints are from the page that letsencrypt.pem names.
func TestLetsEncryptRoots(t *testing.T) {
	want := map[string]string{
		"ISRG Root X1": "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6",
		"ISRG Root X2": "69729b8e15a86efc177a57afb7171dfc64add28c2fca8cf1507e34453ccb1470",
		"Root YE":      "e14ffcad5b0025731006caa43a121a22d8e9700f4fb9cf852f02a708aa5d5666",
		"Root YR":      "e57b7e6f150c419102e8d5c055729ff967b9d1a829bf00cec89ca604ebf4a86f",
	}
	for rest := letsEncryptPEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		name := c.Subject.CommonName
		if digest := sha256.Sum256(c.Raw); hex.EncodeToString(digest[:]) != want[name] {
			t.Errorf("%s has the fingerprint %x", name, digest)
		}
		if err := c.CheckSignatureFrom(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if end := time.Now().AddDate(1, 0, 0); c.NotAfter.Before(end) {
			t.Errorf("%s ends on %v", name, c.NotAfter)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// The program says why a certificate is not trusted: another root than the pinned one, or the dates.
func TestNotTrustedTexts(t *testing.T) {
	root, other := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	old := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour)
	}
	early := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().AddDate(1, 0, 0)
	}
	elsewhere := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }
	oldElsewhere := func(c *x509.Certificate) { old(c); elsewhere(c) }
	withoutRoot := other.Leaf(t, nil)
	withoutRoot.Certificate = withoutRoot.Certificate[:1]
	usePublicRoots(t, other.Pool())
	const changed, dates, neither = "has changed", "Check the date and time", "Could not verify"
	for name, c := range map[string]struct {
		certificate tls.Certificate
		pins        []Pin
		want        string
	}{
		"another root":                     {other.Leaf(t, nil), pinOf(t, root), changed},
		"another root, wrong clock":        {other.Leaf(t, early), pinOf(t, root), changed},
		"another root, for another server": {other.Leaf(t, elsewhere), pinOf(t, root), neither},
		"no root":                          {withoutRoot, pinOf(t, root), neither},
		"expired":                          {root.Leaf(t, old), pinOf(t, root), dates},
		"not valid yet":                    {root.Leaf(t, early), pinOf(t, root), dates},
		"expired, public":                  {other.Leaf(t, old), nil, dates},
		"expired, for another server":      {root.Leaf(t, oldElsewhere), pinOf(t, root), neither},
		"unknown":                          {root.Leaf(t, nil), nil, neither},
		"expired and unknown":              {root.Leaf(t, old), nil, neither},
	} {
		g := gatewaytest.Start(t, nil, c.certificate, func(int, *gatewaytest.Conn) { t.Errorf("%s: the agent connected", name) })
		g.Root = root
		r := start(t, g, func(to *Config) { to.Roots, to.Pins = nil, c.pins })
		got := r.waitEnd(NotTrusted, "not_trusted")
		if !strings.Contains(got.Message, c.want) || !strings.Contains(got.Message, "Do not enter a password") {
			t.Errorf("%s: %s", name, got.Message)
		}
		if c.want == changed && !strings.Contains(got.Err.Error(), other.Pin()) {
			t.Errorf("%s: the log lacks the pin of the other root: %v", name, got.Err)
		}
	}
}

// closing is a connection that reports when it is closed.
type closing struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (c *closing) Close() error { c.once.Do(func() { close(c.closed) }); return c.Conn.Close() }

// An untrusted certificate is the error even if verifying it takes longer than the handshake may.
func TestSlowVerification(t *testing.T) {
	g := gatewaytest.New(t, func(int, *gatewaytest.Conn) {})
	conn, err := net.Dial("tcp", at(g))
	if err != nil {
		t.Fatal(err)
	}
	raw := &closing{Conn: conn, closed: make(chan struct{})}
	config := TLSConfig(g.Host, x509.NewCertPool(), nil)
	verify := config.VerifyConnection
	ctx, late := context.WithCancel(context.Background())
	config.VerifyConnection = func(state tls.ConnectionState) error {
		late()
		<-raw.closed
		return verify(state)
	}
	var untrusted *tls.CertificateVerificationError
	if _, err := handshake(ctx, raw, at(g), config); !errors.As(err, &untrusted) {
		t.Errorf("%v", err)
	}
}
