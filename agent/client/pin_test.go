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

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// certificateCase is the certificate of a server, the agent's roots and pin, and whether the agent trusts the server.
type certificateCase struct {
	host        string // 127.0.0.1 unless set
	certificate tls.Certificate
	roots       *x509.CertPool
	pin         string
	trusted     bool
}

func TestServerCertificate(t *testing.T) {
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

	for name, o := range map[string]certificateCase{
		"root file":                     {certificate: leaf, roots: root.Pool(), trusted: true},
		"root file, name":               {host: "localhost", certificate: leaf, roots: root.Pool(), trusted: true},
		"root file, chain without root": {certificate: alone, roots: root.Pool(), trusted: true},
		"another root file":             {certificate: leaf, roots: otherRoot.Pool()},
		"root file, expired leaf":       {certificate: root.Leaf(t, yesterday), roots: root.Pool()},
		"root file, client leaf":        {certificate: root.Leaf(t, clientOnly), roots: root.Pool()},
		"root file, wrong name":         {certificate: root.Leaf(t, otherNames), roots: root.Pool()},
		"system roots":                  {certificate: leaf},
		"pin":                           {certificate: leaf, roots: empty, pin: root.Pin(), trusted: true},
		"pin without roots":             {certificate: leaf, pin: root.Pin(), trusted: true},
		"wrong pin without roots":       {certificate: leaf, pin: otherRoot.Pin()},
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

// An agent with a pin says so by ALPN and does not trust public roots, because a former domain of the gateway may belong to somebody else.
func TestPublicRootsWithPin(t *testing.T) {
	public, own := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	usePublicRoots(t, public.Pool())
	chain := func(r *gatewaytest.Root) []*x509.Certificate { return []*x509.Certificate{r.Leaf(t, nil).Leaf, r.Cert} }
	pin := func(r *gatewaytest.Root) []Pin { return []Pin{*mustPin(t, r.Pin())} }
	for _, c := range []struct {
		name    string
		chain   []*x509.Certificate
		pins    []Pin
		trusted bool
	}{
		{"public, without a pin", chain(public), nil, true},
		{"public, without a pin, root not sent", chain(public)[:1], nil, true},
		{"own, without a pin", chain(own), nil, false},
		{"public, with a pin", chain(public), pin(own), false},
		{"own, with a pin", chain(own), pin(own), true},
		{"own, with its pin among three", chain(own), append(pin(gatewaytest.NewRoot(t, nil)), append(pin(public), pin(own)...)...), true},
	} {
		if err := verify(c.chain, "localhost", nil, c.pins); (err == nil) != c.trusted {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if got := TLSConfig("localhost", nil, pin(own)).NextProtos; !agent.Contains(got, "http/1.1") || !agent.Contains(got, protocol.ALPNPinned) {
		t.Errorf("with a pin ALPN has %v", got)
	}
	if got := TLSConfig("localhost", nil, nil).NextProtos; len(got) != 1 || got[0] != "http/1.1" {
		t.Errorf("without a pin ALPN has %v", got)
	}
}

// usePublicRoots replaces the public roots until the test ends.
func usePublicRoots(t *testing.T, pool *x509.CertPool) {
	before := publicRoots()
	publicPool = pool
	t.Cleanup(func() { publicPool = before })
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
func (o certificateCase) try(t *testing.T) {
	g := gatewaytest.Start(t, nil, o.certificate, func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.Wait() })
	g.Root = gatewaytest.NewRoot(t, nil)
	r := start(t, g, func(c *Config) {
		c.Roots = o.roots
		if o.pin != "" {
			c.Pins = []Pin{*mustPin(t, o.pin)}
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
func TestCertificateDuringReconnect(t *testing.T) {
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
