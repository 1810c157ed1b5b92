package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
)

// trustCase is the certificate of a server, and the agent's roots and pin.
type trustCase struct {
	host        string // 127.0.0.1 unless set
	certificate tls.Certificate
	roots       *x509.CertPool
	pin         string
	trusted     bool
}

func TestTrust(t *testing.T) {
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	empty := x509.NewCertPool()
	yesterday := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}
	clientOnly := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	otherRoot := gatewaytest.NewRoot(t, nil)
	expiredRoot := gatewaytest.NewRoot(t, yesterday)
	clientRoot := gatewaytest.NewRoot(t, clientOnly)
	elsewhere := gatewaytest.NewRoot(t, func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"gw.company.ru"}
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IPv4(192, 0, 2, 1).To4(), Mask: net.CIDRMask(32, 32)}}
	})
	here := gatewaytest.NewRoot(t, func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"localhost"}
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IPv4(127, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}}
	})
	selfSigned := tls.Certificate{Certificate: [][]byte{root.Cert.Raw}, PrivateKey: root.Key}
	named := gatewaytest.NewRoot(t, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	itself := tls.Certificate{Certificate: [][]byte{named.Cert.Raw}, PrivateKey: named.Key}
	forged := elsewhere.Forge(t, func(c *x509.Certificate) { c.PermittedDNSDomains, c.PermittedIPRanges = nil, nil })
	withoutConstraints := elsewhere.Leaf(t, nil)
	withoutConstraints.Certificate[1] = forged.Raw
	alone := leaf
	alone.Certificate = leaf.Certificate[:1]

	for name, o := range map[string]trustCase{
		"root file":                     {certificate: leaf, roots: root.Pool(), trusted: true},
		"root file, name":               {host: "localhost", certificate: leaf, roots: root.Pool(), trusted: true},
		"root file, chain without root": {certificate: alone, roots: root.Pool(), trusted: true},
		"another root file":             {certificate: leaf, roots: otherRoot.Pool()},
		"root file, expired leaf":       {certificate: root.Leaf(t, yesterday), roots: root.Pool()},
		"root file, client leaf":        {certificate: root.Leaf(t, clientOnly), roots: root.Pool()},
		"root file, wrong name":         {certificate: root.Leaf(t, otherNames), roots: root.Pool()},
		"system roots":                  {certificate: leaf},
		"pin":                           {certificate: leaf, roots: empty, pin: root.Pin(), trusted: true},
		"pin beside system roots":       {certificate: leaf, pin: root.Pin(), trusted: true},
		"pin beside the right roots":    {certificate: alone, roots: root.Pool(), pin: otherRoot.Pin(), trusted: true},
		"pin, name":                     {host: "localhost", certificate: leaf, roots: empty, pin: root.Pin(), trusted: true},
		"pin, constraints fit":          {certificate: here.Leaf(t, nil), roots: empty, pin: here.Pin(), trusted: true},
		"wrong pin":                     {certificate: leaf, roots: empty, pin: otherRoot.Pin()},
		"pin, root not sent":            {certificate: alone, roots: empty, pin: root.Pin()},
		"pin, wrong address":            {certificate: root.Leaf(t, otherNames), roots: empty, pin: root.Pin()},
		"pin, wrong name":               {host: "localhost", certificate: root.Leaf(t, otherNames), roots: empty, pin: root.Pin()},
		"pin, expired leaf":             {certificate: root.Leaf(t, yesterday), roots: empty, pin: root.Pin()},
		"pin, expired root":             {certificate: expiredRoot.Leaf(t, nil), roots: empty, pin: expiredRoot.Pin()},
		"pin, client leaf":              {certificate: root.Leaf(t, clientOnly), roots: empty, pin: root.Pin()},
		"pin, root without serverAuth":  {certificate: clientRoot.Leaf(t, nil), roots: empty, pin: clientRoot.Pin()},
		"pin, root constrained":         {certificate: elsewhere.Leaf(t, nil), roots: empty, pin: elsewhere.Pin()},
		"pin, constraints forged away":  {certificate: withoutConstraints, roots: empty, pin: elsewhere.Pin()},
		"pin of the leaf":               {certificate: leaf, roots: empty, pin: gatewaytest.Pin(leaf.Leaf)},
		"pin, self-signed alone":        {certificate: selfSigned, roots: empty, pin: root.Pin()},
		"pin, root serves itself":       {host: "localhost", certificate: itself, roots: empty, pin: named.Pin()},
		"pin, root of another chain":    {certificate: mixed(leaf, otherRoot), roots: empty, pin: otherRoot.Pin()},
	} {
		o := o
		t.Run(name, func(t *testing.T) { o.try(t) })
	}
}

