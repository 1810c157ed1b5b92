package certs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// rootPEM returns the root certificate in the format of root.pem.
func (a *Authority) rootPEM() []byte { return encodeRoot(a.current.Load().root) }

func (a *Authority) self() identity { return a.current.Load().self }

// names returns what the root permits besides what every root does.
func (a *Authority) names() []string { return a.current.Load().names.texts() }

// domains are a gateway's saved and former domains.
var domains = []string{"gw.company.ru", "old.ru", "203.0.113.7", "2001:db8::7"}

// local are names and addresses that every root permits.
var local = []string{"localhost", "127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.1.1", "fd00::1"}

func openWith(t testing.TB, dir string, list ...string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 {
		if err := a.SetNames(list); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func poolOf(t testing.TB, a *Authority) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.rootPEM()) {
		t.Fatal("root.pem holds no certificate")
	}
	return pool
}

// asked returns the certificates for TLSConfig: those for the host that the client asks for, or else for the given one.
func asked(a *Authority, host string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return a.Certificate(cmp.Or(hello.ServerName, host))
	}
}

// serve answers each TLS 1.3 connection on loopback with "ok" and returns its address. A client that sends no name gets
// the certificate for host.
func serve(t *testing.T, a *Authority, host string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", TLSConfig(tls.VersionTLS13, asked(a, host)))
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, "ok") // fails after a refused handshake, which the client reports
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return l.Addr().String()
}

// dial makes a handshake for the host, whatever the server's address is, and reads the answer.
func dial(addr, host string, roots *x509.CertPool) (tls.ConnectionState, error) {
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: 10 * time.Second},
		Config:    &tls.Config{ServerName: host, RootCAs: roots},
	}
	conn, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.(*tls.Conn).ConnectionState(), nil
}

