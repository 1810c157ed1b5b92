package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/protocol"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/web/certs"
)

// oneUpload is an uploaded certificate that can be swapped.
type oneUpload struct {
	uploads
	now atomic.Pointer[tls.Certificate]
}

func (u *oneUpload) Covering(name string, at time.Time) *tls.Certificate {
	c := u.now.Load()
	if c == nil || c.Leaf.VerifyHostname(name) != nil || at.Before(c.Leaf.NotBefore) || at.After(c.Leaf.NotAfter) {
		return nil
	}
	return c
}

func (u *oneUpload) Uploaded() []handlers.Uploaded {
	if c := u.now.Load(); c != nil {
		return []handlers.Uploaded{{Certificate: certs.Describe(c, agent.SourceUploaded)}}
	}
	return nil
}

// openForTest returns certificates for gw.company.ru and the former old.company.ru, with uploads that the test sets.
func openForTest(t *testing.T) (*certificates, *oneUpload) {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil))
	db, err := store.Open(t.Context(), databaseIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	current, err := loadSettings(t.Context(), db, log)
	if err != nil {
		t.Fatal(err)
	}
	root, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	fw, err := openFirewall(Config{Data: dir, Firewall: firewall.ModeOff, Log: log}, current.Current, tunnel{}, &listeners{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fw.Close() })
	manager := access.NewManager(access.Config{Gate: access.NewGate(nil, db, log), Store: db, Settings: current.Current, Log: log})
	set := &settings{currentSettings: current, store: db, root: root, sessions: manager, firewall: fw, trial: newTrial(), log: log}
	box := secretbox.New(filepath.Join(dir, secretKeyFile))
	c, err := openCertificates(t.Context(), Config{Data: dir, Log: log}, root, set, &hosts{settings: current.Current}, &listeners{}, box)
	if err != nil {
		t.Fatal(err)
	}
	set.changed = c.orders.Changed
	for _, name := range []string{"old.company.ru", "gw.company.ru"} {
		if err := set.Update(t.Context(), func(s *agent.Settings) error { s.Domain = name; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	up := &oneUpload{uploads: c.uploads}
	c.uploads = up
	return c, up
}

// issue issues a certificate for a name that its own key signs.
func issue(t *testing.T, name string, life time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

const day = 24 * time.Hour

func TestServed(t *testing.T) {
	c, up := openForTest(t)
	source := func(port agent.ServedPort, name string) (agent.CertificateSource, bool) {
		for _, s := range c.Served() {
			if s.Port == port && s.Name == name {
				return s.Source, s.Pinned != nil
			}
		}
		return "", false
	}
	for _, name := range []string{"gw.company.ru", "old.company.ru"} {
		for _, port := range []agent.ServedPort{agent.PortPortal, agent.PortAgent} {
			if from, pinned := source(port, name); from != agent.SourceOwnRoot || pinned {
				t.Errorf("%s on %s: from %q, another for agents with a pin: %v", name, port, from, pinned)
			}
		}
	}
	up.now.Store(issue(t, "gw.company.ru", 90*day))
	for port, want := range map[agent.ServedPort]bool{agent.PortPortal: false, agent.PortAgent: true} {
		if from, pinned := source(port, "gw.company.ru"); from != agent.SourceUploaded || pinned != want {
			t.Errorf("uploaded, on %s: from %q, another for agents with a pin: %v", port, from, pinned)
		}
		if from, pinned := source(port, "old.company.ru"); from != agent.SourceOwnRoot || pinned {
			t.Errorf("the former domain on %s: from %q, another for agents with a pin: %v", port, from, pinned)
		}
	}
	for _, s := range c.Served() {
		if s.Source == agent.SourceOwnRoot && s.Renewal.IsZero() || s.Source == agent.SourceUploaded && !s.Renewal.IsZero() {
			t.Errorf("%s from %s is renewed at %v", s.Name, s.Source, s.Renewal)
		}
	}
}

// TestLogOfEvents: the log has one line for what the gateway does by itself, under the name that the guide has. What an administrator
// does is logged by handlers.
func TestLogOfEvents(t *testing.T) {
	c, _ := openForTest(t)
	for _, one := range []struct {
		event  agent.CertificateEventKind
		source agent.CertificateSource
		by     string
		want   string
	}{
		{agent.EventIssued, agent.SourceACME, "", "certificate_issued"},
		{agent.EventFailed, agent.SourceACME, "", "certificate_failed"},
		{agent.EventRootChanged, agent.SourceOwnRoot, "", "root_changed"},
		{agent.EventRootAnnounced, agent.SourceOwnRoot, "boss", ""},
		{agent.EventRootCancelled, agent.SourceOwnRoot, "boss", ""},
		{agent.EventUploaded, agent.SourceUploaded, "boss", ""},
		{agent.EventRemoved, agent.SourceUploaded, "boss@ad.test", ""},
	} {
		var log strings.Builder
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		c.record(agent.CertificateEvent{Event: one.event, Source: one.source, By: one.by})
		got := log.String()
		if one.want == "" && got != "" || one.want != "" && (strings.Count(got, "\n") != 1 || !strings.Contains(got, " event="+one.want+" ")) {
			t.Errorf("%s of %q: %q, want %q", one.event, one.by, got, one.want)
		}
	}
}

// TestEnding: an uploaded certificate is named 14 days before its end, and after it until it is removed; the own root's never.
func TestEnding(t *testing.T) {
	c, up := openForTest(t)
	for life, want := range map[time.Duration]bool{15 * day: false, 13 * day: true, time.Minute: true, -time.Minute: true} {
		up.now.Store(issue(t, "gw.company.ru", life))
		list := c.Ending()
		if got := len(list) == 1 && list[0].Name == "gw.company.ru" && list[0].Source == agent.SourceUploaded; got != want || len(list) > 1 {
			t.Errorf("%v before its end: %v", life, list)
		}
		if c.covered("gw.company.ru") == want {
			t.Errorf("%v before its end: another one is ordered %v", life, want)
		}
	}

	// What follows an uploaded certificate decides, also before the orders have seen that it ends.
	up.now.Store(issue(t, "gw.company.ru", 15*day))
	for _, one := range []struct {
		name string
		acme agent.ACMESettings
		want agent.OrderState // empty = no warning
	}{
		{"gw.company.ru", agent.ACMESettings{}, agent.OrderOff},
		{"gw.company.ru", agent.ACMESettings{Directory: agent.LetsEncrypt}, agent.OrderOff},
		{"gw.company.ru", agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: "https://ca.company.ru/terms"}, ""},
		{"gw.company.lan", agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: "https://ca.company.ru/terms"}, agent.OrderNever},
		{"gw.company.lan", agent.ACMESettings{Directory: "https://ca.company.lan/acme", Terms: agent.TermsNone}, ""},
	} {
		up.now.Store(issue(t, one.name, 15*day))
		if err := c.settings.Update(t.Context(), func(s *agent.Settings) error {
			s.Domain, s.FormerDomains, s.ACME = one.name, nil, one.acme
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, life := range []time.Duration{13 * day, time.Hour} {
			up.now.Store(issue(t, one.name, life))
			var got agent.OrderState
			for _, end := range c.Ending() {
				got = end.Order
			}
			if got != one.want {
				t.Errorf("%s, %+v, %v before its end: %q follows, want %q", one.name, one.acme, life, got, one.want)
			}
		}
	}
	up.now.Store(nil)
	if list := c.Ending(); len(list) > 0 {
		t.Errorf("without any: %v", list)
	}
}

// serveTLS answers each handshake with the configuration and echoes what comes.
func serveTLS(t *testing.T, config *tls.Config) (address string, pins <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	limited := newConnLimiter(budgetFor(1000).agent, true, func(netip.Addr, string) bool { return true }).listen(l)
	found := make(chan string, 20)
	go func() {
		for {
			conn, err := limited.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				over := tls.Server(conn, config)
				if over.Handshake() != nil {
					return
				}
				found <- conn.(*limitedConn).Pin()
				b := make([]byte, 1)
				for {
					if _, err := over.Read(b); err != nil {
						return
					}
					if _, err := over.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), found
}

// shake makes a handshake for gw.company.ru.
func shake(t *testing.T, address string, protocols ...string) (*tls.Conn, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "gw.company.ru", InsecureSkipVerify: true, NextProtos: protocols})
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func isLeaf(conn *tls.Conn, want *tls.Certificate) bool {
	return slices.Equal(conn.ConnectionState().PeerCertificates[0].Raw, want.Certificate[0])
}

// TestSwapUnderConnections: another certificate is served to the next connection, and the ones that are open stay.
func TestSwapUnderConnections(t *testing.T) {
	c, up := openForTest(t)
	own, err := c.choice.OwnRoot("gw.company.ru")
	if err != nil {
		t.Fatal(err)
	}
	first, second := issue(t, "gw.company.ru", 90*day), issue(t, "gw.company.ru", 90*day)
	for _, port := range []struct {
		name   string
		config *tls.Config
	}{{"portal", c.portalTLS()}, {"agent endpoint", c.agentTLS()}} {
		address, _ := serveTLS(t, port.config)
		var open []*tls.Conn
		for i, serving := range []*tls.Certificate{nil, first, second, nil} {
			up.now.Store(serving)
			want := serving
			if want == nil {
				want = own
			}
			conn, err := shake(t, address, "http/1.1")
			if err != nil {
				t.Fatalf("%s, step %d: %v", port.name, i, err)
			}
			if !isLeaf(conn, want) {
				t.Errorf("%s, step %d: another certificate", port.name, i)
			}
			open = append(open, conn)
			for _, one := range open {
				b := []byte{1}
				if _, err := one.Write(b); err != nil {
					t.Fatal(err)
				}
				if _, err := one.Read(b); err != nil {
					t.Errorf("%s, step %d: a connection was cut: %v", port.name, i, err)
				}
			}
		}
	}
}

// TestPinnedAgents: an agent that offers ideco-pinned gets the own root's chain on the agent endpoint, whatever else is served.
func TestPinnedAgents(t *testing.T) {
	c, up := openForTest(t)
	foreign := issue(t, "gw.company.ru", 90*day)
	up.now.Store(foreign)
	config := c.agentTLS()
	config.NextProtos = []string{"http/1.1"} // as net/http does
	agents, pins := serveTLS(t, config)
	for _, k := range []struct {
		protocols []string
		foreign   bool
	}{
		{nil, true},
		{[]string{"http/1.1"}, true},
		{[]string{"http/1.1", protocol.ALPNPinned}, false},
		{[]string{protocol.ALPNPinned, "http/1.1"}, false},
	} {
		conn, err := shake(t, agents, k.protocols...)
		if err != nil {
			t.Fatal(err)
		}
		if isLeaf(conn, foreign) != k.foreign {
			t.Errorf("%q: the uploaded one %v", k.protocols, !k.foreign)
		}
		want := ""
		if !k.foreign {
			want = c.choice.Root.Pin()
		}
		if got := <-pins; got != want {
			t.Errorf("%q: pin %q, want %q", k.protocols, got, want)
		}
	}
	portal, _ := serveTLS(t, c.portalTLS())
	if conn, err := shake(t, portal, "http/1.1", protocol.ALPNPinned); err != nil || !isLeaf(conn, foreign) {
		t.Errorf("the portal serves the own root: %v", err)
	}
}

// TestNoResumption: an agent that gets a pin must not resume a session in which it saw the public chain.
func TestNoResumption(t *testing.T) {
	c, up := openForTest(t)
	up.now.Store(issue(t, "gw.company.ru", 90*day))
	address, _ := serveTLS(t, c.agentTLS())
	cache := tls.NewLRUClientSessionCache(1)
	for range 2 {
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "gw.company.ru", InsecureSkipVerify: true, ClientSessionCache: cache})
		if err != nil {
			t.Fatal(err)
		}
		b := []byte{1}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(b); err != nil { // takes tickets in
			t.Fatal(err)
		}
		if conn.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
		conn.Close()
	}
}

// TestChallengeConnections: without a waiting challenge nothing answers the CA's ALPN protocol, also if the client offers another too.
func TestChallengeConnections(t *testing.T) {
	c, _ := openForTest(t)
	for name, config := range map[string]*tls.Config{"portal": c.portalTLS(), "agent endpoint": c.agentTLS()} {
		config.NextProtos = []string{"http/1.1"}
		address, _ := serveTLS(t, config)
		if _, err := shake(t, address, acme.ALPNProto); err == nil {
			t.Errorf("%s: answers %s", name, acme.ALPNProto)
		}
		conn, err := shake(t, address, acme.ALPNProto, "http/1.1")
		if err != nil || conn.ConnectionState().NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: a client that offers both: %v", name, err)
		}
	}
}

const eabKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

func TestSetACME(t *testing.T) {
	c, _ := openForTest(t)
	set := func(change agent.ACMEChange) error { return c.SetACME(t.Context(), change) }
	if err := set(agent.ACMEChange{Directory: agent.LetsEncrypt, Email: "it@company.ru", EABKeyID: "kid", EABKey: eabKey}); err != nil {
		t.Fatal(err)
	}
	stored, _, err := c.store.Settings(context.Background())
	if err != nil || stored.ACME.Email != "it@company.ru" || strings.Contains(stored.ACME.EABSealed, eabKey) || stored.ACME.Terms != "" {
		t.Errorf("stored: %+v, %v", stored.ACME, err)
	}
	if got := c.ACME(); got.EABSealed != "" || got.EABKeyID != "kid" || got.Directory != agent.LetsEncrypt {
		t.Errorf("shown: %+v", got)
	}
	want, _ := base64.RawURLEncoding.DecodeString(eabKey)
	if s := c.orderSettings(); s.EABLost || s.EAB == nil || s.EAB.KID != "kid" || !slices.Equal(s.EAB.Key, want) || s.Roots != nil {
		t.Errorf("for the orders: %+v", s)
	}

	// The key stays as long as directory and key ID do.
	if err := set(agent.ACMEChange{Directory: agent.LetsEncrypt, EABKeyID: "kid"}); err != nil || c.orderSettings().EAB == nil {
		t.Errorf("without the key again: %v", err)
	}
	for what, change := range map[string]agent.ACMEChange{
		"another key ID":    {Directory: agent.LetsEncrypt, EABKeyID: "kid2"},
		"another directory": {Directory: agent.LetsEncryptStaging, EABKeyID: "kid"},
	} {
		var problems agent.Problems
		if err := set(change); !errors.As(err, &problems) || problems[0].Field != "eab_hmac_key" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := set(agent.ACMEChange{Directory: agent.LetsEncrypt}); err != nil || c.orderSettings().EAB != nil {
		t.Errorf("without a binding: %v", err)
	}
	if c.settings.Current().ACME.EABSealed != "" {
		t.Error("the key of a removed binding stays")
	}
}

// TestSetACMETerms: accepted terms stay for a directory, and only for that one.
func TestSetACMETerms(t *testing.T) {
	c, _ := openForTest(t)
	accept := func() {
		if err := c.settings.Update(t.Context(), func(s *agent.Settings) error {
			s.ACME = agent.ACMESettings{Directory: agent.LetsEncrypt, Terms: "https://letsencrypt.org/terms"}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for change, want := range map[agent.ACMEChange]string{
		{Directory: agent.LetsEncrypt, Email: "it@company.ru"}: "https://letsencrypt.org/terms",
		{Directory: agent.LetsEncryptStaging}:                  "",
		{}:                                                     "",
		{AcceptTerms: true}:                                    "",
	} {
		accept()
		if err := c.SetACME(t.Context(), change); err != nil || c.ACME().Terms != want {
			t.Errorf("%+v: terms %q, %v", change, c.ACME().Terms, err)
		}
	}
}

// TestLostEABKey: without secret.key the key of the binding is lost, and nothing else is.
func TestLostEABKey(t *testing.T) {
	c, _ := openForTest(t)
	if err := c.SetACME(t.Context(), agent.ACMEChange{Directory: agent.LetsEncrypt, EABKeyID: "kid", EABKey: eabKey}); err != nil {
		t.Fatal(err)
	}
	c.box = secretbox.New(filepath.Join(t.TempDir(), secretKeyFile))
	if s := c.orderSettings(); !s.EABLost || s.EAB == nil || len(s.EAB.Key) > 0 || s.Directory != agent.LetsEncrypt {
		t.Errorf("for the orders: %+v", s)
	}
}