// A chain with the pinned root is not verified by the system (nil roots).
func TestPinBeforeSystem(t *testing.T) {
	root, other := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	chain := []*x509.Certificate{root.Leaf(t, nil).Leaf, root.Cert}
	pin := func(r *gatewaytest.Root) *Pin { return mustPin(t, r.Pin()) }
	if got := rootsFor(chain, nil, pin(root)); got == nil || !got.Equal(root.Pool()) {
		t.Errorf("a chain with the pinned root: roots %v, want that root alone", got)
	}
	if got := rootsFor(chain, nil, pin(other)); got != nil {
		t.Errorf("a chain without the pinned root: roots %v, want the system's", got)
	}
	if got := rootsFor(chain, other.Pool(), pin(root)); !got.Equal(root.Pool()) {
		t.Errorf("a root file and a chain with the pinned root: roots %v, want the pinned one alone", got)
	}
}

func otherNames(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"gw.company.ru"}, []net.IP{net.IPv4(192, 0, 2, 1)}
}

// mixed returns the leaf in a chain with a root that did not sign it.
func mixed(leaf tls.Certificate, root *gatewaytest.Root) tls.Certificate {
	leaf.Certificate = [][]byte{leaf.Certificate[0], root.Cert.Raw}
	return leaf
}

// try logs in at a server with the certificate.
func (o trustCase) try(t *testing.T) {
	g := gatewaytest.Start(t, nil, o.certificate, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.Wait() })
	g.Root = gatewaytest.NewRoot(t, nil)
	r := start(t, g, func(c *Config) {
		c.Roots = o.roots
		if o.pin != "" {
			c.Pin = mustPin(t, o.pin)
		}
		if o.host != "" {
			c.Host = o.host
		}
	})
	if o.trusted {
		r.waitEvent(Authorized, "")
		r.stop()
		r.waitEnd(StoppedByUser, "logout")
		return
	}
	if e := r.waitEvent(Failed, "not_trusted"); !strings.Contains(e.Message, "Do not enter a password") {
		t.Errorf("%+v", e)
	}
	r.waitEnd(NotTrusted, "not_trusted")
	if n := g.Connections(); n != 0 {
		t.Error("the server got a connection")
	}
}

func mustPin(t *testing.T, text string) *Pin {
	t.Helper()
	pin, err := ParsePin(text)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

func TestParsePin(t *testing.T) {
	good := gatewaytest.NewRoot(t, nil).Pin()
	mustPin(t, good)
	for _, bad := range []string{"", "x", good[:43], good + "=", " " + good, good + "\n", strings.Repeat("A", 48),
		base64.RawStdEncoding.EncodeToString(make([]byte, 32)), strings.Repeat("A", 42) + "B="} {
		if _, err := ParsePin(bad); err == nil {
			t.Errorf("ParsePin(%q) returned no error", bad)
		}
	}
}

// A reconnect verifies the certificate again.
func TestTrustDuringReconnect(t *testing.T) {
	good := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.End("shutdown", ""); c.Wait() })
	bad := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { t.Error("the agent connected to an untrusted server") })
	var dials int
	r := start(t, good, func(c *Config) {
		direct := newClient(*c).cfg.Dial
		other := net.JoinHostPort(bad.Host, portText(bad))
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials++; dials > 1 {
				address = other
			}
			return direct(ctx, network, address)
		}
	})
	r.waitEvent(Reconnecting, "shutdown")
	r.clock.fire(sessionTimers...)
	r.waitEvent(Reconnecting, "not_trusted")
	r.clock.fire(sessionTimers...)
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}
