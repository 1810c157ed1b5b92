package certs

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// foreign issues a certificate for a name that its own key signs, valid from one time to another.
func foreign(t *testing.T, key crypto.Signer, name string, from, until time.Time) *tls.Certificate {
	t.Helper()
	template := x509.Certificate{NotBefore: from, NotAfter: until}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	m := issue(t, nil, key, template)
	return &tls.Certificate{Certificate: [][]byte{m.cert.Raw}, PrivateKey: key, Leaf: m.cert}
}

// hello is what a client offers that knows ECDSA and RSA, as Windows does.
func hello(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:        name,
		SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes:  []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.PSSWithSHA256},
		SupportedCurves:   []tls.CurveID{tls.X25519, tls.CurveP256},
	}
}

// TestChoice: whatever is wrong with the others, the own root serves.
func TestChoice(t *testing.T) {
	const name, hour = "gw.company.ru", time.Hour
	root, clock := openAt(t, start)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := foreign(t, ecKey(t, elliptic.P256()), name, start, start.Add(hour))
	wildcard := foreign(t, ecKey(t, elliptic.P256()), "*.company.ru", start, start.Add(hour))
	expired := foreign(t, ecKey(t, elliptic.P256()), name, start.Add(-hour), start.Add(-time.Second))
	future := foreign(t, ecKey(t, elliptic.P256()), name, start.Add(hour), start.Add(2*hour))
	other := foreign(t, ecKey(t, elliptic.P256()), "other.ru", start, start.Add(hour))
	unknown := foreign(t, edwards, name, start, start.Add(hour))
	unparsed := &tls.Certificate{Certificate: good.Certificate, PrivateKey: good.PrivateKey}
	for what, c := range map[string]struct {
		uploaded, ordered, want *tls.Certificate // nil = none; the own root's
		source                  agent.CertificateSource
	}{
		"none":                        {nil, nil, nil, agent.SourceOwnRoot},
		"uploaded":                    {good, nil, good, agent.SourceUploaded},
		"ordered":                     {nil, good, good, agent.SourceACME},
		"both":                        {wildcard, good, wildcard, agent.SourceUploaded},
		"expired":                     {expired, nil, nil, agent.SourceOwnRoot},
		"expired, ordered":            {expired, good, good, agent.SourceACME},
		"ordered one expired":         {nil, expired, nil, agent.SourceOwnRoot},
		"not yet valid":               {future, future, nil, agent.SourceOwnRoot},
		"another name":                {other, other, nil, agent.SourceOwnRoot},
		"a key unknown to the client": {unknown, nil, nil, agent.SourceUploaded},
		"the same, with an ordered":   {unknown, good, good, agent.SourceUploaded},
		"one that was not parsed":     {unparsed, nil, nil, agent.SourceOwnRoot},
	} {
		choice := Choice{Root: root,
			Uploaded: func(string) *tls.Certificate { return c.uploaded },
			Ordered:  func(string) *tls.Certificate { return c.ordered }}
		own, err := choice.OwnRoot(name)
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == nil {
			want = own
		}
		if got, err := choice.Certificate(hello(name), name); got != want || err != nil {
			t.Errorf("%s: another certificate, %v", what, err)
		}
		if served, err := choice.Serving(name); served.Source != c.source || err != nil {
			t.Errorf("%s: from %s, %v", what, served.Source, err)
		}
	}

	choice := Choice{Root: root, Uploaded: func(string) *tls.Certificate { return good }, Ordered: func(string) *tls.Certificate { return nil }}
	for _, c := range []struct {
		after time.Duration
		want  agent.CertificateSource
	}{{hour, agent.SourceUploaded}, {hour + time.Second, agent.SourceOwnRoot}} {
		clock.set(start.Add(c.after))
		if served, _ := choice.Serving(name); served.Source != c.want {
			t.Errorf("%v after the start: from %s", c.after, served.Source)
		}
	}
}

// TestChoiceByAddress: a client that sends no name gets an uploaded certificate with the address.
func TestChoiceByAddress(t *testing.T) {
	root, _ := openAt(t, start)
	good := foreign(t, ecKey(t, elliptic.P256()), "10.0.0.1", start, start.Add(time.Hour))
	choice := Choice{Root: root, Uploaded: func(string) *tls.Certificate { return good }, Ordered: func(string) *tls.Certificate { return nil }}
	for address, want := range map[string]bool{"10.0.0.1": true, "10.0.0.2": false} {
		if got, err := choice.Certificate(hello(""), address); (got == good) != want || err != nil {
			t.Errorf("%s: uploaded %v, %v", address, got == good, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	root, _ := openAt(t, start)
	leaf, err := root.Certificate("10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	got := Describe(leaf, agent.SourceOwnRoot)
	subject := root.current.Load().root.Subject.CommonName
	for i := range got.Chain {
		if len(got.Chain[i].SHA256) != 95 {
			t.Errorf("fingerprint %q", got.Chain[i].SHA256)
		}
		got.Chain[i].SHA256 = ""
	}
	want := agent.Certificate{Source: agent.SourceOwnRoot, Names: []string{"10.0.0.1"}, Key: "ECDSA P-256", Chain: []agent.ChainCertificate{
		{Subject: "Ideco agent gateway", Issuer: subject, NotBefore: start.Add(-backdate), NotAfter: start.Add(-backdate + leafLife)},
		{Subject: subject, Issuer: subject, NotBefore: start.Add(-backdate), NotAfter: start.Add(-backdate).AddDate(20, 0, 0)},
	}}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if pin, err := PinOf(leaf); pin != root.Pin() || err != nil {
		t.Errorf("pin %s, %v", pin, err)
	}
}