func TestHandshakes(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	for _, host := range append(local, domains...) {
		state, err := dial(serve(t, a, host), host, poolOf(t, a))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if state.CurveID != tls.X25519MLKEM768 {
			t.Errorf("%s: key exchange %v, want the hybrid one", host, state.CurveID)
		}
		if n := len(state.PeerCertificates); n != 2 || !slices.Equal(state.PeerCertificates[n-1].Raw, a.RootDER()) {
			t.Errorf("%s: a chain of %d that does not end in the root", host, n)
		}
		if leaf := state.PeerCertificates[0]; len(leaf.DNSNames)+len(leaf.IPAddresses) != 1 {
			t.Errorf("%s: a leaf with %v %v, want one name", host, leaf.DNSNames, leaf.IPAddresses)
		}
	}
	if _, err := dial(serve(t, a, domains[0]), domains[0], x509.NewCertPool()); err == nil {
		t.Error("accepted by a client that does not trust the root")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	for _, min := range []uint16{0, tls.VersionTLS10, tls.VersionTLS12} {
		if got := TLSConfig(min, asked(a, "")).MinVersion; got != tls.VersionTLS12 {
			t.Errorf("TLSConfig(%#x) accepts %#x", min, got)
		}
	}
	old := &tls.Config{ServerName: domains[0], RootCAs: poolOf(t, a), MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", serve(t, a, ""), old); err == nil {
		conn.Close()
		t.Error("TLS 1.2 accepted by a listener for 1.3")
	}
}

// TestAnotherDomain: after another domain is saved, computers with the old root still accept the former domain, but not
// the new one. A pin accepts both.
func TestAnotherDomain(t *testing.T) {
	a := openWith(t, t.TempDir(), "old.ru")
	addr := serve(t, a, "")
	before := poolOf(t, a)
	if err := a.SetNames([]string{"new.ru", "old.ru"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host  string
		roots *x509.CertPool
		want  bool
	}{{"new.ru", poolOf(t, a), true}, {"old.ru", poolOf(t, a), true}, {"old.ru", before, true}, {"new.ru", before, false}} {
		if _, err := dial(addr, c.host, c.roots); (err == nil) != c.want {
			t.Errorf("%s, with the root from before %v: %v", c.host, c.roots == before, err)
		}
	}
	for _, host := range []string{"old.ru", "new.ru"} {
		if err := dialPinned(addr, host, a.Pin()); err != nil {
			t.Errorf("%s with a pin: %v", host, err)
		}
	}
}

// TestPublicAddress: a public address of this computer that is not a domain gets a leaf for clients with a pin.
// root.pem does not permit it.
func TestPublicAddress(t *testing.T) {
	a := openWith(t, t.TempDir(), "gw.company.ru")
	before := a.rootPEM()
	for _, host := range []string{"198.51.100.1", "2001:db8::1"} {
		if err := dialPinned(serve(t, a, host), host, a.Pin()); err != nil {
			t.Errorf("%s with a pin: %v", host, err)
		}
		if _, err := dial(serve(t, a, host), host, poolOf(t, a)); err == nil {
			t.Errorf("%s: the root permits it", host)
		}
	}
	if !slices.Equal(before, a.rootPEM()) {
		t.Error("the root changed")
	}
}

func TestRootShape(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	root, err := x509.ParseCertificate(a.RootDER())
	if err != nil {
		t.Fatal(err)
	}
	if !root.IsCA || root.MaxPathLen != 0 || !root.MaxPathLenZero || !root.PermittedDNSDomainsCritical {
		t.Errorf("CA %v, path length %d, critical constraints %v", root.IsCA, root.MaxPathLen, root.PermittedDNSDomainsCritical)
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; root.KeyUsage != want {
		t.Errorf("key usage %b, want %b", root.KeyUsage, want)
	}
	if !slices.Equal(root.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("extended key usage %v", root.ExtKeyUsage)
	}
	if want := root.NotBefore.AddDate(20, 0, 0); !root.NotAfter.Equal(want) {
		t.Errorf("valid until %v, want %v", root.NotAfter, want)
	}
	if cn := root.Subject.CommonName; !strings.HasPrefix(cn, "Ideco agent root ") {
		t.Errorf("common name %q", cn)
	}
	sum := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	if want := base64.StdEncoding.EncodeToString(sum[:]); a.Pin() != want {
		t.Errorf("pin %s, want %s", a.Pin(), want)
	}
}

func TestRootIdentityStays(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, "old.ru")
	first, _ := x509.ParseCertificate(a.RootDER())
	if err := a.SetNames(domains); err != nil {
		t.Fatal(err)
	}
	again := openWith(t, dir, domains...)
	second, _ := x509.ParseCertificate(again.RootDER())
	if a.Pin() != again.Pin() {
		t.Errorf("pin %s became %s", a.Pin(), again.Pin())
	}
	for what, same := range map[string]bool{
		"subject":       slices.Equal(first.RawSubject, second.RawSubject),
		"SubjectKeyId":  slices.Equal(first.SubjectKeyId, second.SubjectKeyId),
		"key":           slices.Equal(first.RawSubjectPublicKeyInfo, second.RawSubjectPublicKeyInfo),
		"serial number": first.SerialNumber.Cmp(second.SerialNumber) != 0, // must differ
	} {
		if !same {
			t.Errorf("%s is not as it should be after new names", what)
		}
	}
	if diff := gocmp.Diff([]string{"gw.company.ru", "old.ru", "203.0.113.7", "2001:db8::7"}, again.names()); diff != "" {
		t.Errorf("names after a restart: %s", diff)
	}
	if _, err := dial(serve(t, again, "203.0.113.7"), "203.0.113.7", poolOf(t, a)); err != nil {
		t.Errorf("after a restart, with the root from before it: %v", err)
	}
}

// TestSetNamesKeepsRoot: the root changes only for a name that it does not permit yet.
func TestSetNamesKeepsRoot(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, "gw.company.ru", "203.0.113.7", "2001:db8::7", "b.ru")
	before := a.rootPEM()
	for _, list := range [][]string{
		{"b.ru", "2001:db8::7", "203.0.113.7", "gw.company.ru"},
		{"B.RU", "b.ru", "2001:db8:0::7", "::ffff:203.0.113.7", "GW.company.ru"},
		{"gw.company.ru", "localhost", "10.1.2.3", "fd00::5"},
		{"gw.company.ru"}, // the others were removed
		{},
	} {
		if err := a.SetNames(list); err != nil {
			t.Fatal(err)
		}
		if again := openWith(t, dir, list...); !slices.Equal(before, a.rootPEM()) || !slices.Equal(before, again.rootPEM()) {
			t.Errorf("%v: another root for the same names", list)
		}
	}
	for _, name := range []string{"c.ru", "203.0.113.8"} {
		if err := a.SetNames([]string{name}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.names(), []string{name}) || !slices.Equal(openWith(t, dir, name).rootPEM(), a.rootPEM()) {
			t.Errorf("%s: the root permits %v", name, a.names())
		}
	}
}

func TestSetNamesRefuses(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	before := a.rootPEM()
	tooMany := make([]string, maxNames+1)
	for i := range tooMany {
		tooMany[i] = net.IPv4(100, 64, byte(i>>8), byte(i)).String()
	}
	for name, list := range map[string][]string{
		"too many":    tooMany,
		"empty":       {""},
		"not ASCII":   {"шлюз.рф"},
		"wildcard":    {"*.company.ru"},
		"leading dot": {".company.ru"},
		"final dot":   {"company.ru."},
		"URL":         {"https://company.ru"},
		"port":        {"company.ru:443"},
		"network":     {"10.0.0.0/8"},
		"zone":        {"fe80::1%eth0"},
		"unspecified": {"0.0.0.0"},
		"multicast":   {"ff02::1"},
		"one of two":  {"good.ru", "bad name"},
		"not quite":   {"10.0.0.300"},
	} {
		if err := a.SetNames(list); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if !slices.Equal(before, a.rootPEM()) {
			t.Fatalf("%s: the root changed", name)
		}
	}
	if err := a.SetNames(tooMany[1:]); err != nil {
		t.Fatal(err)
	}
	if err := goVerify(a, servedLeaf(t, a, tooMany[1]), tooMany[1]); err != nil {
		t.Errorf("as many names as are allowed: %v", err)
	}
}

func TestSetNamesOnABrokenDiskChangesNothing(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, domains...)
	before := a.rootPEM()
	a.dir = filepath.Join(dir, "gone")
	if err := a.SetNames([]string{"new.ru"}); err == nil {
		t.Fatal("accepted although the root cannot be written")
	}
	if !slices.Equal(before, a.rootPEM()) || !slices.Contains(a.names(), domains[0]) {
		t.Error("the names changed although the root was not written")
	}
}

