package directory

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"testing"
	"time"

	"ideco-agent/agent"
)

func TestCertificates(t *testing.T) {
	const name = "dc1.example.test"
	issue := func(change func(*x509.Certificate), host string) func(*testing.T, *fakeNet) tls.Certificate {
		return func(t *testing.T, n *fakeNet) tls.Certificate { return n.ca.issue(t, change, host) }
	}
	selfSigned := func(t *testing.T, _ *fakeNet) tls.Certificate { return authority{}.issue(t, nil, name) }
	unknown := func(t *testing.T, _ *fakeNet) tls.Certificate { return newAuthority(t).issue(t, nil, name) }
	trustLeaf := func(s *agent.DirectorySettings, leaf []byte) { s.CA = pemOf(leaf) }
	noNames := func(c *x509.Certificate) { c.DNSNames = nil }
	yesterday := func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -1) }

	for _, c := range []struct {
		name        string
		certificate func(*testing.T, *fakeNet) tls.Certificate
		settings    func(s *agent.DirectorySettings, leaf []byte)
		want        agent.DirectoryFinding
		arg, value  string
	}{
		{"good", issue(nil, name), nil, "", "", ""},
		{"other case", issue(nil, "DC1.Example.Test"), nil, "", "", ""},
		{"unknown CA", unknown, nil, agent.FindingUnknownCA, "Issuer", "Example CA"},
		{"unknown CA, system's", unknown, func(s *agent.DirectorySettings, _ []byte) { s.CA = "" }, agent.FindingUnknownCA, "Issuer", "Example CA"},
		{"pinned, unknown CA", unknown, trustLeaf, "", "", ""},
		{"self-signed", selfSigned, nil, agent.FindingSelfSigned, "Host", name},
		{"self-signed and trusted", selfSigned, trustLeaf, "", "", ""},
		{"pinned, without names", issue(noNames, name), trustLeaf, "", "", ""},
		{"pinned, expired", issue(yesterday, name), trustLeaf, agent.FindingExpiredCert, "", ""},
		{"wrong name", issue(nil, "dc.other.test"), nil, agent.FindingWrongName, "Names", "dc.other.test"},
		{"other name that is typed", issue(nil, "dc.other.test"), func(s *agent.DirectorySettings, _ []byte) { s.TLSName = "dc.other.test" }, "", "", ""},
		{"not the typed name", issue(nil, name), func(s *agent.DirectorySettings, _ []byte) { s.TLSName = "dc.other.test" }, agent.FindingWrongName, "Host", "dc.other.test"},
		{"common name only", issue(noNames, name), nil, agent.FindingNoSAN, "Host", name},
		{"SHA-1", issue(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }, name), nil, agent.FindingSHA1, "Host", name},
		{"expired", issue(yesterday, name), nil, agent.FindingExpiredCert, "Until", time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)},
		{"not for servers", issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, name), nil, agent.FindingTLSFailed, "", ""},
	} {
		for _, transport := range []agent.DirectoryTransport{agent.TransportLDAPS, agent.TransportStartTLS} {
			t.Run(c.name+" by "+string(transport), func(t *testing.T) {
				inBubble(t, func(t *testing.T, n *fakeNet) {
					pair := c.certificate(t, n)
					leaf := pair.Certificate[0]
					n.at[dc1].certificate, n.at[dc1].plain = &pair, transport == agent.TransportStartTLS
					settings := two
					settings.Transport, settings.CA = transport, n.ca.pem
					if c.settings != nil {
						c.settings(&settings, leaf)
					}
					s := n.servers(t, settings)
					s.settings.CA = settings.CA // also an empty one
					sent, err := reach(t, s, dc1)
					if len(sent) != 1 {
						t.Fatalf("%d certificates, %v", len(sent), err)
					}
					sum := sha256.Sum256(leaf)
					equal(t, "fingerprint", sent[0].SHA256, hex.EncodeToString(sum[:]))
					equal(t, "PEM", sent[0].PEM, pemOf(leaf))
					equal(t, "trusted", sent[0].Trusted, c.want == "")
					var f finding
					if err != nil {
						f = *asFinding(err, "")
					}
					equal(t, "finding", f.Finding, c.want)
					if c.arg != "" {
						equal(t, c.arg, f.Args[c.arg], c.value)
					}
				})
			})
		}
	}
}

// TestNoTLS: a controller without a certificate, and other failures before one is sent.
func TestNoTLS(t *testing.T) {
	for _, c := range []struct {
		name      string
		transport agent.DirectoryTransport
		change    func(f *fakeServer)
		want      agent.DirectoryFinding
	}{
		{"closed at the handshake", agent.TransportLDAPS, func(f *fakeServer) { f.certificate = nil }, agent.FindingNoTLS},
		{"StartTLS unavailable", agent.TransportStartTLS, func(f *fakeServer) { f.startTLS = 52 }, agent.FindingNoTLS},
		{"StartTLS unknown", agent.TransportStartTLS, func(f *fakeServer) { f.startTLS = 2 }, agent.FindingNoTLS},
		{"StartTLS busy", agent.TransportStartTLS, func(f *fakeServer) { f.startTLS = 51 }, agent.FindingTLSFailed},
		{"closed after StartTLS", agent.TransportStartTLS, func(f *fakeServer) { f.certificate = nil }, agent.FindingNoTLS},
		{"silent", agent.TransportLDAPS, (*fakeServer).stop, agent.FindingNoAnswer},
		{"silent before StartTLS", agent.TransportStartTLS, (*fakeServer).stop, agent.FindingNoAnswer},
		{"old TLS", agent.TransportLDAPS, func(f *fakeServer) { f.maxTLS = tls.VersionTLS11 }, agent.FindingTLSFailed},
		{"no TLS", agent.TransportLDAPS, func(f *fakeServer) { f.plain = true }, agent.FindingTLSFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *fakeNet) {
				settings := agent.DirectorySettings{Controllers: []string{dc1}, Transport: c.transport}
				n.at[dc1].plain = c.transport == agent.TransportStartTLS
				c.change(n.at[dc1])
				s := n.servers(t, settings)
				began := time.Now()
				sent, err := reach(t, s, dc1)
				if f := asFinding(err, ""); f.Finding != c.want || f.Args["Host"] != "dc1.example.test" || len(sent) > 0 {
					t.Errorf("%+v, %d certificates", f, len(sent))
				}
				equal(t, "time", time.Since(began) <= 2*connectLimit, true)
				_, err = s.bind(t.Context(), "alice", "alice's")
				f := asFinding(err, "")
				equal(t, "finding of a bind", f.Finding, c.want)
				equal(t, "sent", f.Sent, false)
				equal(t, "binds", n.at[dc1].bindsOf("alice"), 0)
			})
		})
	}
}

// TestTypedAddress: the certificate must name an address that is typed instead of a name.
func TestTypedAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		pair := n.ca.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }, "dc1.example.test")
		n.at[dc1].certificate = &pair
		s := n.servers(t, agent.DirectorySettings{})
		_, err := reach(t, s, "192.0.2.1:636")
		equal(t, "error", err, nil)
		_, err = reach(t, s, "192.0.2.2:636")
		f := asFinding(err, "")
		equal(t, "finding", f.Finding, agent.FindingWrongName)
		equal(t, "names", f.Args["Names"], "dc2.example.test")
	})
}