func TestRootDERIsACopy(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	clear(a.RootDER())
	if _, err := x509.ParseCertificate(a.RootDER()); err != nil {
		t.Error(err)
	}
	if err := goVerify(a, servedLeaf(t, a, domains[0]), domains[0]); err != nil {
		t.Error(err)
	}
}

// TestConcurrentUse runs handshakes, reads and changes at once, for -race. Each client accepts any root with the pin.
func TestConcurrentUse(t *testing.T) {
	a := openWith(t, t.TempDir(), domains...)
	addr := serve(t, a, "")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 10 {
				if err := a.SetNames(append([]string{net.IPv4(100, 65, byte(i), byte(j)).String()}, domains...)); err != nil {
					t.Error(err)
				}
				if len(a.names()) != 5 || len(a.rootPEM()) == 0 || a.Pin() == "" {
					t.Error("a half-changed authority")
				}
			}
		})
		all.Go(func() {
			for range 10 {
				if err := dialPinned(addr, domains[0], a.Pin()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := dial(addr, domains[0], poolOf(t, a)); err != nil {
		t.Error(err)
	}
}

// dialPinned accepts a chain whose last certificate has the pin, and verifies it under that root.
func dialPinned(addr, host, pin string) error {
	conn, err := tls.Dial("tcp", addr, &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(s tls.ConnectionState) error {
			roots := x509.NewCertPool()
			root := s.PeerCertificates[len(s.PeerCertificates)-1]
			if sum := sha256.Sum256(root.RawSubjectPublicKeyInfo); base64.StdEncoding.EncodeToString(sum[:]) == pin {
				roots.AddCert(root)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
			return err
		},
	})
	if err != nil {
		return err
	}
	return conn.Close()
}
